//! Texts as they are: one column, a record a value.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_plan::TableError;

use super::{BadRecord, Decoded, Record};

/// Takes every record as the text of the one column.
#[derive(Debug)]
pub(crate) struct RawDecoder {
    schema: SchemaRef,
}

/// Refuses columns that are not a single text.
///
/// # Errors
/// Names the option that asks for one.
pub(crate) fn one_text(schema: &Schema, option: &str) -> Result<(), TableError> {
    match schema.fields().as_ref() {
        [field] if *field.data_type() == DataType::Utf8 => Ok(()),
        fields => {
            let error = TableError::new(format!("a text as it is has one column of type TEXT, not {}", fields.len()));
            Err(error.with_option(option))
        }
    }
}

impl RawDecoder {
    /// A decoder into this one column.
    ///
    /// # Errors
    /// When other columns are declared.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, TableError> {
        one_text(&schema, "format")?;
        Ok(RawDecoder { schema })
    }

    /// Takes a run of records; what is not UTF-8 is bad.
    pub(crate) fn decode(&self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let mut values = StringBuilder::with_capacity(records.len(), 0);
        let mut rows = vec![0; records.len()];
        let mut bad = Vec::new();
        for (index, record) in records.iter().enumerate() {
            match std::str::from_utf8(record.value) {
                Ok(text) => {
                    values.append_value(text);
                    rows[index] = 1;
                }
                Err(error) => bad.push(BadRecord { index, reason: error.to_string() }),
            }
        }
        Ok(Decoded { batch: RecordBatch::try_new(self.schema.clone(), vec![Arc::new(values.finish())])?, rows, bad })
    }
}

/// The texts of a batch of one column.
pub(crate) fn texts(batch: &RecordBatch) -> Result<&StringArray, ArrowError> {
    let column = batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
    column.ok_or_else(|| ArrowError::SchemaError("a text as it is has one column of type TEXT".into()))
}

/// The texts of a batch as lines; one that is null is an empty line.
///
/// # Errors
/// When a text has more than one line: it could not be read back as one.
pub(crate) fn encode_lines(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let texts = texts(batch)?;
    let mut lines = Vec::with_capacity(texts.value_data().len() + texts.len());
    for text in texts {
        let text = text.unwrap_or_default();
        if text.contains('\n') {
            return Err(ArrowError::InvalidArgumentError("a text of several lines is not one line of a file".into()));
        }
        lines.extend_from_slice(text.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}
