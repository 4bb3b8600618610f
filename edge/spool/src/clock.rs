//! How old a record is, also when the wall clock is wrong. Pure: readings of clocks in, a time of the spool's own out.
//!
//! Devices without a battery begin in 1970 and leap when they hear of the time; others are set by hand. So the age of a
//! record is not a difference of wall times. A spool has a clock of its own, which never goes back and is stamped on
//! every record: while the spool is open it moves with the caller's monotonic clock, whatever the wall clock does. Only
//! for the time between the last record of one opening and the next opening there is nothing but the wall clock; that
//! difference counts as zero when it is negative, and for at most [`away_ms_max`] when it is large.
//!
//! What follows: no leap makes a record older at once by more than half of `max_age_ms`, so what is younger than that
//! outlives any leap. And no leap keeps a record for ever: the time that spools are open and written to counts, whatever
//! the wall clock says. A device that was really switched off for long keeps records for up to half of `max_age_ms`
//! longer than they are welcome.

/// A moment as the caller's two clocks have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the epoch by the wall clock. It may be wrong and may leap.
    pub wall_ms: i64,
    /// Milliseconds of a clock that never goes back, since any moment that stays the same while the spool is open.
    pub elapsed_ms: u64,
}

/// What is stamped on a record or a segment: where the spool's clock stood, and the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) clock_ms: u64,
    pub(crate) wall_ms: i64,
}

/// The spool's own clock.
#[derive(Debug)]
pub(crate) struct SpoolClock {
    at_open_ms: u64,
    opened_at_ms: u64,
    latest_ms: u64,
}

/// The most that an absence counts for where no age is set: it only tells how old the oldest record is.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// The most that the time between two openings counts for.
pub(crate) fn away_ms_max(max_age_ms: Option<u64>) -> u64 {
    max_age_ms.map_or(DAY_MS, |max_age_ms| max_age_ms / 2)
}

impl SpoolClock {
    /// The clock of a spool whose last record was stamped so; begins at zero where there is none.
    pub(crate) fn resume(last: Option<Stamp>, now: Moment, away_ms_max: u64) -> Self {
        let away_ms = last.map_or(0, |last| now.wall_ms.saturating_sub(last.wall_ms).max(0).unsigned_abs());
        let at_open_ms = last.unwrap_or_default().clock_ms.saturating_add(away_ms.min(away_ms_max));
        Self { at_open_ms, opened_at_ms: now.elapsed_ms, latest_ms: at_open_ms }
    }

    /// The time of the spool at a moment; never before one that was stamped already.
    pub(crate) fn at(&self, now: Moment) -> u64 {
        let time_ms = self.at_open_ms.saturating_add(now.elapsed_ms.saturating_sub(self.opened_at_ms));
        self.latest_ms.max(time_ms)
    }

    /// The latest time that was stamped; that of the opening before the first.
    pub(crate) fn latest_ms(&self) -> u64 {
        self.latest_ms
    }

    pub(crate) fn stamp(&mut self, now: Moment) -> Stamp {
        self.latest_ms = self.at(now);
        Stamp { clock_ms: self.latest_ms, wall_ms: now.wall_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY_MS_MAX: u64 = 500;

    fn moment(wall_ms: i64, elapsed_ms: u64) -> Moment {
        Moment { wall_ms, elapsed_ms }
    }

    #[test]
    fn while_open_only_the_monotonic_clock_counts() {
        let mut clock = SpoolClock::resume(None, moment(1_000_000, 70), AWAY_MS_MAX);
        assert_eq!(clock.stamp(moment(1_000_000, 70)), Stamp { clock_ms: 0, wall_ms: 1_000_000 });
        assert_eq!(clock.at(moment(i64::MAX, 80)), 10);
        assert_eq!(clock.stamp(moment(i64::MIN, 95)), Stamp { clock_ms: 25, wall_ms: i64::MIN });
        assert_eq!(clock.at(moment(0, 60)), 25, "a clock that goes back is held");
    }

    #[test]
    fn an_absence_counts_by_the_wall_clock_within_bounds() {
        let last = Some(Stamp { clock_ms: 10_000, wall_ms: 5_000 });
        let resumed = |wall_ms| SpoolClock::resume(last, moment(wall_ms, 3), AWAY_MS_MAX).at(moment(wall_ms, 3));
        assert_eq!(resumed(5_200), 10_200);
        assert_eq!(resumed(5_500), 10_500);
        assert_eq!(resumed(i64::MAX), 10_500, "a leap forward");
        assert_eq!(resumed(0), 10_000, "a leap back");
        assert_eq!(resumed(i64::MIN), 10_000);
    }

    #[test]
    fn clocks_at_the_end_of_their_range_do_not_overflow() {
        let last = Some(Stamp { clock_ms: u64::MAX - 1, wall_ms: i64::MIN });
        let clock = SpoolClock::resume(last, moment(i64::MAX, 0), u64::MAX);
        assert_eq!(clock.at(moment(0, u64::MAX)), u64::MAX);
    }
}
