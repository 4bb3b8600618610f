//! When to try again what failed, and when to say so. Pure: the time comes in.

use std::time::{Duration, Instant};

const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(60);

/// The delay before the next try, which doubles up to a minute and is short again after a success.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Another try failed; the wait before the next.
    pub(crate) fn failed(&mut self) -> Duration {
        let delay = DELAY_MIN.saturating_mul(1 << self.failures.min(6)).min(DELAY_MAX);
        self.failures = self.failures.saturating_add(1);
        delay
    }

    pub(crate) fn worked(&mut self) {
        self.failures = 0;
    }
}

const QUIET_MIN: Duration = Duration::from_secs(60);
const QUIET_MAX: Duration = Duration::from_secs(3600);

/// Says a trouble at once and then ever more seldom: after a minute, two, four, up to an hour. After an hour without
/// trouble it begins anew. One that comes and goes is no louder than one that stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seldom {
    said: Option<Said>,
    unsaid: u64,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    quiet: Duration,
    since: Instant,
    last_failure: Instant,
}

impl Seldom {
    /// It failed. Whether to say so now, and if so how many failures were not said since the last time.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<u64> {
        let quiet = match &mut self.said {
            Some(said) if now.saturating_duration_since(said.last_failure) < QUIET_MAX => {
                said.last_failure = now;
                if now.saturating_duration_since(said.since) < said.quiet {
                    self.unsaid += 1;
                    return None;
                }
                said.quiet.saturating_mul(2).min(QUIET_MAX)
            }
            _ => QUIET_MIN,
        };
        self.said = Some(Said { quiet, since: now, last_failure: now });
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute_and_are_short_after_a_success() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..9).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.worked();
        assert_eq!(backoff.failed().as_secs(), 1);
    }

    #[test]
    fn a_trouble_that_stays_is_said_ever_more_seldom() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        let said: Vec<(u64, u64)> = (0..40_000)
            .filter_map(|second| seldom.failed(start + Duration::from_secs(second)).map(|unsaid| (second, unsaid)))
            .collect();
        let times: Vec<u64> = said.iter().map(|(second, _)| *second).collect();
        assert_eq!(
            times,
            [
                0, 60, 180, 420, 900, 1860, 3780, 7380, 10_980, 14_580, 18_180, 21_780, 25_380, 28_980, 32_580, 36_180,
                39_780
            ]
        );
        assert_eq!(said[..3], [(0, 0), (60, 59), (180, 119)]);
    }

    #[test]
    fn after_an_hour_of_quiet_it_is_said_at_once() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        for second in 0..100 {
            seldom.failed(start + Duration::from_secs(second));
        }
        assert_eq!(seldom.failed(start + Duration::from_secs(99 + 3599)).map(|_| ()), Some(()));
        assert_eq!(seldom.failed(start + Duration::from_secs(99 + 3599 + 3600)), Some(0));
        assert_eq!(seldom.failed(start + Duration::from_secs(99 + 3599 + 3601)), None);
    }
}
