//! Rows as JSON objects, for REST and for gRPC's JSON format.

use arrow::error::ArrowError;
use arrow::json::{WriterBuilder, writer::JsonArray};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use crate::error::QueryError;

/// A JSON object a row, with nulls written. Timestamps are texts in UTC without a zone, `2026-11-23T04:00:00`, with a
/// fraction where there is one.
///
/// # Errors
/// [`QueryError::Encode`] when a column has a type that JSON cannot say.
pub fn json_rows(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>, QueryError> {
    let failed = |source| QueryError::Encode { format: "JSON", source };
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut bytes);
    writer.write(batch).and_then(|()| writer.finish()).map_err(failed)?;
    drop(writer);
    serde_json::from_slice(&bytes).map_err(|error| failed(ArrowError::JsonError(error.to_string())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};

    use super::*;

    #[test]
    fn a_row_is_an_object_with_nulls_and_readable_times() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("camera", Arc::new(StringArray::from(vec![Some("north"), None]))),
            ("ts", Arc::new(TimestampMillisecondArray::from(vec![1_500, 2_000]))),
            ("n", Arc::new(Int64Array::from(vec![i64::MAX, -1]))),
        ];
        let rows = json_rows(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let expected = serde_json::json!([
            {"camera": "north", "ts": "1970-01-01T00:00:01.500", "n": i64::MAX},
            {"camera": null, "ts": "1970-01-01T00:00:02", "n": -1},
        ]);
        assert_eq!(serde_json::to_value(rows).unwrap(), expected);
    }
}
