//! Batches as rows of a message: JSON objects or one Arrow IPC stream, in parts that stay below gRPC's usual limit of
//! 4 MiB a message.

use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use headwater_proto::v1::{Column, Format};
use prost::Message as _;
use prost_types::{ListValue, Struct, Value, value::Kind};

use crate::error::QueryError;
use crate::rows::json_rows;

/// Rows of one part before its size is known.
const PART_ROWS: usize = 4096;
/// A part larger than this is halved, down to one row.
const PART_BYTES_MAX: usize = 2 << 20;
/// Beyond this a double, which is what a JSON number is in protobuf, leaves numbers out.
const EXACT_MAX: u64 = 1 << 53;

/// Rows as one message carries them.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub rows: Vec<Struct>,
    pub arrow_ipc: Vec<u8>,
}

/// The columns in their order.
pub(super) fn columns(schema: &Schema) -> Vec<Column> {
    let column = |field: &arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        r#type: field.data_type().to_string(),
    };
    schema.fields().iter().map(column).collect()
}

/// A batch in parts, in order. An empty batch is one part in Arrow, which says the schema, and none in JSON.
pub(super) fn parts(batch: &RecordBatch, format: Format) -> Result<Vec<Part>, QueryError> {
    let mut parts = Vec::new();
    if batch.num_rows() == 0 && format == Format::Arrow {
        parts.push(encode(batch, format)?);
    }
    for start in (0..batch.num_rows()).step_by(PART_ROWS) {
        let rows = PART_ROWS.min(batch.num_rows() - start);
        split(&batch.slice(start, rows), format, &mut parts)?;
    }
    Ok(parts)
}

fn split(batch: &RecordBatch, format: Format, parts: &mut Vec<Part>) -> Result<(), QueryError> {
    let part = encode(batch, format)?;
    let bytes = part.arrow_ipc.len() + part.rows.iter().map(Struct::encoded_len).sum::<usize>();
    let rows = batch.num_rows();
    if bytes <= PART_BYTES_MAX || rows < 2 {
        parts.push(part);
        return Ok(());
    }
    split(&batch.slice(0, rows / 2), format, parts)?;
    split(&batch.slice(rows / 2, rows - rows / 2), format, parts)
}

fn encode(batch: &RecordBatch, format: Format) -> Result<Part, QueryError> {
    match format {
        Format::Arrow => Ok(Part { arrow_ipc: ipc(batch)?, rows: Vec::new() }),
        Format::Json | Format::Unspecified => {
            let rows = json_rows(batch)?.into_iter().map(object).collect();
            Ok(Part { rows, arrow_ipc: Vec::new() })
        }
    }
}

fn ipc(batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
    let write = || {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(batch)?;
        writer.into_inner()
    };
    write().map_err(|source| QueryError::Encode { format: "Arrow", source })
}

fn object(row: serde_json::Map<String, serde_json::Value>) -> Struct {
    Struct { fields: row.into_iter().map(|(name, value)| (name, json_value(value))).collect() }
}

fn json_value(value: serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(number) => number_kind(&number),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(json_value).collect() })
        }
        serde_json::Value::Object(fields) => Kind::StructValue(object(fields)),
    };
    Value { kind: Some(kind) }
}

fn number_kind(number: &serde_json::Number) -> Kind {
    let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    match number.as_f64() {
        Some(value) if whole.is_none_or(|whole| whole <= EXACT_MAX) => Kind::NumberValue(value),
        _ => Kind::StringValue(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use headwater_proto::batch::decode_stream;

    use super::*;

    fn wide(rows: usize, bytes: usize) -> RecordBatch {
        let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:0>bytes$}"))));
        RecordBatch::try_from_iter(vec![("text", text)]).unwrap()
    }

    #[test]
    fn parts_stay_small_and_together_are_the_batch() {
        let batch = wide(10_000, 2000);
        for format in [Format::Json, Format::Arrow] {
            let parts = parts(&batch, format).unwrap();
            let mut texts = Vec::new();
            for part in &parts {
                let size = part.arrow_ipc.len() + part.rows.iter().map(Struct::encoded_len).sum::<usize>();
                assert!(size < 3 << 20, "{size} bytes");
                texts.extend(part.rows.iter().map(|row| match &row.fields["text"].kind {
                    Some(Kind::StringValue(text)) => text.clone(),
                    other => panic!("{other:?}"),
                }));
                for batch in
                    if part.arrow_ipc.is_empty() { Vec::new() } else { decode_stream(&part.arrow_ipc).unwrap() }
                {
                    let column = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
                    texts.extend(column.iter().map(|text| text.unwrap().to_owned()));
                }
            }
            let expected: Vec<_> = (0..10_000).map(|row| format!("{row:0>2000}")).collect();
            assert!(texts == expected, "{format:?}");
        }
    }

    #[test]
    fn numbers_that_a_double_cannot_say_are_texts() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, i64::MAX, i64::MIN]));
        let batch = RecordBatch::try_from_iter(vec![("n", numbers)]).unwrap();
        let parts = parts(&batch, Format::Json).unwrap();
        let kinds: Vec<_> = parts[0].rows.iter().map(|row| row.fields["n"].kind.clone().unwrap()).collect();
        let text = |n: i64| Kind::StringValue(n.to_string());
        assert_eq!(kinds, [Kind::NumberValue(7.0), text(i64::MAX), text(i64::MIN)]);
    }
}
