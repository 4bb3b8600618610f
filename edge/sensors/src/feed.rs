//! From sources to whoever takes readings: a bounded queue, and what is counted of each source.
//!
//! A full queue lets its oldest readings go, because the newest is worth most; only a replay that has no hurry waits
//! for room instead.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{SourceError, chain};
use crate::reading::Reading;
use crate::retry::Seldom;
use crate::stop::Stop;

/// How long a replay waits for room before it looks whether it shall stop.
const ROOM_PATIENCE: Duration = Duration::from_millis(200);

/// Readings that wait to be taken.
pub(crate) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    filled: Condvar,
    taken: Condvar,
}

#[derive(Default)]
struct Waiting {
    readings: VecDeque<Reading>,
    outlets: usize,
    dropped: u64,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        let capacity = capacity.max(1);
        Arc::new(Self { capacity, waiting: Mutex::default(), filled: Condvar::new(), taken: Condvar::new() })
    }

    /// A way in; when the last one is gone, the queue has ended.
    pub(crate) fn outlet(self: &Arc<Self>) -> Outlet {
        self.lock().outlets += 1;
        Outlet { queue: Arc::clone(self) }
    }

    /// Waits for a first reading, then for others as long as it may linger or until half the room is taken; takes all
    /// there are. Empty when the patience ends; nothing when no source is left.
    pub(crate) fn take(&self, patience: Duration, linger: Duration) -> Option<Vec<Reading>> {
        let enough = self.capacity.div_ceil(2);
        let waiting = self.wait_for(self.lock(), patience, 1);
        let mut waiting = if waiting.readings.is_empty() { waiting } else { self.wait_for(waiting, linger, enough) };
        if waiting.readings.is_empty() && waiting.outlets == 0 {
            return None;
        }
        let readings = std::mem::take(&mut waiting.readings).into();
        self.taken.notify_all();
        Some(readings)
    }

    /// Readings that were let go because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn wait_for<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        patience: Duration,
        count: usize,
    ) -> MutexGuard<'a, Waiting> {
        let goes_on = |waiting: &mut Waiting| waiting.readings.len() < count && waiting.outlets > 0;
        self.filled.wait_timeout_while(waiting, patience, goes_on).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A way into the queue, held by a thread that feeds it.
pub(crate) struct Outlet {
    queue: Arc<Queue>,
}

impl Outlet {
    /// Puts readings in, all at once; the oldest go where there is no room.
    pub(crate) fn send(&self, readings: Vec<Reading>) {
        let mut waiting = self.queue.lock();
        waiting.readings.extend(readings);
        let beyond = waiting.readings.len().saturating_sub(self.queue.capacity);
        waiting.readings.drain(..beyond);
        waiting.dropped += beyond as u64;
        drop(waiting);
        self.queue.filled.notify_all();
    }

    /// Puts a reading in once there is room, or says that it shall stop.
    pub(crate) fn send_patiently(&self, reading: Reading, stop: &Stop) -> bool {
        let mut waiting = self.queue.lock();
        while waiting.readings.len() >= self.queue.capacity {
            if stop.is_stopped() {
                return false;
            }
            let waited = self.queue.taken.wait_timeout(waiting, ROOM_PATIENCE);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.readings.push_back(reading);
        drop(waiting);
        self.queue.filled.notify_all();
        !stop.is_stopped()
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.queue.lock().outlets -= 1;
        self.queue.filled.notify_all();
    }
}

/// What is counted of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCounters {
    /// Its name, which no other of the box has: the sensor such as `cpu_temperature`, or `serial:`, `mqtt:` or `csv:`
    /// and the device, topic or file.
    pub source: String,
    /// Readings it gave, those that the queue let go included.
    pub readings: u64,
    /// Lines, messages or rows from which nothing could be read.
    pub rejected: u64,
    /// Times it could not be opened or read, or went away.
    pub failures: u64,
    /// Whether the last try worked. A sensor that the box lacks does not fail, it is quiet.
    pub is_working: bool,
    /// What failed or was rejected last.
    pub last_error: Option<String>,
}

/// The counters of a running source, and when its troubles are said.
pub(crate) struct SourceState {
    source: String,
    readings: AtomicU64,
    rejected: AtomicU64,
    failures: AtomicU64,
    is_working: AtomicBool,
    troubles: Mutex<Troubles>,
}

#[derive(Default)]
struct Troubles {
    failing: Seldom,
    rejecting: Seldom,
    last_error: Option<String>,
}

impl SourceState {
    pub(crate) fn new(source: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            source: source.into(),
            readings: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            is_working: AtomicBool::new(false),
            troubles: Mutex::default(),
        })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// It is open, or gave this many readings.
    pub(crate) fn worked(&self, readings: usize) {
        self.readings.fetch_add(readings as u64, Relaxed);
        self.is_working.store(true, Relaxed);
    }

    /// It gives nothing now and is tried again.
    pub(crate) fn failed(&self, error: &SourceError, now: Instant) {
        let reason = chain(error);
        let mut troubles = self.troubles();
        self.failures.fetch_add(1, Relaxed);
        self.is_working.store(false, Relaxed);
        if let Some(unsaid) = troubles.failing.failed(now) {
            tracing::warn!(source = %self.source, %reason, unsaid, "sensor source fails; it is tried again");
        }
        troubles.last_error = Some(reason);
    }

    /// A line, message or row of it cannot be used.
    pub(crate) fn rejected(&self, error: &SourceError, now: Instant) {
        let reason = chain(error);
        let mut troubles = self.troubles();
        self.rejected.fetch_add(1, Relaxed);
        if let Some(unsaid) = troubles.rejecting.failed(now) {
            tracing::warn!(source = %self.source, %reason, unsaid, "sensor value rejected");
        }
        troubles.last_error = Some(reason);
    }

    pub(crate) fn counters(&self) -> SourceCounters {
        // Held meanwhile, so that a failure is counted and its reason said, or neither.
        let troubles = self.troubles();
        SourceCounters {
            source: self.source.clone(),
            readings: self.readings.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            failures: self.failures.load(Relaxed),
            is_working: self.is_working.load(Relaxed),
            last_error: troubles.last_error.clone(),
        }
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
