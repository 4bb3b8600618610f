//! How operators keep their state: whether for checkpoints, in how much memory, and where rows go beyond that.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater_core::SpillStore;

/// How the operators of a job keep their state.
#[derive(Clone, Debug)]
pub struct Storage {
    kept: bool,
    spill: Option<Arc<SpillSpace>>,
}

impl Storage {
    /// State in memory, all of it. Where no checkpoints are `kept`, nothing is put by for them.
    pub fn new(kept: bool) -> Self {
        Storage { kept, spill: None }
    }

    /// The same, with rows spilled where they have no room.
    pub fn with_spill(self, space: Arc<SpillSpace>) -> Self {
        Storage { spill: Some(space), ..self }
    }

    /// Whether there will be checkpoints.
    pub(super) fn kept(&self) -> bool {
        self.kept
    }

    /// The part of one table in the memory of the job; `None` where it takes what it needs.
    pub(super) fn share(&self) -> Option<Share> {
        self.spill.as_ref().map(Share::new)
    }
}

/// Memory that the tables of a job share, and the store for rows that it has no room for.
///
/// As long as all of them together fit, each may take what it needs. When they do not, those tables give rows up that
/// have more than an even part; so what all hold is less than twice the bound, whichever of them grow and whichever rest.
#[derive(Debug)]
pub struct SpillSpace {
    store: Arc<dyn SpillStore>,
    memory_max: usize,
    used: AtomicUsize,
    tables: AtomicUsize,
}

impl SpillSpace {
    /// So many bytes of memory for the tables of a job.
    pub fn new(store: Arc<dyn SpillStore>, memory_max: usize) -> Arc<Self> {
        Arc::new(SpillSpace { store, memory_max, used: AtomicUsize::new(0), tables: AtomicUsize::new(0) })
    }
}

/// What one table takes of the memory.
#[derive(Debug)]
pub(super) struct Share {
    space: Arc<SpillSpace>,
    used: Cell<usize>,
}

impl Share {
    fn new(space: &Arc<SpillSpace>) -> Self {
        space.tables.fetch_add(1, Ordering::Relaxed);
        Share { space: space.clone(), used: Cell::new(0) }
    }

    /// Where rows go.
    pub(super) fn store(&self) -> &dyn SpillStore {
        self.space.store.as_ref()
    }

    /// Says that the table takes so many bytes now; gives how many of them are too many.
    pub(super) fn excess(&self, bytes: usize) -> usize {
        let before = self.used.replace(bytes);
        let all = match bytes >= before {
            true => self.space.used.fetch_add(bytes - before, Ordering::Relaxed) + (bytes - before),
            false => self.space.used.fetch_sub(before - bytes, Ordering::Relaxed) - (before - bytes),
        };
        let even = self.space.memory_max / self.space.tables.load(Ordering::Relaxed).max(1);
        all.saturating_sub(self.space.memory_max).min(bytes.saturating_sub(even))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.space.used.fetch_sub(self.used.get(), Ordering::Relaxed);
        self.space.tables.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use headwater_core::{OperatorError, SpilledRows};

    use super::*;

    #[derive(Debug)]
    struct Nowhere;

    impl SpillStore for Nowhere {
        fn write(&self, _: &arrow::record_batch::RecordBatch) -> Result<Box<dyn SpilledRows>, OperatorError> {
            Err(OperatorError::plan("nothing is spilled here"))
        }
    }

    #[test]
    fn whoever_has_more_than_an_even_part_gives_up_what_is_too_much() {
        let storage = Storage::new(true).with_spill(SpillSpace::new(Arc::new(Nowhere), 100));
        let (small, large) = (storage.share().unwrap(), storage.share().unwrap());
        assert_eq!((small.excess(10), large.excess(90)), (0, 0), "all of it may be used");
        assert_eq!((small.excess(20), large.excess(90)), (0, 10), "the small one is below its part");
        assert_eq!((small.excess(60), large.excess(80)), (10, 30));
        drop(large);
        assert_eq!((small.excess(60), small.excess(120)), (0, 20));
    }
}
