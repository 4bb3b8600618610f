//! How threads are told to stop: a flag that can be waited for, with a clock by those that sleep and without one by
//! those that wait for a connection.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// Set once, seen by everybody.
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
    seen: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { stopped: Mutex::new(false), changed: Condvar::new(), seen: watch::Sender::new(false) }
    }
}

impl Stop {
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
        self.seen.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a moment, or until stopped; says whether stopped.
    pub(crate) fn wait_until(&self, moment: Instant) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = moment.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(stopped, patience, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns once stopped.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this, so the wait ends by the value alone.
        let _ = self.seen.subscribe().wait_for(|stopped| *stopped).await;
    }
}
