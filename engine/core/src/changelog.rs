//! Changes as weighted rows: how they are folded and expanded. Knows no operator and no key.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};

use crate::error::OperatorError;
use crate::key::{HashedMap, hash_bytes};
use crate::schema::{WEIGHT, weights};

/// The weight of each row: 1 where the batch has none.
pub fn row_weights(batch: &RecordBatch) -> Int64Array {
    weights(batch).cloned().unwrap_or_else(|| Int64Array::from_value(1, batch.num_rows()))
}

/// One batch of weighted rows in which rows that are equal but for the columns at `beside` (their time, say) and their
/// weight are one, and none weighs nothing. Of rows that were folded the last one's columns stand. A batch without
/// retractions is given back as it is: equal rows in it stay apart.
///
/// `schema` has the weight as its last column.
///
/// # Errors
/// When a batch does not fit the schema, or a column has a type without an order (a map, say).
pub fn fold(schema: &SchemaRef, batches: &[RecordBatch], beside: &[usize]) -> Result<RecordBatch, OperatorError> {
    let failed = |source| OperatorError::arrow("fold changes", source);
    let batch = match batches {
        [only] => only.clone(),
        several => concat_batches(schema, several).map_err(failed)?,
    };
    let last = batch.num_columns().saturating_sub(1);
    let weights = weights(&batch).ok_or_else(|| OperatorError::plan(format!("changes have no column {WEIGHT}")))?;
    if weights.values().iter().all(|weight| *weight > 0) {
        return Ok(batch);
    }
    let identity: Vec<ArrayRef> = (0..last).filter(|i| !beside.contains(i)).map(|i| batch.column(i).clone()).collect();
    let (kept, sums) = fold_rows(&identity, weights)?;
    let folded = take_record_batch(&batch, &UInt32Array::from(kept)).map_err(failed)?;
    let mut columns = folded.columns().to_vec();
    columns[last] = Arc::new(Int64Array::from(sums));
    RecordBatch::try_new(batch.schema(), columns).map_err(failed)
}

/// The last row of each distinct one whose weights do not add up to nothing, in order, and their sums.
fn fold_rows(identity: &[ArrayRef], weights: &Int64Array) -> Result<(Vec<u32>, Vec<i64>), OperatorError> {
    let failed = |source| OperatorError::arrow("compare changes", source);
    let (mut last, mut sums): (Vec<u32>, Vec<i64>) = (Vec::new(), Vec::new());
    if identity.is_empty() {
        let sum: i64 = weights.values().iter().sum();
        return Ok(match sum {
            0 => (last, sums),
            sum => (vec![weights.len() as u32 - 1], vec![sum]),
        });
    }
    let fields = identity.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(failed)?;
    let rows = converter.convert_columns(identity).map_err(failed)?;
    let mut groups: HashedMap<Vec<u32>> = HashedMap::default();
    for row in 0..weights.len() {
        let bytes = rows.row(row);
        let candidates = groups.entry(hash_bytes(bytes.as_ref())).or_default();
        let found = candidates.iter().copied().find(|group| rows.row(last[*group as usize] as usize) == bytes);
        match found {
            Some(group) => {
                sums[group as usize] += weights.value(row);
                last[group as usize] = row as u32;
            }
            None => {
                candidates.push(last.len() as u32);
                last.push(row as u32);
                sums.push(weights.value(row));
            }
        }
    }
    let mut kept: Vec<(u32, i64)> = last.into_iter().zip(sums).filter(|(_, sum)| *sum != 0).collect();
    kept.sort_unstable_by_key(|(row, _)| *row);
    Ok(kept.into_iter().unzip())
}

/// The rows of folded changes, each as often as it weighs; those that weigh less than nothing wait for their
/// counterpart and are left out. The weight column stays.
///
/// # Errors
/// When Arrow refuses to repeat a column's values.
pub fn expand(batch: &RecordBatch) -> Result<RecordBatch, OperatorError> {
    let weights = row_weights(batch);
    if weights.values().iter().all(|weight| *weight == 1) {
        return Ok(batch.clone());
    }
    take_record_batch(batch, &repeated(&weights)).map_err(|e| OperatorError::arrow("repeat rows", e))
}

