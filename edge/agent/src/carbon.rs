//! Carbon: a thread asks the source of intensities; what is known goes to whoever looks at cameras, and whether uploads
//! wait to the outbox.
//!
//! What is asked, and what follows from it, is the business of `headwater-carbon`; here are its thread and its log.

pub(crate) mod control;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use headwater_camera::StopSignal;
use headwater_carbon::{Deferral, Follower, Notice, Outlook, Provider};
use tokio::sync::watch;

use crate::clock;
use crate::outbox::Outbox;

/// How often the present is read from what is known.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Between two decisions on uploads while nothing new is known.
const DECISION_INTERVAL: Duration = Duration::from_secs(10);
/// How long an alert lasts after what it is about was last seen, milliseconds.
const ALERT_MS: i64 = 30_000;

/// What is known now; nothing before the source was first asked, and where there is none.
pub(crate) type OutlookWatch = watch::Receiver<Option<Arc<Outlook>>>;

/// When something was last seen that must not be missed.
#[derive(Debug)]
pub(crate) struct Alert(AtomicI64);

impl Default for Alert {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Alert {
    /// It is seen now.
    pub(crate) fn seen(&self, now_ms: i64) {
        self.0.store(now_ms, Relaxed);
    }

    /// Whether the alert lasts. One from the future, because the clock was set, does not.
    pub(crate) fn lasts(&self, now_ms: i64) -> bool {
        (0..ALERT_MS).contains(&now_ms.saturating_sub(self.0.load(Relaxed)))
    }
}

/// What the thread needs.
pub(crate) struct CarbonWatch {
    pub(crate) provider: Box<dyn Provider>,
    pub(crate) follower: Follower,
    pub(crate) deferral: Deferral,
    pub(crate) outlooks: watch::Sender<Option<Arc<Outlook>>>,
    pub(crate) outbox: Arc<Outbox>,
    /// Of any camera.
    pub(crate) alert: Arc<Alert>,
}

impl CarbonWatch {
    /// Asks until stopped. Blocks for as long as a question takes.
    pub(crate) fn run(mut self, stop: &StopSignal) {
        let mut decided: Option<(Instant, bool)> = None;
        loop {
            let now_ms = clock::now_ms();
            if self.follower.is_due(now_ms) {
                let answer = self.provider.fetch(now_ms);
                say(self.follower.answered(clock::now_ms(), answer));
            }
            let now_ms = clock::now_ms();
            let (outlook, notice) = self.follower.outlook(now_ms);
            say(notice);
            let is_new = self.outlooks.borrow().as_deref() != Some(&outlook);
            let alert = self.alert.lasts(now_ms);
            if is_new || decided.is_none_or(|(at, was)| was != alert || at.elapsed() >= DECISION_INTERVAL) {
                decided = Some((Instant::now(), alert));
                self.outbox.defer(self.deferral.waits(now_ms, &outlook, alert));
            }
            if is_new {
                self.outlooks.send_replace(Some(Arc::new(outlook)));
            }
            if stop.wait(LOOK_INTERVAL) {
                return;
            }
        }
    }
}

fn say(notice: Option<Notice>) {
    match notice {
        None => {}
        Some(Notice::Fresh { source }) => tracing::info!(source, "carbon intensity is known"),
        Some(Notice::FellBack { g_per_kwh, source }) => {
            tracing::warn!(g_per_kwh, source, "carbon intensity is not known; a factor of the year stands in");
        }
        Some(Notice::Failed { reason, needs_a_person: true, again_ms }) => {
            tracing::error!(reason, again_ms, "carbon intensity not answered; a setting must be changed");
        }
        Some(Notice::Failed { reason, needs_a_person: false, again_ms }) => {
            tracing::warn!(reason, again_ms, "carbon intensity not answered");
        }
    }
}
