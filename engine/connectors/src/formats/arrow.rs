//! One self-contained Arrow IPC stream a record: schema, batches, end of stream.

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use headwater_proto::batch::{BatchError, decode_stream, encode_stream};

use super::conform::conform;
use super::{Decoded, Record, decode_each};

/// Reads IPC streams into the declared columns, which are found by name.
#[derive(Debug)]
pub(crate) struct ArrowDecoder {
    schema: SchemaRef,
}

impl ArrowDecoder {
    /// A decoder into these columns.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        ArrowDecoder { schema }
    }

    /// Reads a run of records.
    pub(crate) fn decode(&self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        decode_each(&self.schema, records, |record| self.decode_one(record.value))
    }

    /// Reads one IPC stream.
    ///
    /// # Errors
    /// Says what is wrong with the bytes or with a column.
    pub(crate) fn decode_one(&self, bytes: &[u8]) -> Result<Vec<RecordBatch>, String> {
        let batches = decode_stream(bytes).map_err(|error| reason(&error))?;
        batches.iter().map(|batch| conform(batch, &self.schema)).collect()
    }
}

/// Writes one batch as one IPC stream.
pub(crate) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, BatchError> {
    encode_stream(batch)
}

/// Writes batches of one schema as one IPC stream.
pub(crate) fn encode_all(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// The error with its cause, for a place where only text goes.
fn reason(error: &BatchError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
