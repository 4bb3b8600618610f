//! How often the way to look may change.

use std::collections::VecDeque;

use crate::time::HOUR_MS;

/// The changes of the last hour.
#[derive(Clone, Debug)]
pub(super) struct Switches {
    at_ms: VecDeque<i64>,
    per_hour_max: usize,
    dwell_ms: i64,
}

impl Switches {
    pub(super) fn new(per_hour_max: u32, dwell_ms: i64) -> Self {
        Self { at_ms: VecDeque::new(), per_hour_max: per_hour_max as usize, dwell_ms }
    }

    /// How many more there may be now.
    pub(super) fn left(&self, now_ms: i64) -> usize {
        let recent = self.at_ms.iter().filter(|at_ms| is_within(HOUR_MS, **at_ms, now_ms)).count();
        self.per_hour_max.saturating_sub(recent)
    }

    /// Whether the last one is long enough ago.
    pub(super) fn has_dwelt(&self, now_ms: i64) -> bool {
        self.at_ms.back().is_none_or(|last| !is_within(self.dwell_ms, *last, now_ms))
    }

    pub(super) fn note(&mut self, now_ms: i64) {
        self.at_ms.push_back(now_ms);
        if self.at_ms.len() > self.per_hour_max {
            self.at_ms.pop_front();
        }
    }
}

/// Whether a change is so recent. One of the future is not: the clock was set back, and nobody waits until it has caught
/// up.
fn is_within(span_ms: i64, at_ms: i64, now_ms: i64) -> bool {
    (0..span_ms).contains(&now_ms.saturating_sub(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_for_an_hour() {
        let mut switches = Switches::new(2, 1000);
        assert!(switches.has_dwelt(0));
        switches.note(0);
        switches.note(500);
        assert_eq!((switches.left(600), switches.has_dwelt(600)), (0, false));
        assert_eq!((switches.left(HOUR_MS), switches.has_dwelt(1500)), (1, true));
    }

    #[test]
    fn a_clock_set_back_forgets_the_changes_of_the_future() {
        let mut switches = Switches::new(2, 1000);
        switches.note(24 * HOUR_MS);
        switches.note(24 * HOUR_MS);
        assert_eq!((switches.left(0), switches.has_dwelt(0)), (2, true));
    }
}
