//! Where in time a replay is: timestamps of the file become time since its first row, which goes on over each
//! repetition. Pure.

/// How far the last row of a file is from its first row at the next repetition, where the file has no two times.
const GAP_MS: i64 = 1000;

/// A century; the clock of a machine need not reach further.
const WAIT_MS_MAX: u64 = 100 * 365 * 86_400_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Playhead {
    /// Of the first row of all.
    file_start_ms: Option<i64>,
    /// Time since then at which this repetition begins.
    lap_start_ms: i64,
    /// Timestamp of this repetition's first row.
    lap_first_ms: Option<i64>,
    /// The furthest row so far, since the first row of all.
    furthest_ms: i64,
    /// The last distance between two rows.
    gap_ms: Option<i64>,
}

/// When a row is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlayTime {
    /// How long after the first row it is due, at most a century.
    pub(crate) wait_ms: u64,
    /// Its time since the first row; negative for one that is older.
    pub(crate) since_ms: i64,
    /// Its time as the file says it, moved on by the file's length at each repetition.
    pub(crate) file_ms: i64,
}

impl Playhead {
    /// The file begins, for the first time or again.
    pub(crate) fn begin(&mut self) {
        if self.file_start_ms.is_some() {
            self.lap_start_ms = self.furthest_ms.saturating_add(self.gap_ms.unwrap_or(GAP_MS));
        }
        self.lap_first_ms = None;
    }

    /// The next row, with its timestamp. A row that is older than the one before is played at once.
    pub(crate) fn advance(&mut self, ts_ms: i64) -> PlayTime {
        let file_start_ms = *self.file_start_ms.get_or_insert(ts_ms);
        let lap_first_ms = *self.lap_first_ms.get_or_insert(ts_ms);
        let since_ms = self.lap_start_ms.saturating_add(ts_ms.saturating_sub(lap_first_ms));
        if since_ms > self.furthest_ms {
            let is_within_lap = self.furthest_ms >= self.lap_start_ms;
            if is_within_lap {
                self.gap_ms = Some(since_ms - self.furthest_ms);
            }
            self.furthest_ms = since_ms;
        }
        let wait_ms = u64::try_from(since_ms).unwrap_or(0).min(WAIT_MS_MAX);
        PlayTime { wait_ms, since_ms, file_ms: file_start_ms.saturating_add(since_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long each row is waited for, and its time.
    fn play(playhead: &mut Playhead, timestamps: &[i64]) -> Vec<(u64, i64)> {
        playhead.begin();
        let times = timestamps.iter().map(|ts_ms| playhead.advance(*ts_ms));
        times.map(|time| (time.wait_ms, time.file_ms)).collect()
    }

    #[test]
    fn time_goes_on_over_repetitions_with_the_files_own_step_between() {
        let mut playhead = Playhead::default();
        let file = [1000, 1000, 1500, 2000];
        assert_eq!(play(&mut playhead, &file), [(0, 1000), (0, 1000), (500, 1500), (1000, 2000)]);
        assert_eq!(play(&mut playhead, &file), [(1500, 2500), (1500, 2500), (2000, 3000), (2500, 3500)]);
        assert_eq!(play(&mut playhead, &file)[0], (3000, 4000));
    }

    #[test]
    fn a_file_of_one_row_comes_once_a_second() {
        let mut playhead = Playhead::default();
        let waits: Vec<u64> = (0..3).map(|_| play(&mut playhead, &[7])[0].0).collect();
        assert_eq!(waits, [0, 1000, 2000]);
    }

    #[test]
    fn a_row_from_the_past_is_played_at_once_and_keeps_its_time() {
        let mut playhead = Playhead::default();
        assert_eq!(play(&mut playhead, &[5000, 6000, 4000]), [(0, 5000), (1000, 6000), (0, 4000)]);
        assert_eq!(play(&mut playhead, &[5000])[0], (2000, 7000));
        playhead.begin();
        playhead.advance(5000);
        let PlayTime { wait_ms, since_ms, file_ms } = playhead.advance(1000);
        assert_eq!((wait_ms, since_ms, file_ms), (0, -1000, 4000), "a second before the first of all");
    }

    #[test]
    fn only_the_wait_ends_after_a_century_and_time_goes_on() {
        const CENTURY_MS: i64 = WAIT_MS_MAX as i64;
        let mut playhead = Playhead::default();
        let file = [0, CENTURY_MS, 2 * CENTURY_MS];
        let laps: Vec<Vec<(u64, i64)>> = (0..3).map(|_| play(&mut playhead, &file)).collect();
        assert_eq!(laps[0], [(0, 0), (WAIT_MS_MAX, CENTURY_MS), (WAIT_MS_MAX, 2 * CENTURY_MS)]);
        for (lap, times) in (0..).zip(&laps) {
            let expected = [0, 1, 2].map(|row| (3 * lap + row) * CENTURY_MS);
            assert_eq!(times.iter().map(|(_, file_ms)| *file_ms).collect::<Vec<_>>(), expected, "lap {lap}");
        }
    }

    #[test]
    fn no_timestamp_overflows() {
        let mut playhead = Playhead::default();
        play(&mut playhead, &[i64::MIN, i64::MAX, 0, i64::MIN]);
        play(&mut playhead, &[i64::MAX, i64::MIN]);
        assert!(playhead.furthest_ms >= 0);
    }
}
