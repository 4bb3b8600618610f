//! Carbon: a thread asks the source of intensities, and what is known goes to whoever looks at cameras.
//!
//! What is asked, and what follows from it, is the business of `headwater-carbon`; here are its thread and its log.

pub(crate) mod control;

use std::sync::Arc;
use std::time::Duration;

use headwater_camera::StopSignal;
use headwater_carbon::{Follower, Notice, Outlook, Provider};
use tokio::sync::watch;

use crate::clock;

/// How often the present is read from what is known, at least.
const LOOK_INTERVAL_MS: i64 = 30_000;

/// What is known now; nothing before the source was first asked, and where there is none.
pub(crate) type OutlookWatch = watch::Receiver<Option<Arc<Outlook>>>;

/// Asks until stopped. Blocks for as long as a question takes.
pub(crate) fn follow(
    mut provider: Box<dyn Provider>,
    mut follower: Follower,
    outlooks: &watch::Sender<Option<Arc<Outlook>>>,
    stop: &StopSignal,
) {
    loop {
        let now_ms = clock::now_ms();
        if now_ms >= follower.due_ms() {
            let answer = provider.fetch(now_ms);
            say(follower.answered(clock::now_ms(), answer));
        }
        let now_ms = clock::now_ms();
        let (outlook, notice) = follower.outlook(now_ms);
        say(notice);
        let next_ms = outlook.forecast.first().map_or(i64::MAX, |point| point.at_ms);
        outlooks.send_replace(Some(Arc::new(outlook)));
        let wait_ms = next_ms.min(follower.due_ms()).saturating_sub(now_ms).clamp(1, LOOK_INTERVAL_MS);
        if stop.wait(Duration::from_millis(wait_ms as u64)) {
            return;
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
