//! From readings to joules between them. Pure: values and times come in.
//!
//! Two kinds of things are read: a counter of energy, which wraps, and a power, which holds for a moment.

use std::time::{Duration, Instant};

/// No single domain that is read here draws more. What would be more is no wrap but a counter that began anew, as they
/// do when the machine was suspended or the driver was loaded again.
const PLAUSIBLE_WATTS_MAX: f64 = 2_000.0;

/// Seconds between two steps of a counter, at most: of a processor's it is a millisecond, of a GPU's up to a tenth of a
/// second. Two readings at once may lie across a step, which then carries the energy of as much time before the first.
const STEP_MAX_S: f64 = 0.1;

/// Beyond this a power at each end says nothing of what was in between.
const POWER_GAP_MAX: Duration = Duration::from_secs(60);

/// A counter of microjoules that begins at 0 again after its largest value.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    /// Its largest value; nothing for one of 64 bits, which does not get there.
    range_uj: Option<u64>,
    before: Option<(u64, Instant)>,
}

impl Counter {
    pub(crate) fn new(range_uj: Option<u64>) -> Self {
        Self { range_uj: range_uj.filter(|range| *range > 0), before: None }
    }

    /// Joules since the reading before. Nothing at the first reading, after the counter began anew, and when so much
    /// time has passed that it may have wrapped more than once.
    pub(crate) fn advance(&mut self, now_uj: u64, now: Instant) -> Option<f64> {
        let (before_uj, before) = self.before.replace((now_uj, now))?;
        let elapsed_s = now.saturating_duration_since(before).as_secs_f64();
        let plausible_uj = PLAUSIBLE_WATTS_MAX * (elapsed_s + STEP_MAX_S) * 1e6;
        let spent_uj = if now_uj >= before_uj {
            now_uj - before_uj
        } else {
            let range_uj = self.range_uj.filter(|range| *range >= before_uj)?;
            // The value after the largest is 0.
            (range_uj - before_uj).checked_add(now_uj)?.checked_add(1)?
        };
        let may_have_wrapped_again = self.range_uj.is_some_and(|range| range as f64 <= plausible_uj);
        let is_plausible = spent_uj as f64 <= plausible_uj;
        (is_plausible && !may_have_wrapped_again).then(|| spent_uj as f64 / 1e6)
    }
}

/// A power over time: between two readings it went straight from one to the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Power {
    before: Option<(f64, Instant)>,
}

impl Power {
    /// Joules since the reading before. Nothing at the first reading, and over a gap.
    pub(crate) fn advance(&mut self, watts: f64, now: Instant) -> Option<f64> {
        let (watts_before, before) = self.before.replace((watts, now))?;
        let elapsed = now.saturating_duration_since(before);
        (elapsed <= POWER_GAP_MAX).then(|| (watts + watts_before) / 2.0 * elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RANGE_UJ: u64 = 262_143_328_850;

    fn after(seconds: f64) -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now) + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_counter_that_began_anew_is_a_gap_and_no_wrap() {
        let mut counter = Counter::new(Some(RANGE_UJ));
        assert_eq!(counter.advance(200_000_000_000, after(0.0)), None, "the first reading");
        assert_eq!(counter.advance(200_050_000_000, after(1.0)), Some(50.0));
        // As a wrap this would be 62 kJ in ten seconds.
        assert_eq!(counter.advance(40_000_000, after(11.0)), None, "after a suspend");
        assert_eq!(counter.advance(90_000_000, after(12.0)), Some(50.0), "and then goes on");
    }

    #[test]
    fn a_jump_forward_that_no_processor_could_draw_is_a_gap() {
        let mut counter = Counter::new(None);
        counter.advance(0, after(0.0));
        assert_eq!(counter.advance(9_000_000_000, after(1.0)), None);
        assert_eq!(counter.advance(u64::MAX, after(1.5)), None);
        assert_eq!(counter.advance(0, after(2.0)), None, "64 bits do not wrap");
        assert_eq!(counter.advance(10, after(3.0)), Some(1e-5));
    }

    #[test]
    fn a_coarse_counter_may_step_between_two_readings_at_once() {
        // 1500 W, counted in steps of 100 ms and read at each of 1 ms: every step comes within one of those.
        let mut counter = Counter::new(None);
        counter.advance(0, after(0.0));
        let shown_uj = |read_ms: u64| read_ms / 100 * 150_000_000;
        let joules = (1..=1000).map(|read_ms| {
            let joules = counter.advance(shown_uj(read_ms), after(read_ms as f64 / 1e3));
            joules.expect("a step is no gap")
        });
        assert_eq!(joules.sum::<f64>(), 1500.0);

        let at_once = |step_uj: u64| {
            let mut counter = Counter::new(None);
            counter.advance(0, after(0.0));
            counter.advance(step_uj, after(0.0))
        };
        assert_eq!(at_once(200_000_000), Some(200.0));
        assert_eq!(at_once(200_000_001), None, "more than the longest step can carry");
    }

    #[test]
    fn a_gap_in_which_it_may_have_wrapped_twice_is_not_guessed() {
        let mut counter = Counter::new(Some(RANGE_UJ));
        counter.advance(0, after(0.0));
        assert_eq!(counter.advance(1_000_000, after(130.0)), Some(1.0));
        assert_eq!(counter.advance(2_000_000, after(262.0)), None);
    }

    #[test]
    fn a_value_beyond_the_range_does_not_overflow() {
        let mut counter = Counter::new(Some(1_000));
        counter.advance(u64::MAX, after(0.0));
        assert_eq!(counter.advance(5, after(1e-9)), None);
        assert_eq!(Counter::new(Some(0)).range_uj, None);
    }

    #[test]
    fn power_is_the_area_under_it_and_a_long_gap_is_none() {
        let mut power = Power::default();
        assert_eq!(power.advance(10.0, after(0.0)), None);
        assert_eq!(power.advance(20.0, after(2.0)), Some(30.0));
        assert_eq!(power.advance(20.0, after(200.0)), None);
    }

    proptest! {
        /// The model: a counter without end, of which the file shows the rest.
        #[test]
        fn joules_are_those_of_a_counter_without_end(
            start in 0..=RANGE_UJ,
            steps in prop::collection::vec((1_u64..200_000_000, 0.5_f64..20.0), 1..40),
        ) {
            let mut counter = Counter::new(Some(RANGE_UJ));
            let (mut total_uj, mut seconds) = (start, 0.0);
            counter.advance(total_uj, after(0.0));
            for (step_uj, step_s) in steps {
                total_uj += step_uj;
                seconds += step_s;
                let shown = total_uj % (RANGE_UJ + 1);
                let joules = counter.advance(shown, after(seconds)).expect("a plausible step");
                prop_assert!((joules - step_uj as f64 / 1e6).abs() < 1e-9);
            }
        }
    }
}
