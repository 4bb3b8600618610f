//! Makes a batch that was read fit the columns that were declared: by name, with types that convert without loss of
//! meaning, and without a null where none may be.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// The declared columns out of `batch`. A missing column is null where it may be.
///
/// # Errors
/// Says which column is missing, null or of another type.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let rows = batch.num_rows();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        let column = match batch.column_by_name(name) {
            None if field.is_nullable() => new_null_array(field.data_type(), rows),
            None => return Err(format!("column {name} is missing")),
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) if can_cast_types(column.data_type(), field.data_type()) => {
                let strict = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(column, field.data_type(), &strict)
                    .map_err(|error| format!("column {name} does not fit {}: {error}", field.data_type()))?
            }
            Some(column) => return Err(format!("column {name} is {}, not {}", column.data_type(), field.data_type())),
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(format!("column {name} is null"));
        }
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|error| error.to_string())
}
