//! How threads are told to stop: a flag that can be waited for, because a thread that waits for the next frame's time
//! must wake when the agent shuts down.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Set once, seen by everybody.
#[derive(Default)]
pub struct StopSignal {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Tells everybody to stop.
    pub fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether it was told.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a moment, or until stopped; says whether stopped.
    pub fn wait_until(&self, moment: Instant) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = moment.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(stopped, patience, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
