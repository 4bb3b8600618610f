//! Runs: what one batch has of each session, as rows of keys, states, first and last event time.
//!
//! Rows get a number by key, are sorted by that and their time, and are cut where the key changes or the gap is
//! reached. The states are then computed in the rows' own order, with the run as the group: only indices are sorted.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{Field, SchemaRef, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::OperatorError;

use crate::operators::aggregation::{Aggregation, Rows};
use crate::operators::evaluate::NANOSECONDS;
use crate::operators::group_table::{Accumulators, GroupKeys};

/// The column with a run's last event time.
pub(super) const SESSION_LAST: &str = "_session_last";
const SESSION_FIRST: &str = "_session_first";

/// Keys, states, first and last event time.
pub(super) fn run_schema(aggregation: &Aggregation) -> SchemaRef {
    aggregation.state_schema_with([
        Field::new(SESSION_FIRST, NANOSECONDS, false),
        Field::new(SESSION_LAST, NANOSECONDS, false),
    ])
}

/// Rows of [`run_schema`].
#[derive(Debug)]
pub(super) struct Runs {
    batch: RecordBatch,
    /// How many rows each run was made of; nothing where that is not known.
    rows: Vec<u64>,
}

impl Runs {
    /// Cuts raw rows into runs, ordered by the key's first row and by time.
    pub(super) fn of_rows(
        aggregation: &Arc<Aggregation>,
        rows: &Rows,
        times: &[i64],
        gap: i64,
    ) -> Result<Runs, OperatorError> {
        let mut keys = Vec::new();
        GroupKeys::new(aggregation)?.number(rows, &mut keys)?;
        let cut = cut(&keys, times, gap);
        let total = cut.representative.len();
        let mut columns = Vec::new();
        if total > 0 {
            let mut accumulators = Accumulators::new(aggregation)?;
            accumulators.add(rows, &cut.run_of_row, total)?;
            let representative = UInt32Array::from(cut.representative);
            for key in &rows.keys {
                columns.push(take(key, &representative, None).map_err(layout)?);
            }
            columns.extend(accumulators.states()?);
        } else {
            let fields = aggregation.state_schema().fields();
            columns.extend(fields.iter().map(|field| arrow::array::new_empty_array(field.data_type())));
        }
        columns.push(Arc::new(TimestampNanosecondArray::from(cut.first)));
        columns.push(Arc::new(TimestampNanosecondArray::from(cut.last)));
        let batch = RecordBatch::try_new(run_schema(aggregation), columns).map_err(layout)?;
        Ok(Runs { batch, rows: cut.rows })
    }

    /// Runs as [`of_rows`](Runs::of_rows) made them elsewhere: keys and states at the front of `batch`.
    pub(super) fn of_states(
        aggregation: &Aggregation,
        batch: &RecordBatch,
        first: &TimestampNanosecondArray,
        last: &ArrayRef,
    ) -> Result<Runs, OperatorError> {
        let Rows { mut keys, values, .. } = aggregation.state_rows(batch)?;
        keys.extend(values);
        keys.push(Arc::new(first.clone()));
        keys.push(cast(last, &NANOSECONDS).map_err(layout)?);
        let batch = RecordBatch::try_new(run_schema(aggregation), keys).map_err(layout)?;
        Ok(Runs { batch, rows: Vec::new() })
    }

    /// Runs of a snapshot, whose columns have been checked.
    pub(super) fn restored(batch: RecordBatch) -> Runs {
        Runs { batch, rows: Vec::new() }
    }

    /// How many runs.
    pub(super) fn count(&self) -> usize {
        self.batch.num_rows()
    }

    /// How many rows run number `index` was made of; 1 where that is not known.
    pub(super) fn rows_in(&self, index: usize) -> u64 {
        self.rows.get(index).copied().unwrap_or(1)
    }

    /// All columns.
    pub(super) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The columns of keys and states.
    pub(super) fn states(&self) -> Vec<ArrayRef> {
        self.batch.columns()[..self.batch.num_columns().saturating_sub(2)].to_vec()
    }

    /// When each run begins.
    pub(super) fn first(&self) -> &ArrayRef {
        self.batch.column(self.batch.num_columns() - 2)
    }

    /// Each run's last event time.
    pub(super) fn last(&self) -> &ArrayRef {
        self.batch.column(self.batch.num_columns() - 1)
    }
}

/// The event times of a column that [`run_schema`] says is one.
pub(super) fn nanos(column: &ArrayRef) -> Result<&[i64], OperatorError> {
    let times = column.as_primitive_opt::<TimestampNanosecondType>();
    times.map(|times| times.values().as_ref()).ok_or_else(|| OperatorError::plan("a session's time is no timestamp"))
}

fn layout(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("lay out the runs of sessions", source)
}

/// Where runs begin and end.
struct Cut {
    /// A row of each run.
    representative: Vec<u32>,
    first: Vec<i64>,
    last: Vec<i64>,
    rows: Vec<u64>,
    run_of_row: Vec<usize>,
}

fn cut(keys: &[usize], times: &[i64], gap: i64) -> Cut {
    let mut order: Vec<(usize, i64, u32)> =
        keys.iter().zip(times).zip(0u32..).map(|((key, time), row)| (*key, *time, row)).collect();
    order.sort_unstable();
    let mut cut = Cut {
        representative: Vec::new(),
        first: Vec::new(),
        last: Vec::new(),
        rows: Vec::new(),
        run_of_row: vec![0; order.len()],
    };
    let mut previous_key = None;
    for (key, time, row) in order {
        match (cut.last.last_mut(), cut.rows.last_mut()) {
            (Some(last), Some(rows)) if previous_key == Some(key) && time.saturating_sub(*last) < gap => {
                *last = time;
                *rows += 1;
            }
            _ => {
                cut.representative.push(row);
                cut.first.push(time);
                cut.last.push(time);
                cut.rows.push(1);
            }
        }
        previous_key = Some(key);
        cut.run_of_row[row as usize] = cut.first.len() - 1;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_the_gap_is_reached_or_the_key_changes() {
        let cut = cut(&[0, 1, 0, 0, 1, 0], &[10, 11, 19, 3, 12, 30], 10);
        assert_eq!(cut.first, [3, 30, 11]);
        assert_eq!(cut.last, [19, 30, 12]);
        assert_eq!(cut.rows, [3, 1, 2]);
        assert_eq!(cut.run_of_row, [0, 2, 0, 0, 2, 1]);
        let exactly = super::cut(&[0, 0], &[0, 10], 10);
        assert_eq!(exactly.first, [0, 10]);
        let extremes = super::cut(&[0, 0], &[i64::MIN, i64::MAX], 10);
        assert_eq!(extremes.first, [i64::MIN, i64::MAX]);
    }
}
