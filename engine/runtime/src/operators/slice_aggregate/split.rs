//! Which rows of a batch lie in which slice. A batch within one slice is not touched; of others, index lists are made
//! run by run, so that rows in rough time order cost one comparison each.

use std::collections::BTreeMap;

use arrow::array::{TimestampNanosecondArray, UInt32Array};
use arrow::compute::{max, min};
use headwater_core::OperatorError;
use headwater_plan::Slicing;

use crate::operators::aggregation::Rows;

/// Some rows of a batch.
#[derive(Debug, PartialEq)]
pub(super) enum Selection {
    /// All of them.
    All,
    /// Neighbours: the first, and how many.
    Range(usize, usize),
    /// Any.
    Indices(UInt32Array),
}

impl Selection {
    /// The selected ones.
    pub(super) fn of(&self, rows: &Rows) -> Result<Rows, OperatorError> {
        match self {
            Selection::All => Ok(rows.clone()),
            Selection::Range(first, count) => Ok(rows.slice(*first, *count)),
            Selection::Indices(indices) => rows.take(indices),
        }
    }

    /// How many there are, of a batch of `rows`.
    pub(super) fn count(&self, rows: usize) -> usize {
        match self {
            Selection::All => rows,
            Selection::Range(_, count) => *count,
            Selection::Indices(indices) => indices.len(),
        }
    }
}

/// The slices that `times` fall into, in order, each with its rows in theirs.
pub(super) fn split(times: &TimestampNanosecondArray, slicing: &Slicing) -> Vec<(i64, Selection)> {
    let (Some(earliest), Some(latest)) = (min(times), max(times)) else { return Vec::new() };
    let first = slicing.slice_start(earliest);
    if first == slicing.slice_start(latest) {
        return vec![(first, Selection::All)];
    }
    let mut slices: BTreeMap<i64, Vec<(usize, usize)>> = BTreeMap::new();
    for (slice, first, end) in runs(times.values(), slicing) {
        slices.entry(slice).or_default().push((first, end));
    }
    slices.into_iter().map(|(slice, runs)| (slice, select(&runs))).collect()
}

/// Neighbours in the same slice: the slice, the first row, and the row after the last.
fn runs(times: &[i64], slicing: &Slicing) -> Vec<(i64, usize, usize)> {
    let width = slicing.slice_width() as u64;
    let mut runs: Vec<(i64, usize, usize)> = Vec::new();
    for (row, time) in times.iter().copied().enumerate() {
        match runs.last_mut() {
            // The difference of two i64 is right as u64 whenever it is not negative, even where it overflows i64.
            Some((slice, _, end)) if time >= *slice && (time.wrapping_sub(*slice) as u64) < width => *end = row + 1,
            _ => runs.push((slicing.slice_start(time), row, row + 1)),
        }
    }
    runs
}

fn select(runs: &[(usize, usize)]) -> Selection {
    match runs {
        [(first, end)] => Selection::Range(*first, end - first),
        _ => Selection::Indices(runs.iter().flat_map(|(first, end)| *first as u32..*end as u32).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_slice_of_its_time() {
        let slicing = Slicing::tumble(10, 0);
        let times = TimestampNanosecondArray::from(vec![1, 9, 12, 3, 25, i64::MIN, 11, i64::MAX]);
        let parts = split(&times, &slicing);
        let mut seen = Vec::new();
        for (slice, selection) in &parts {
            let rows: Vec<usize> = match selection {
                Selection::All => (0..times.len()).collect(),
                Selection::Range(first, count) => (*first..first + count).collect(),
                Selection::Indices(indices) => indices.values().iter().map(|index| *index as usize).collect(),
            };
            assert_eq!(rows.len(), selection.count(times.len()));
            assert!(rows.iter().all(|row| slicing.slice_start(times.value(*row)) == *slice), "{slice} {rows:?}");
            seen.extend(rows);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..times.len()).collect::<Vec<_>>());
        assert!(parts.is_sorted_by_key(|(slice, _)| *slice));
    }

    #[test]
    fn a_batch_within_one_slice_is_left_whole() {
        let slicing = Slicing::tumble(10, 0);
        let times = TimestampNanosecondArray::from(vec![11, 19, 10]);
        assert_eq!(split(&times, &slicing), [(10, Selection::All)]);
        assert_eq!(split(&TimestampNanosecondArray::from(Vec::<i64>::new()), &slicing), []);
    }
}
