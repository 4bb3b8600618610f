//! Batch DataFusion, and results as sorted texts that can be compared: floats to nine digits.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A context with `batches` as the table `name`.
pub(crate) fn context(name: &str, batches: &[RecordBatch]) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let table = MemTable::try_new(batches[0].schema(), vec![batches.to_vec()]).unwrap();
    context.register_table(name, Arc::new(table)).unwrap();
    context
}

/// The rows that batch SQL gives.
pub(crate) async fn query(context: &SessionContext, sql: &str) -> Vec<String> {
    let frame = context.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    texts(&frame.collect().await.unwrap())
}

/// Asserts that operators gave what batch SQL gave, showing only what differs.
pub(crate) fn assert_same(found: &[String], expected: &[String], what: &str) {
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).collect();
    let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).collect();
    assert!(
        found == expected,
        "{what}: {} rows for {}\nmissing {missing:#?}\nextra {extra:#?}",
        found.len(),
        expected.len()
    );
}

/// A text a row, sorted. A window struct counts as two columns of nanoseconds.
pub(crate) fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows: Vec<String> = batches.iter().flat_map(batch_texts).collect();
    rows.sort();
    rows
}

fn batch_texts(batch: &RecordBatch) -> Vec<String> {
    let columns: Vec<ArrayRef> = batch.columns().iter().flat_map(comparable).collect();
    let options = FormatOptions::default().with_null("∅");
    let formatters: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    (0..batch.num_rows())
        .map(|row| formatters.iter().map(|f| f.value(row).to_string()).collect::<Vec<_>>().join(" | "))
        .collect()
}

fn comparable(column: &ArrayRef) -> Vec<ArrayRef> {
    match column.data_type() {
        DataType::Float64 => vec![Arc::new(rounded(column.as_primitive::<Float64Type>()))],
        DataType::Timestamp(_, _) => vec![cast(column, &DataType::Int64).unwrap()],
        DataType::Dictionary(_, _) | DataType::Utf8View => vec![cast(column, &DataType::Utf8).unwrap()],
        DataType::Struct(_) => column.as_struct().columns().iter().flat_map(comparable).collect(),
        _ => vec![column.clone()],
    }
}

fn rounded(column: &Float64Array) -> StringArray {
    // Zero is written as such, as a sum of cancelling floats is only near it; and numbers are moved a little, as a
    // variance of few integers may lie right between two roundings.
    let text = |value: f64| if value.abs() < 1e-9 { "0".to_owned() } else { format!("{:.8e}", value * (1.0 + 3e-12)) };
    (0..column.len()).map(|row| column.is_valid(row).then(|| text(column.value(row)))).collect()
}
