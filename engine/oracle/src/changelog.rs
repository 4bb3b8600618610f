//! Tables that are changelogs: which changes are of the same row, and which rows stand at the end. Pure.
//!
//! Rows are the same when all their columns are: a changelog need not say what its key is, and of two rows that differ
//! neither waits for the other. Behind the columns stands the weight of each change.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use headwater_core::changelog::{expand, fold, row_weights};
use headwater_core::{OperatorError, StreamSchema, WEIGHT};

/// The columns of a connector with the weight behind them.
pub(crate) fn weighted(columns: &SchemaRef) -> SchemaRef {
    let weight = Arc::new(Field::new(WEIGHT, DataType::Int64, false));
    let fields: Vec<Arc<Field>> = columns.fields().iter().cloned().chain([weight]).collect();
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}

/// The number of the row that each change is of, from 0 in the order of their first changes.
///
/// # Errors
/// When a column has a type without an order.
pub(crate) fn rows_of(changes: &RecordBatch) -> Result<Vec<usize>, ArrowError> {
    let columns: &[ArrayRef] = &changes.columns()[..changes.num_columns().saturating_sub(1)];
    if columns.is_empty() {
        return Ok(vec![0; changes.num_rows()]);
    }
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let rows = converter.convert_columns(columns)?;
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut rows_of = Vec::with_capacity(changes.num_rows());
    for change in 0..changes.num_rows() {
        let next = numbers.len();
        rows_of.push(*numbers.entry(rows.row(change).data().to_vec()).or_insert(next));
    }
    Ok(rows_of)
}

/// Which changes take back a row that is not there: it has not come yet, or has gone already.
///
/// # Errors
/// As [`rows_of`].
pub(crate) fn uncovered(changes: &RecordBatch) -> Result<Vec<bool>, ArrowError> {
    let (weights, rows) = (row_weights(changes), rows_of(changes)?);
    let mut counts = vec![0_i64; rows.len()];
    let mut uncovered = Vec::with_capacity(rows.len());
    for (change, row) in rows.into_iter().enumerate() {
        let count = counts[row] + weights.value(change);
        uncovered.push(count < 0);
        if count >= 0 {
            counts[row] = count;
        }
    }
    Ok(uncovered)
}

/// The rows that stand after all changes, each as often as it is there, with their event times and without weights.
/// `changes` are in the schema of their stream.
///
/// # Errors
/// When a column has a type without an order.
pub(crate) fn standing(schema: &StreamSchema, changes: &RecordBatch) -> Result<RecordBatch, OperatorError> {
    let time = schema.event_time_index();
    let folded = fold(schema.full(), std::slice::from_ref(changes), &[time])?;
    let without_weights: Vec<usize> = (0..=time).collect();
    let rows = expand(&folded)?.project(&without_weights);
    rows.map_err(|source| OperatorError::arrow("leave weights out", source))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, TimestampNanosecondArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    /// Changes of a column `k` with this weight each.
    fn changes(changes: &[(i64, i64)]) -> RecordBatch {
        let columns = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        let (keys, weights): (Vec<i64>, Vec<i64>) = changes.iter().copied().unzip();
        let columns_of: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(Int64Array::from(weights))];
        RecordBatch::try_new(weighted(&columns), columns_of).unwrap()
    }

    #[test]
    fn a_row_is_taken_back_as_often_as_it_is_there() {
        let changes = changes(&[(7, 1), (8, 1), (7, -1), (7, -1), (8, 1), (8, -1), (9, -1), (9, 1)]);
        assert_eq!(rows_of(&changes).unwrap(), [0, 1, 0, 0, 1, 1, 2, 2]);
        let lacking = uncovered(&changes).unwrap();
        assert_eq!(lacking, [false, false, false, true, false, false, true, false]);
    }

    #[test]
    fn what_stands_at_the_end_stands_as_often_as_it_weighs() {
        let given = changes(&[(7, 1), (8, 1), (7, -1), (8, 1), (9, 1)]);
        let visible = Schema::new(vec![Field::new("k", DataType::Int64, true)]);
        let schema = StreamSchema::updating(&visible);
        let times = Arc::new(TimestampNanosecondArray::from(vec![1; given.num_rows()]));
        let columns: Vec<ArrayRef> = vec![given.column(0).clone(), times, given.column(1).clone()];
        let stream = RecordBatch::try_new(schema.full().clone(), columns).unwrap();
        let rows = standing(&schema, &stream).unwrap();
        assert_eq!(rows.schema(), StreamSchema::append_only(&visible).full().clone());
        let mut keys = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        keys.sort_unstable();
        assert_eq!(keys, [8, 8, 9]);
    }
}
