//! Rows with equal keys, for whoever writes them to different places.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};

/// The indexes of rows with equal values in `keys`, in the order in which the values are met.
pub(crate) fn group(keys: &[ArrayRef]) -> Result<Vec<Vec<u32>>, ArrowError> {
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(keys)?;
    let mut numbers = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for (row, index) in rows.iter().zip(0u32..) {
        let number = *numbers.entry(row).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[number].push(index);
    }
    Ok(groups)
}
