//! A source that runs in its thread as it does in a box, for the tests of sources. It is stopped and waited for when it
//! is dropped.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::feed::{Outlet, Queue, SourceCounters, SourceState};
use crate::reading::Reading;
use crate::stop::Stop;

/// A test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) struct Running {
    queue: Arc<Queue>,
    state: Arc<SourceState>,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a source that feeds a queue of so many readings.
    pub(crate) fn start(capacity: usize, run: impl FnOnce(&Outlet, &SourceState, &Stop) + Send + 'static) -> Self {
        let (queue, state, stop) = (Queue::new(capacity), SourceState::new("source"), Arc::new(Stop::default()));
        let outlet = queue.outlet();
        let thread = std::thread::spawn({
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            move || run(&outlet, &state, &stop)
        });
        Self { queue, state, stop, thread: Some(thread) }
    }

    /// What it has counted so far.
    pub(crate) fn counters(&self) -> SourceCounters {
        self.state.counters()
    }

    /// Waits for readings and takes all there are; nothing when the source has ended.
    pub(crate) fn take(&self) -> Option<Vec<Reading>> {
        let readings = self.queue.take(LONG, Duration::ZERO)?;
        assert!(!readings.is_empty(), "no reading came: {:?}", self.counters());
        Some(readings)
    }

    /// As [`Running::take`], of a source that gives one at a time.
    pub(crate) fn next(&self) -> Reading {
        let mut readings = self.take().expect("the source has ended");
        assert_eq!(readings.len(), 1, "{readings:?}");
        readings.remove(0)
    }

    pub(crate) fn wait_until(&self, is_working: bool) {
        self.wait_for(|counters| counters.is_working == is_working);
    }

    /// Waits for the first failure; says what failed.
    pub(crate) fn wait_for_failure(&self) -> String {
        self.wait_for(|counters| counters.failures > 0).last_error.unwrap()
    }

    /// Stops it and waits for its end; what it has counted by then.
    pub(crate) fn stopped(mut self) -> SourceCounters {
        self.stop();
        self.counters()
    }

    fn stop(&mut self) {
        self.stop.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        // A second panic would hide the first.
        assert!(std::thread::panicking() || !matches!(ended, Some(Err(_))), "the source's thread died");
    }

    fn wait_for(&self, has_come: impl Fn(&SourceCounters) -> bool) -> SourceCounters {
        let start = Instant::now();
        loop {
            let counters = self.counters();
            if has_come(&counters) {
                return counters;
            }
            assert!(start.elapsed() < LONG, "it did not come to it: {counters:?}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
