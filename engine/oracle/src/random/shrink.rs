//! Takes away the rows that a failure does not need.

use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::weights;
use tokio::runtime::Runtime;

use super::RandomCase;
use crate::changelog;
use crate::error::Failure;

/// How often a smaller case is tried.
const TRIES: usize = 80;
/// With fewer rows other chances decide where they are cut, so that each smaller case gets a few of them.
const ROUNDS: usize = 4;

/// The case with fewer rows that still fails, and how.
pub(super) fn shrink(mut case: RandomCase, mut failure: Failure, runtime: &Runtime) -> (RandomCase, Failure) {
    let tables: Vec<String> = case.rows.keys().cloned().collect();
    let mut tries = 0;
    let mut parts = 2;
    loop {
        let mut smaller = false;
        for table in &tables {
            let mut part = 0;
            while part < parts && tries < TRIES {
                let Some(fewer) = case.rows.get(table).and_then(|rows| without(rows, part, parts)) else { break };
                tries += 1;
                let mut candidate = case.clone();
                candidate.rows.insert(table.clone(), fewer);
                match candidate.check_here(runtime, ROUNDS) {
                    Err(found) if found.is_difference() => {
                        (case, failure) = (candidate, found);
                        smaller = true;
                    }
                    _ => part += 1,
                }
            }
        }
        let largest = case.rows.values().map(RecordBatch::num_rows).max().unwrap_or(0);
        if tries >= TRIES || (!smaller && parts >= largest) {
            return (case, failure);
        }
        if !smaller {
            parts = (parts * 2).min(largest.max(1));
        }
    }
}

/// The rows but for one of so many parts; `None` where that part is empty.
fn without(rows: &RecordBatch, part: usize, parts: usize) -> Option<RecordBatch> {
    let count = rows.num_rows();
    let (start, end) = (count * part / parts, count * (part + 1) / parts);
    if start == end {
        return None;
    }
    let kept: Vec<u64> = (0..count).filter(|row| *row < start || *row >= end).map(|row| row as u64).collect();
    covered(take_record_batch(rows, &UInt64Array::from(kept)).ok()?)
}

/// The changes without those that take back what is not there any more; any other rows as they are.
fn covered(rows: RecordBatch) -> Option<RecordBatch> {
    if weights(&rows).is_none() {
        return Some(rows);
    }
    let uncovered = changelog::uncovered(&rows).ok()?.into_iter().enumerate();
    let kept: Vec<u64> = uncovered.filter(|(_, uncovered)| !uncovered).map(|(change, _)| change as u64).collect();
    take_record_batch(&rows, &UInt64Array::from(kept)).ok()
}
