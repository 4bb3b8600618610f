//! Whether uploads wait: what can be sent later is sent when the grid is cleaner, but not later than it may be.

use super::memory::Memory;
use crate::time::{HOUR_MS, hours};

/// How much cleaner it must be later for a wait to pay.
const WORTH_WAITING: f64 = 0.97;
/// Without a forecast: below the intensity that this share of the remembered hours is not above, it is clean enough.
const CLEAN_SHARE: f64 = 0.3;

/// Since when uploads wait, and how long they may.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    hours_max: f64,
    waiting_since_ms: Option<i64>,
}

impl Upload {
    pub(super) fn new(hours_max: f64) -> Self {
        Self { hours_max, waiting_since_ms: None }
    }

    /// Whether they wait now. What is new in an alert does not.
    pub(super) fn decide(
        &mut self,
        now_ms: i64,
        intensity: f64,
        forecast: impl Iterator<Item = (i64, f64)>,
        memory: &Memory,
        alert: bool,
    ) -> bool {
        if alert || self.hours_max <= 0.0 {
            self.waiting_since_ms = None;
            return false;
        }
        let since_ms = self.waiting_since_ms.unwrap_or(now_ms);
        let left = self.hours_max - hours(now_ms.saturating_sub(since_ms));
        let deadline_ms = now_ms.saturating_add((left * HOUR_MS as f64) as i64);
        // An hour that begins at the deadline is still good: that is when they are sent at the latest.
        let later: Vec<f64> = forecast.filter(|(at_ms, _)| *at_ms <= deadline_ms).map(|(_, grams)| grams).collect();
        let cleaner_later = match later.iter().copied().reduce(f64::min) {
            Some(least) => least < intensity * WORTH_WAITING,
            None => memory.quantile(CLEAN_SHARE).is_some_and(|clean| intensity > clean),
        };
        let waits = left > 0.0 && cleaner_later;
        self.waiting_since_ms = waits.then_some(since_ms);
        waits
    }
}
