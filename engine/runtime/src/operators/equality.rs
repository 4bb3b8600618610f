//! Rows compared column by column. Knows no operator.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp::{eq, not_distinct};
use arrow::compute::{SortOptions, and, take};
use headwater_core::OperatorError;

/// For which rows all columns of `left` equal those of `right`; where `null_equal`, two nulls are equal.
pub(super) fn equal_rows(
    left: &[ArrayRef],
    right: &[ArrayRef],
    rows: usize,
    null_equal: bool,
) -> Result<BooleanArray, OperatorError> {
    let failed = |source| OperatorError::arrow("compare keys", source);
    let mut equal = BooleanArray::new(BooleanBuffer::new_set(rows), None);
    for (left, right) in left.iter().zip(right) {
        let same = match (left.data_type().is_nested(), null_equal) {
            (true, _) => nested_equal(left, right, null_equal)?,
            (false, true) => not_distinct(left, right).map_err(failed)?,
            (false, false) => eq(left, right).map_err(failed)?,
        };
        equal = and(&equal, &same).map_err(failed)?;
    }
    Ok(match equal.null_count() {
        0 => equal,
        _ => arrow::compute::prep_null_mask_filter(&equal),
    })
}

fn nested_equal(left: &ArrayRef, right: &ArrayRef, null_equal: bool) -> Result<BooleanArray, OperatorError> {
    let compare = make_comparator(left.as_ref(), right.as_ref(), SortOptions::default())
        .map_err(|source| OperatorError::arrow("compare keys", source))?;
    let both = |row| null_equal || (left.is_valid(row) && right.is_valid(row));
    Ok((0..left.len()).map(|row| Some(both(row) && compare(row, row).is_eq())).collect())
}

/// The rows of each column at `rows`.
pub(super) fn take_all(columns: &[ArrayRef], rows: &UInt32Array) -> Result<Vec<ArrayRef>, OperatorError> {
    let taken = columns.iter().map(|column| take(column, rows, None));
    taken.collect::<Result<_, _>>().map_err(|source| OperatorError::arrow("take rows", source))
}
