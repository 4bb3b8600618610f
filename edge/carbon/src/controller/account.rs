//! The account of accuracy: hours above the promise pay in, hours below pay out, and it is never overdrawn.
//!
//! So the mean since the start is never below the promise, and over any stretch of time it is below by no more than the
//! ceiling over the stretch: what is saved beyond the ceiling is lost, so that a clean month does not pay for a blind
//! one.

use crate::time::{HOUR_MS, hours};

/// A longer time between two looks at the account was not watched and counts for nothing.
const GAP_MS_MAX: i64 = 2 * HOUR_MS;

/// Accuracy-hours above a promise.
#[derive(Clone, Debug)]
pub(super) struct Account {
    balance: f64,
    ceiling: f64,
    settled_ms: Option<i64>,
    /// The last time between two looks.
    gap_ms: i64,
}

impl Account {
    pub(super) fn new(ceiling: f64) -> Self {
        Self { balance: 0.0, ceiling, settled_ms: None, gap_ms: 0 }
    }

    /// Books the time since the last call at so much accuracy above the promise.
    pub(super) fn settle(&mut self, now_ms: i64, above: f64) {
        let elapsed_ms = self.settled_ms.map_or(0, |before| now_ms.saturating_sub(before));
        // After a clock was set back time is booked from there on.
        self.settled_ms = Some(now_ms);
        if (1..=GAP_MS_MAX).contains(&elapsed_ms) {
            self.gap_ms = elapsed_ms;
            self.balance = (self.balance + above * hours(elapsed_ms)).min(self.ceiling);
        }
    }

    pub(super) fn balance(&self) -> f64 {
        self.balance
    }

    /// Whether it lasts for such a loss until the next look, which may be as far away as the last was or as a dwell.
    pub(super) fn lasts(&self, loss: f64, dwell_ms: i64) -> bool {
        self.balance >= loss * hours(self.gap_ms.max(dwell_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_books_time_times_accuracy_up_to_its_ceiling() {
        let mut account = Account::new(0.05);
        account.settle(0, 0.02);
        assert_eq!(account.balance(), 0.0, "no time has passed");
        account.settle(HOUR_MS, 0.02);
        assert!((account.balance() - 0.02).abs() < 1e-12);
        account.settle(HOUR_MS + HOUR_MS / 2, -0.02);
        assert!((account.balance() - 0.01).abs() < 1e-12);
        account.settle(3 * HOUR_MS, 0.9);
        assert_eq!(account.balance(), 0.05);
    }

    #[test]
    fn a_time_that_nobody_watched_and_a_clock_set_back_count_for_nothing() {
        let mut account = Account::new(1.0);
        account.settle(0, 0.0);
        account.settle(3 * HOUR_MS, 0.5);
        account.settle(HOUR_MS, 0.5);
        assert_eq!(account.balance(), 0.0);
        account.settle(2 * HOUR_MS, 0.5);
        assert_eq!(account.balance(), 0.5, "and from there on time is booked as ever");
    }

    #[test]
    fn it_lasts_for_the_longer_of_the_last_gap_and_the_dwell() {
        let mut account = Account::new(1.0);
        account.settle(0, 0.0);
        account.settle(HOUR_MS, 0.1);
        assert!(account.lasts(0.1, 0) && !account.lasts(0.11, 0) && !account.lasts(0.1, 2 * HOUR_MS));
    }
}
