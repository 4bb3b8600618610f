//! Texts and bytes as they are: one column, a record a value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_plan::TableError;

use super::{BadRecord, Decoded, Record};

/// Takes every record as the value of the one column.
#[derive(Debug)]
pub(crate) struct RawDecoder {
    schema: SchemaRef,
}

/// Refuses columns that are not a single text.
///
/// # Errors
/// Names the option that asks for one.
pub(crate) fn one_text(schema: &Schema, option: &str) -> Result<(), TableError> {
    one_column(schema, option, &DataType::Utf8, "a text as it is has one column of type TEXT")
}

/// Refuses columns that are not a single one of bytes.
///
/// # Errors
/// Names the option that asks for one.
pub(crate) fn one_of_bytes(schema: &Schema, option: &str) -> Result<(), TableError> {
    one_column(schema, option, &DataType::Binary, "bytes as they are have one column of type BYTEA")
}

fn one_column(schema: &Schema, option: &str, wanted: &DataType, rule: &str) -> Result<(), TableError> {
    match schema.fields().as_ref() {
        [field] if field.data_type() == wanted => Ok(()),
        [field] => {
            let error = TableError::new(format!("{rule}, and '{}' is {}", field.name(), field.data_type()));
            Err(error.with_option(option))
        }
        fields => Err(TableError::new(format!("{rule}, not {}", fields.len())).with_option(option)),
    }
}

impl RawDecoder {
    /// A decoder into one column of texts.
    ///
    /// # Errors
    /// When other columns are declared.
    pub(crate) fn of_texts(schema: SchemaRef) -> Result<Self, TableError> {
        one_text(&schema, "format")?;
        Ok(RawDecoder { schema })
    }

    /// A decoder into one column of bytes.
    ///
    /// # Errors
    /// When other columns are declared.
    pub(crate) fn of_bytes(schema: SchemaRef) -> Result<Self, TableError> {
        one_of_bytes(&schema, "format")?;
        Ok(RawDecoder { schema })
    }

    /// Takes a run of records; for texts, what is not UTF-8 is bad.
    pub(crate) fn decode(&self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let mut rows = vec![1; records.len()];
        let mut bad = Vec::new();
        let column: ArrayRef = if *self.schema.field(0).data_type() == DataType::Binary {
            Arc::new(BinaryArray::from_iter_values(records.iter().map(|record| record.value)))
        } else {
            let mut values = StringBuilder::with_capacity(records.len(), 0);
            for (index, record) in records.iter().enumerate() {
                match std::str::from_utf8(record.value) {
                    Ok(text) => values.append_value(text),
                    Err(error) => {
                        rows[index] = 0;
                        bad.push(BadRecord { index, reason: error.to_string() });
                    }
                }
            }
            Arc::new(values.finish())
        };
        Ok(Decoded { batch: RecordBatch::try_new(self.schema.clone(), vec![column])?, rows, bad })
    }
}

/// The values of a batch of one column of texts or bytes.
pub(crate) fn values(batch: &RecordBatch) -> Result<BinaryArray, ArrowError> {
    let column = batch.columns().first();
    let column = column.ok_or_else(|| ArrowError::SchemaError("a value as it is has one column".into()))?;
    Ok(cast(column, &DataType::Binary)?.as_binary::<i32>().clone())
}

/// The values of a batch as lines; one that is null is an empty line.
///
/// # Errors
/// When a value has more than one line: it could not be read back as one.
pub(crate) fn encode_lines(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let values = values(batch)?;
    let mut lines = Vec::with_capacity(values.value_data().len() + values.len());
    for value in &values {
        let value = value.unwrap_or_default();
        if value.contains(&b'\n') {
            return Err(ArrowError::InvalidArgumentError("a text of several lines is not one line of a file".into()));
        }
        lines.extend_from_slice(value);
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn schema(data_type: DataType) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("value", data_type, true)]))
    }

    #[test]
    fn bytes_need_not_be_text_and_texts_must() {
        let records = [Record::from(&b"a"[..]), Record::from(&b"\xff\x00"[..])];
        let texts = RawDecoder::of_texts(schema(DataType::Utf8)).unwrap().decode(&records).unwrap();
        assert_eq!((texts.rows, texts.bad.len(), texts.batch.num_rows()), (vec![1, 0], 1, 1));
        let bytes = RawDecoder::of_bytes(schema(DataType::Binary)).unwrap().decode(&records).unwrap();
        assert_eq!((bytes.rows, bytes.bad.len()), (vec![1, 1], 0));
        assert_eq!(encode_lines(&bytes.batch).unwrap(), b"a\n\xff\x00\n");
        let error = RawDecoder::of_bytes(schema(DataType::Utf8)).unwrap_err();
        assert_eq!(error.message, "bytes as they are have one column of type BYTEA, and 'value' is Utf8");
    }
}
