//! How a camera's thread is told to stop: a flag that can be waited for, by a thread that sleeps until its next frame and
//! by a task that waits for a socket.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Set once, seen by everybody.
#[derive(Default)]
pub struct StopSignal {
    stopped: Mutex<bool>,
    changed: Condvar,
    notify: Notify,
}

impl StopSignal {
    /// Tells everybody to stop.
    pub fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
        self.notify.notify_waiters();
    }

    /// Whether it was told.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until stopped; says whether stopped.
    pub fn wait(&self, patience: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, patience, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends when stopped.
    pub async fn stopped(&self) {
        // Being notified is asked for before the flag is looked at: a stop in between is not missed.
        let notified = self.notify.notified();
        if !self.is_stopped() {
            notified.await;
        }
    }
}
