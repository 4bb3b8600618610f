//! Whether the uploads of a device wait: what can be sent later is sent when the grid is cleaner, but not later than it may
//! be. Pure: the time, the outlook and whether there is an alert come in.

#[cfg(test)]
mod tests;

use crate::memory::{HISTORY_HOURS, Memory};
use crate::signal::Outlook;
use crate::time::{HOUR_MS, hours};

/// How much cleaner it must be later for a wait to pay.
const WORTH_WAITING: f64 = 0.97;
/// Without a forecast: below the intensity that this share of the remembered hours is not above, it is clean enough.
const CLEAN_SHARE: f64 = 0.3;

/// Since when uploads wait, and how long they may.
#[derive(Clone, Debug)]
pub struct Deferral {
    hours_max: f64,
    memory: Memory,
    waiting_since_ms: Option<i64>,
}

impl Deferral {
    /// Uploads that may wait for so many hours; 0 for not at all.
    pub fn new(hours_max: f64) -> Self {
        Self { hours_max, memory: Memory::new(HISTORY_HOURS), waiting_since_ms: None }
    }

    /// Whether uploads wait now. What is new in an alert does not.
    pub fn waits(&mut self, now_ms: i64, outlook: &Outlook, alert: bool) -> bool {
        if self.hours_max <= 0.0 {
            return false;
        }
        self.memory.take_in(now_ms, outlook);
        if alert {
            self.waiting_since_ms = None;
            return false;
        }
        let intensity = outlook.current.g_per_kwh;
        // A wait that began in the future, before the clock was set back, begins now.
        let since_ms = self.waiting_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms));
        let left = self.hours_max - hours(now_ms.saturating_sub(since_ms));
        let deadline_ms = now_ms.saturating_add((left * HOUR_MS as f64) as i64);
        // An hour that begins at the deadline is still good: that is when they are sent at the latest.
        let later = outlook.forecast.iter().filter(|point| point.at_ms <= deadline_ms).map(|point| point.g_per_kwh);
        let cleaner_later = match later.reduce(f64::min) {
            Some(least) => least < intensity * WORTH_WAITING,
            None => self.memory.quantile(CLEAN_SHARE).is_some_and(|clean| intensity > clean),
        };
        let waits = left > 0.0 && cleaner_later;
        self.waiting_since_ms = waits.then_some(since_ms);
        waits
    }
}