/// The number of each row as often as the row weighs; of those that weigh nothing or less not at all.
fn repeated(weights: &Int64Array) -> UInt32Array {
    let mut rows: Vec<u32> = Vec::with_capacity(weights.len());
    for (row, weight) in weights.values().iter().enumerate() {
        rows.extend(std::iter::repeat_n(row as u32, usize::try_from(*weight).unwrap_or(0)));
    }
    UInt32Array::from(rows)
}

/// Columns of rows that only come, each row as often as it weighs.
///
/// # Errors
/// When a row is taken back: only a changelog can say that.
pub(crate) fn repeat(columns: Vec<ArrayRef>, weights: &Int64Array) -> Result<Vec<ArrayRef>, OperatorError> {
    if weights.values().iter().all(|weight| *weight == 1) {
        return Ok(columns);
    }
    if weights.values().iter().any(|weight| *weight < 0) {
        return Err(OperatorError::plan("a row is taken back from a stream that only grows"));
    }
    let rows = repeated(weights);
    let taken = columns.iter().map(|column| take(column, &rows, None));
    taken.collect::<Result<_, _>>().map_err(|e| OperatorError::arrow("repeat rows", e))
}

/// The same rows, taken back.
///
/// # Errors
/// When the last column of the batch is not the weight.
pub fn negated(weighted: &RecordBatch) -> Result<RecordBatch, OperatorError> {
    let weights = row_weights(weighted);
    let mut columns = weighted.columns().to_vec();
    if let Some(last) = columns.last_mut() {
        *last = Arc::new(weights.unary::<_, arrow::datatypes::Int64Type>(|weight| -weight));
    }
    RecordBatch::try_new(weighted.schema(), columns).map_err(|e| OperatorError::arrow("take back rows", e))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("k", DataType::Utf8, true),
            Field::new("t", DataType::Int64, false),
            Field::new(WEIGHT, DataType::Int64, false),
        ]));
        let keys = StringArray::from_iter_values(rows.iter().map(|row| row.0));
        let times = Int64Array::from_iter_values(rows.iter().map(|row| row.1));
        let weights = Int64Array::from_iter_values(rows.iter().map(|row| row.2));
        RecordBatch::try_new(schema, vec![Arc::new(keys), Arc::new(times), Arc::new(weights)]).unwrap()
    }

    fn folded(rows: &[(&str, i64, i64)]) -> Vec<(String, i64, i64)> {
        let batch = changes(rows);
        let batch = fold(&batch.schema(), std::slice::from_ref(&batch), &[1]).unwrap();
        let (keys, times) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
        let weights = batch.column(2).as_primitive::<Int64Type>();
        (0..batch.num_rows()).map(|i| (keys.value(i).to_owned(), times.value(i), weights.value(i))).collect()
    }

    #[test]
    fn what_comes_and_goes_is_not_there() {
        let rows = folded(&[("a", 1, 1), ("b", 1, 1), ("a", 2, -1), ("b", 3, 1), ("c", 4, -1)]);
        assert_eq!(rows, [("b".to_owned(), 3, 2), ("c".to_owned(), 4, -1)]);
    }

    #[test]
    fn rows_are_repeated_by_weight_and_debts_left_out() {
        let batch = expand(&changes(&[("a", 1, 2), ("b", 2, -3), ("c", 3, 1)])).unwrap();
        assert_eq!(batch.column(1).as_primitive::<Int64Type>().values(), &[1, 1, 3]);
    }

    #[test]
    fn what_only_grows_has_no_weights_and_takes_nothing_back() {
        let repeat =
            |weights| repeat(changes(&[("a", 1, 0), ("b", 2, 0)]).columns().to_vec(), &Int64Array::from(weights));
        let columns = repeat(vec![0, 2]).unwrap();
        assert_eq!(columns[1].as_primitive::<Int64Type>().values(), &[2, 2]);
        assert!(repeat(vec![1, -1]).is_err());
    }
}
