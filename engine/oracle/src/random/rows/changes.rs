//! Made-up changelogs: rows that come, most of them once, and go again while the watermark has not passed them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::LAG;
use crate::changelog::weighted;
use crate::rng::Rng;

/// A change of a row.
struct Change {
    /// When it arrives, in event time.
    at: i64,
    row: u64,
    weight: i64,
}

/// Changes of these rows, in the order of their arrival, with their weights. None is late, and no row goes before it has
/// come.
pub(super) fn of(rows: &RecordBatch, times: &[i64], rng: &mut Rng) -> Result<RecordBatch, ArrowError> {
    let (gone, again) = (*rng.pick(&[10, 40, 80]), *rng.pick(&[0, 10, 30]));
    let lag = *rng.pick(&[0, LAG]);
    let mut changes = Vec::new();
    for (row, time) in times.iter().enumerate() {
        let (row, last) = (row as u64, time + lag);
        let mut at = rng.between(*time, last);
        changes.push(Change { at, row, weight: 1 });
        while rng.chance(gone) {
            at = rng.between(at, last);
            changes.push(Change { at, row, weight: -1 });
            if !rng.chance(again) {
                break;
            }
            at = rng.between(at, last);
            changes.push(Change { at, row, weight: 1 });
        }
    }
    // A stable sort: of one time they stay as they were made.
    changes.sort_by_key(|change| change.at);
    let picked = UInt64Array::from_iter_values(changes.iter().map(|change| change.row));
    let picked = take_record_batch(rows, &picked)?;
    let mut columns: Vec<ArrayRef> = picked.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_iter_values(changes.iter().map(|change| change.weight))));
    RecordBatch::try_new(weighted(&rows.schema()), columns)
}
