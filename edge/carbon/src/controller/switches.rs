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
        let recent = self.at_ms.iter().filter(|at_ms| now_ms.saturating_sub(**at_ms) < HOUR_MS).count();
        self.per_hour_max.saturating_sub(recent)
    }

    /// Whether the last one is long enough ago.
    pub(super) fn has_dwelt(&self, now_ms: i64) -> bool {
        self.at_ms.back().is_none_or(|last| now_ms.saturating_sub(*last) >= self.dwell_ms)
    }

    pub(super) fn note(&mut self, now_ms: i64) {
        self.at_ms.push_back(now_ms);
        if self.at_ms.len() > self.per_hour_max {
            self.at_ms.pop_front();
        }
    }
}
