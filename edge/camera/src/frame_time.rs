//! The times of frames by a clock that may be set while they come. Pure.

/// Differences up to this are drift and scheduling; beyond it somebody has set the clock.
const JUMP_MS: i64 = 2_000;

/// Times of frames by a clock that may be set while they come. Frames keep their order over corrections of less than
/// [`JUMP_MS`]; a clock that is set by more is believed at once, since a box without a battery starts in 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameClock {
    last: Option<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    ts_ms: i64,
    uptime_ms: i64,
}

/// The time of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameTime {
    /// Milliseconds since the epoch.
    pub(crate) ts_ms: i64,
    /// How far the clock was set since the frame before, milliseconds, where it was: ahead is positive.
    pub(crate) jumped_ms: Option<i64>,
}

impl FrameClock {
    /// The time of the next frame, by the wall clock and by a clock that only runs.
    pub(crate) fn next(&mut self, wall_ms: i64, uptime_ms: i64) -> FrameTime {
        let Some(last) = self.last else {
            self.last = Some(Reading { ts_ms: wall_ms, uptime_ms });
            return FrameTime { ts_ms: wall_ms, jumped_ms: None };
        };
        let off_ms = wall_ms - (last.ts_ms + (uptime_ms - last.uptime_ms));
        let jumped_ms = (off_ms.abs() > JUMP_MS).then_some(off_ms);
        let ts_ms = if jumped_ms.is_some() { wall_ms } else { wall_ms.max(last.ts_ms) };
        self.last = Some(Reading { ts_ms, uptime_ms });
        FrameTime { ts_ms, jumped_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(readings: &[(i64, i64)]) -> Vec<(i64, Option<i64>)> {
        let mut clock = FrameClock::default();
        let times = readings.iter().map(|&(wall_ms, uptime_ms)| clock.next(wall_ms, uptime_ms));
        times.map(|time| (time.ts_ms, time.jumped_ms)).collect()
    }

    #[test]
    fn small_corrections_keep_the_order() {
        let times = times(&[(10_000, 0), (10_100, 100), (9_900, 200), (10_050, 300), (10_200, 400)]);
        assert_eq!(times.iter().map(|time| time.0).collect::<Vec<_>>(), [10_000, 10_100, 10_100, 10_100, 10_200]);
        assert!(times.iter().all(|time| time.1.is_none()));
    }

    #[test]
    fn a_clock_that_is_set_is_believed_and_told() {
        let year_ms = 56 * 365 * 86_400_000;
        let times = times(&[(500, 0), (600, 100), (year_ms, 200), (year_ms + 100, 300), (year_ms - 3_600_000, 400)]);
        assert_eq!(times[2], (year_ms, Some(year_ms - 700)));
        assert_eq!(times[3], (year_ms + 100, None));
        assert_eq!(times[4], (year_ms - 3_600_000, Some(-3_600_200)));
    }

    #[test]
    fn a_camera_that_was_away_for_long_is_no_jump() {
        assert_eq!(times(&[(0, 0), (7_200_000, 7_200_000)])[1], (7_200_000, None));
    }
}
