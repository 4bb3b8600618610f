//! What travels between the edge and the engine: topics, Arrow schemas with their version, message headers.
//!
//! One message is one self-contained Arrow IPC stream (schema, one or more batches, end of stream), keyed by the
//! device id, with the [`headers`] that name its schema and its identity. Heartbeats are the exception: one JSON
//! object a message ([`status`]), and so are commands to devices ([`control`]).
//!
//! | topic | a row is | module |
//! |---|---|---|
//! | [`EDGE_DATA`] | a frame, also one in which nobody was seen | [`frames`] |
//! | [`EDGE_DETECTIONS`] | an object in a frame | [`detections`] |
//! | [`EDGE_EVENTS`] | a zone entered or left, a line crossed | [`events`] |
//! | [`EDGE_SENSORS`] | a reading of a sensor | [`sensors`] |
//! | [`EDGE_STATUS`] | a heartbeat (JSON) | [`status`] |
//! | [`EDGE_CONTROL`] | a command to a device (JSON) | [`control`] |
//!
//! Not here: Kafka itself, files, clocks. The functions take rows and bytes and give back bytes and rows.

pub mod control;
pub mod detections;
pub mod events;
pub mod frames;
pub mod headers;
pub mod sensors;
pub mod status;

mod columns;

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

/// Topic of frames: a row a frame, [`frames::SCHEMA`].
pub const EDGE_DATA: &str = "edge-data";
/// Topic of detected objects: a row an object, [`detections::SCHEMA`].
pub const EDGE_DETECTIONS: &str = "edge-detections";
/// Topic of events of counting: a row an event, [`events::SCHEMA`].
pub const EDGE_EVENTS: &str = "edge-events";
/// Topic of sensor readings, [`sensors::SCHEMA`].
pub const EDGE_SENSORS: &str = "edge-sensors";
/// Topic of heartbeats, [`status::SCHEMA`], JSON.
pub const EDGE_STATUS: &str = "edge-status";

/// Topic of commands to devices, [`control::SCHEMA`], JSON; the one that devices read.
pub const EDGE_CONTROL: &str = "edge-control";

/// Every topic that an edge device writes.
pub const TOPICS: [&str; 5] = [EDGE_DATA, EDGE_DETECTIONS, EDGE_EVENTS, EDGE_SENSORS, EDGE_STATUS];

/// Messages of at least this many rows are compressed with zstd: below it the codec's frame costs more than it saves.
pub const COMPRESS_FROM_ROWS: usize = 100;

/// Why rows did not become a message, or a message did not become rows.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The columns built from rows do not make a batch.
    #[error("building a batch of {schema}")]
    Build { schema: &'static str, source: ArrowError },
    /// The batch could not be written as an IPC stream.
    #[error("writing an arrow ipc stream")]
    Encode { source: ArrowError },
    /// The bytes are not an IPC stream, or a truncated one.
    #[error("reading an arrow ipc stream of {bytes} bytes")]
    Decode { bytes: usize, source: ArrowError },
    /// A batch has another schema than the one it is read as.
    #[error("column {column} of {schema} is missing or not of type {expected}")]
    Column { schema: &'static str, column: &'static str, expected: String },
    /// A column that must have a value in every row has none.
    #[error("column {column} has no value in row {row}")]
    Null { column: &'static str, row: usize },
    /// A header of the message is missing.
    #[error("header {name} is missing")]
    HeaderMissing { name: &'static str },
    /// A header of the message cannot be read.
    #[error("header {name} is not readable: {value}")]
    HeaderValue { name: &'static str, value: String },
    /// A heartbeat is not the JSON object that it should be.
    #[error("reading a heartbeat")]
    Heartbeat { source: serde_json::Error },
    /// A command is not the JSON object that it should be.
    #[error("reading a command")]
    Command { source: serde_json::Error },
}

/// Writes one batch as one self-contained IPC stream, compressed from [`COMPRESS_FROM_ROWS`] rows.
///
/// # Errors
/// [`BatchError::Encode`] when Arrow refuses the batch.
pub fn encode_stream(batch: &RecordBatch) -> Result<Vec<u8>, BatchError> {
    let encode = |source| BatchError::Encode { source };
    let compression = (batch.num_rows() >= COMPRESS_FROM_ROWS).then_some(CompressionType::ZSTD);
    let options = IpcWriteOptions::default().try_with_compression(compression).map_err(encode)?;
    let mut bytes = Vec::with_capacity(batch.get_array_memory_size() / 2 + 1024);
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).map_err(encode)?;
    writer.write(batch).map_err(encode)?;
    writer.finish().map_err(encode)?;
    drop(writer);
    Ok(bytes)
}

/// Reads every batch of one IPC stream.
///
/// # Errors
/// [`BatchError::Decode`] when the bytes are no IPC stream or end inside a message.
pub fn decode_stream(bytes: &[u8]) -> Result<Vec<RecordBatch>, BatchError> {
    let decode = |source| BatchError::Decode { bytes: bytes.len(), source };
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(decode)?;
    reader.collect::<Result<Vec<_>, _>>().map_err(decode)
}

#[cfg(test)]
mod tests;
