//! JSON objects, one a line or one a record, to and from columns.
//!
//! Reading goes through arrow-json's tape for a whole run of records at once. Only when that fails is each record read
//! by itself, to find which one is bad and why.

mod timestamps;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::reader::{Decoder, ReaderBuilder};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::record_batch::RecordBatch;
use headwater_plan::{Options, TableError};
use std::sync::Arc;

use self::timestamps::{from_wire, to_wire, wire_schema};
use super::{BadRecord, Decoded, Record, decode_each};

/// How timestamps are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimestampFormat {
    /// `2023-09-18T14:00:00`, with a fraction only where there is one; read with or without a zone.
    #[default]
    Rfc3339,
    /// Milliseconds since the epoch.
    UnixMillis,
}

/// The options of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonOptions {
    /// `json.timestamp_format`
    pub(crate) timestamps: TimestampFormat,
    /// `json.unstructured`: the whole object is one text column.
    pub(crate) unstructured: bool,
}

impl JsonOptions {
    /// Reads the options.
    pub(crate) fn of(options: &Options) -> Result<Self, TableError> {
        let formats = [("rfc3339", TimestampFormat::Rfc3339), ("unix_millis", TimestampFormat::UnixMillis)];
        let timestamps = options.choice("json.timestamp_format", &formats)?.unwrap_or_default();
        let unstructured = options.boolean("json.unstructured")?.unwrap_or(false);
        Ok(JsonOptions { timestamps, unstructured })
    }
}

/// Rows that the tape of a decoder is made for; a run of more is cut.
const TAPE_ROWS: usize = 1024;

/// Reads JSON objects into the declared columns; keys that are not declared are passed over.
#[derive(Debug)]
pub(crate) struct JsonDecoder {
    schema: SchemaRef,
    wire: SchemaRef,
    decoder: Decoder,
}

impl JsonDecoder {
    /// A decoder into these columns.
    ///
    /// # Errors
    /// When JSON cannot hold one of the columns' types.
    pub(crate) fn new(schema: SchemaRef, timestamps: TimestampFormat) -> Result<Self, ArrowError> {
        let wire = wire_schema(&schema, timestamps);
        Ok(JsonDecoder { decoder: build(&wire)?, schema, wire })
    }

    /// Reads a run of records. A record may hold several objects with white space between.
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        if let Ok((batches, rows)) = self.decode_run(records) {
            let batch = arrow::compute::concat_batches(&self.schema, &batches)?;
            return Ok(Decoded { batch, rows, bad: Vec::new() });
        }
        self.decoder = build(&self.wire)?;
        let schema = Arc::clone(&self.schema);
        decode_each(&schema, records, |record| self.decode_one(record))
    }

    /// Reads one record.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn decode_one(&mut self, record: &Record<'_>) -> Result<Vec<RecordBatch>, String> {
        self.decode_run(std::slice::from_ref(record)).map(|(batches, _)| batches).map_err(|error| {
            let reason = self.null_column(record).unwrap_or_else(|| plain(&error));
            match build(&self.wire) {
                Ok(decoder) => self.decoder = decoder,
                Err(error) => return plain(&error),
            }
            reason
        })
    }

    fn decode_run(&mut self, records: &[Record<'_>]) -> Result<(Vec<RecordBatch>, Vec<usize>), ArrowError> {
        let mut batches = Vec::new();
        let mut rows = Vec::with_capacity(records.len());
        for record in records {
            let mut rest = record.value;
            let mut objects = 0;
            while !rest.is_empty() {
                let before = self.decoder.len();
                let read = self.decoder.decode(rest)?;
                objects += self.decoder.len() - before;
                rest = &rest[read..];
                if !rest.is_empty() {
                    batches.extend(self.flush()?);
                }
            }
            if self.decoder.has_partial_record() {
                return Err(ArrowError::JsonError("the record ends inside a value".into()));
            }
            rows.push(objects);
        }
        batches.extend(self.flush()?);
        Ok((batches, rows))
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        self.decoder.flush()?.map(|batch| from_wire(&batch, &self.schema)).transpose()
    }

    /// The declared column that must not be null and is, if that is what is wrong with the record. arrow-json says so
    /// with a dump of the whole column.
    fn null_column(&self, record: &Record<'_>) -> Option<String> {
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let relaxed = Schema::new(self.wire.fields().iter().map(nullable).collect::<Vec<_>>());
        let mut decoder = build(&Arc::new(relaxed)).ok()?;
        decoder.decode(record.value).ok()?;
        let batch = decoder.flush().ok()??;
        let missing = self.schema.fields().iter().zip(batch.columns());
        let (field, _) = missing.into_iter().find(|(field, column)| !field.is_nullable() && column.null_count() > 0)?;
        Some(format!("column {} is missing or null and is declared NOT NULL", field.name()))
    }
}

fn build(wire: &SchemaRef) -> Result<Decoder, ArrowError> {
    ReaderBuilder::new(Arc::clone(wire)).with_batch_size(TAPE_ROWS).build_decoder()
}

/// The message without the name of Arrow's variant before it.
fn plain(error: &ArrowError) -> String {
    let text = error.to_string();
    text.strip_prefix("Json error: ").map(str::to_owned).unwrap_or(text)
}

/// Keeps each record as the text that it is, in the one declared column.
#[derive(Debug)]
pub(crate) struct UnstructuredDecoder {
    schema: SchemaRef,
}

impl UnstructuredDecoder {
    /// A decoder into this one column.
    ///
    /// # Errors
    /// When more is declared than one column of text.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, TableError> {
        match schema.fields().as_ref() {
            [field] if *field.data_type() == DataType::Utf8 => Ok(UnstructuredDecoder { schema }),
            _ => Err(TableError::new("'json.unstructured' needs exactly one column, of type JSON or TEXT")
                .with_option("json.unstructured")),
        }
    }

    /// Takes the text of a run of records; what is not JSON is bad.
    pub(crate) fn decode(&self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let mut values = StringBuilder::with_capacity(records.len(), 0);
        let mut rows = vec![0; records.len()];
        let mut bad = Vec::new();
        for (index, record) in records.iter().enumerate() {
            match json_text(record.value) {
                Ok(text) => {
                    values.append_value(text);
                    rows[index] = 1;
                }
                Err(reason) => bad.push(BadRecord { index, reason }),
            }
        }
        let column: ArrayRef = Arc::new(values.finish());
        Ok(Decoded { batch: RecordBatch::try_new(self.schema.clone(), vec![column])?, rows, bad })
    }
}

fn json_text(value: &[u8]) -> Result<&str, String> {
    serde_json::from_slice::<serde::de::IgnoredAny>(value).map_err(|error| error.to_string())?;
    std::str::from_utf8(value).map(str::trim).map_err(|error| error.to_string())
}

/// Writes a batch as one JSON object a line, nulls included, each line with its line feed.
///
/// # Errors
/// When JSON cannot hold one of the columns' types.
pub(crate) fn encode_lines(batch: &RecordBatch, timestamps: TimestampFormat) -> Result<Vec<u8>, ArrowError> {
    let wire = to_wire(batch, timestamps)?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&wire)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

/// The objects of [`encode_lines`] one by one, without their line feeds. A line feed inside a text is escaped, so
/// every one that stands in the bytes ends an object.
pub(crate) fn split_lines(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
