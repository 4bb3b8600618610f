//! Buffers that calls borrow and leave behind for the next: a frame allocates next to nothing.

use std::sync::{Mutex, PoisonError};

/// Idle workspaces that are kept: cameras take turns, each at its own input size.
const IDLE_MAX: usize = 4;

/// What calls need besides the weights, each for one input size. A few are kept, the longest idle go first.
pub(crate) struct Workspaces<W> {
    idle: Mutex<Vec<(u32, W)>>,
}

impl<W> Default for Workspaces<W> {
    fn default() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }
}

impl<W> Workspaces<W> {
    /// Runs with an idle workspace of this size, or with a new one.
    pub(crate) fn with<R>(&self, input_size: u32, new: impl FnOnce() -> W, run: impl FnOnce(&mut W) -> R) -> R {
        let mut workspace = self.take(input_size).unwrap_or_else(new);
        let result = run(&mut workspace);
        let mut idle = self.lock();
        // Sizes that are not used any more must not pile up.
        let evicted = (idle.len() >= IDLE_MAX).then(|| idle.remove(0));
        idle.push((input_size, workspace));
        drop(idle);
        // Megabytes, and not under the lock.
        drop(evicted);
        result
    }

    fn take(&self, input_size: u32) -> Option<W> {
        let mut idle = self.lock();
        let index = idle.iter().rposition(|(size, _)| *size == input_size)?;
        Some(idle.remove(index).1)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u32, W)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!((made, workspaces.lock().len()), (2, 2));
    }

    #[test]
    fn sizes_that_are_not_used_any_more_do_not_pile_up() {
        let workspaces = Workspaces::default();
        for size in [32, 64, 96, 128, 160, 192] {
            workspaces.with(size, || size, |_| ());
        }
        let kept: Vec<u32> = workspaces.lock().iter().map(|(size, _)| *size).collect();
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
        assert_eq!((made.get(), workspaces.lock().len()), (2, 2));
    }
}
