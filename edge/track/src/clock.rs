//! Time that only grows, out of timestamps that may jump.

/// Adds up the steps between timestamps, and counts a step back as none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    last_ts_ms: Option<i64>,
    now_ms: i64,
}

impl Clock {
    /// The time since the first call, in milliseconds: never less than at the call before.
    pub(crate) fn advance(&mut self, ts_ms: i64) -> i64 {
        let step_ms = self.last_ts_ms.map_or(0, |last_ts_ms| ts_ms.saturating_sub(last_ts_ms));
        self.last_ts_ms = Some(ts_ms);
        // Half of what fits is more than any camera lives, and leaves room for differences.
        self.now_ms = self.now_ms.saturating_add(step_ms.max(0)).min(i64::MAX / 2);
        self.now_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_no_step_and_time_goes_on_from_there() {
        let mut clock = Clock::default();
        let times: Vec<i64> = [5000, 5100, 1000, 1100, 1100, 1300].map(|ts_ms| clock.advance(ts_ms)).into();
        assert_eq!(times, [0, 100, 100, 200, 200, 400]);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let mut clock = Clock::default();
        let times: Vec<i64> =
            [i64::MAX, i64::MIN, i64::MAX, i64::MIN, i64::MAX].map(|ts_ms| clock.advance(ts_ms)).into();
        assert!(times.is_sorted());
        assert_eq!(times.last(), Some(&(i64::MAX / 2)));
    }
}
