//! Buffers that calls borrow and leave behind for the next: a frame allocates next to nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Idle workspaces that are kept where calls do not overlap: cameras take turns, each at its own input size.
const IDLE_MAX: usize = 4;

/// What calls need besides the weights, each for one input size. A few are kept, or twice as many as were ever borrowed at
/// once; the longest idle go first.
pub(crate) struct Workspaces<W> {
    kept: Mutex<Kept<W>>,
}

struct Kept<W> {
    idle: Vec<(u32, W)>,
    borrowed: usize,
    borrowed_max: usize,
}

impl<W> Default for Workspaces<W> {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { idle: Vec::new(), borrowed: 0, borrowed_max: 0 }) }
    }
}

impl<W> Workspaces<W> {
    /// Runs with an idle workspace of this size, or with a new one.
    pub(crate) fn with<R>(&self, input_size: u32, new: impl FnOnce() -> W, run: impl FnOnce(&mut W) -> R) -> R {
        let mut borrowed = Borrowed { from: self, input_size, workspace: self.take(input_size) };
        run(borrowed.workspace.get_or_insert_with(new))
    }

    fn take(&self, input_size: u32) -> Option<W> {
        let mut kept = self.lock();
        kept.borrowed += 1;
        kept.borrowed_max = kept.borrowed_max.max(kept.borrowed);
        let index = kept.idle.iter().rposition(|(size, _)| *size == input_size)?;
        Some(kept.idle.remove(index).1)
    }

    fn give_back(&self, input_size: u32, workspace: Option<W>) {
        let mut kept = self.lock();
        kept.borrowed -= 1;
        // Sizes that are not used any more must not pile up.
        let is_full = kept.idle.len() >= IDLE_MAX.max(2 * kept.borrowed_max);
        let evicted = is_full.then(|| kept.idle.remove(0));
        kept.idle.extend(workspace.map(|workspace| (input_size, workspace)));
        drop(kept);
        // Megabytes, and not under the lock.
        drop(evicted);
    }

    fn lock(&self) -> MutexGuard<'_, Kept<W>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A workspace that is given back whatever happens.
struct Borrowed<'a, W> {
    from: &'a Workspaces<W>,
    input_size: u32,
    workspace: Option<W>,
}

impl<W> Drop for Borrowed<'_, W> {
    fn drop(&mut self) {
        self.from.give_back(self.input_size, self.workspace.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_that_take_turns_at_two_sizes_keep_their_workspaces() {
        let workspaces = Workspaces::default();
        let mut made = 0;
        for size in [416, 416, 320, 416, 416] {
            let new = || {
                made += 1;
                size
            };
            workspaces.with(size, new, |found| assert_eq!(*found, size));
        }
        assert_eq!((made, workspaces.lock().idle.len()), (2, 2));
    }

    #[test]
    fn sizes_that_are_not_used_any_more_do_not_pile_up() {
        let workspaces = Workspaces::default();
        for size in [32, 64, 96, 128, 160, 192] {
            workspaces.with(size, || size, |_| ());
        }
        let kept: Vec<u32> = workspaces.lock().idle.iter().map(|(size, _)| *size).collect();
        assert_eq!(kept, [96, 128, 160, 192]);
    }

    #[test]
    fn calls_at_two_sizes_at_once_keep_a_workspace_each() {
        let workspaces = Workspaces::default();
        let made = std::cell::Cell::new(0);
        let new = |size: u32| {
            made.set(made.get() + 1);
            size
        };
        for _ in 0..3 {
            workspaces.with(416, || new(416), |_| workspaces.with(320, || new(320), |_| ()));
        }
        assert_eq!((made.get(), workspaces.lock().idle.len()), (2, 2));
    }

    #[test]
    fn many_calls_at_once_keep_a_workspace_each() {
        fn nested(workspaces: &Workspaces<()>, depth: usize, made: &std::cell::Cell<usize>) {
            if depth > 0 {
                workspaces.with(416, || made.set(made.get() + 1), |()| nested(workspaces, depth - 1, made));
            }
        }
        let (workspaces, made) = (Workspaces::default(), std::cell::Cell::new(0));
        (0..3).for_each(|_| nested(&workspaces, 9, &made));
        assert_eq!((made.get(), workspaces.lock().idle.len()), (9, 9));
    }
}
