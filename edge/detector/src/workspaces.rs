//! Buffers that calls borrow and leave behind for the next: a frame allocates next to nothing.

use std::sync::{Mutex, PoisonError};

/// What calls need besides the weights, each for one input size; as many are kept as calls ever ran at once.
pub(crate) struct Workspaces<W> {
    idle: Mutex<Vec<(u32, W)>>,
}

impl<W> Default for Workspaces<W> {
    fn default() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }
}

impl<W> Workspaces<W> {
    /// Runs with an idle workspace of this size, or with a new one in place of an idle one of another size.
    pub(crate) fn with<R>(&self, input_size: u32, new: impl FnOnce() -> W, run: impl FnOnce(&mut W) -> R) -> R {
        let mut workspace = self.take(input_size).unwrap_or_else(new);
        let result = run(&mut workspace);
        self.lock().push((input_size, workspace));
        result
    }

    fn take(&self, input_size: u32) -> Option<W> {
        let mut idle = self.lock();
        if let Some(index) = idle.iter().position(|(size, _)| *size == input_size) {
            return Some(idle.swap_remove(index).1);
        }
        // Sizes that are not used any more must not pile up.
        idle.pop();
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u32, W)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_used_again_at_its_size_only() {
        let workspaces = Workspaces::default();
        let mut made = 0;
        for size in [416, 416, 320, 416, 416] {
            let new = || {
                made += 1;
                size
            };
            workspaces.with(size, new, |found| assert_eq!(*found, size));
        }
        assert_eq!(made, 3, "one for each change of size");
        assert_eq!(workspaces.lock().len(), 1);
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
