//! Detections (`edge-detections`): a row an object that the detector saw in a frame.
//!
//! A frame without objects has no row here; it has one in [`super::frames`], joined by device, camera and frame.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Float32Type, SchemaRef, TimestampMillisecondType, UInt64Type};

use super::BatchError;
use super::columns::{
    Columns, number, number_column, optional, optional_column, schema_of, text, text_column, time, value_at,
};

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.detections.v1";

/// One object in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionRow {
    /// The device, also the key of the message.
    pub device_id: Arc<str>,
    /// The camera, unique on its device.
    pub camera_id: Arc<str>,
    /// When the frame was taken, milliseconds since the epoch.
    pub ts: i64,
    /// The number of the frame on that camera.
    pub frame: u64,
    /// What it is, a name of COCO such as `person`.
    pub class: Arc<str>,
    /// How sure the network is, 0 to 1.
    pub confidence: f32,
    /// Left edge, pixels of the frame.
    pub x1: f32,
    /// Top edge, pixels of the frame.
    pub y1: f32,
    /// Right edge, pixels of the frame.
    pub x2: f32,
    /// Bottom edge, pixels of the frame.
    pub y2: f32,
    /// The same thing over time, where it is tracked.
    pub track_id: Option<u64>,
}

static ARROW_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(vec![
        text("device_id"),
        text("camera_id"),
        time("ts"),
        number("frame", DataType::UInt64),
        text("class"),
        number("confidence", DataType::Float32),
        number("x1", DataType::Float32),
        number("y1", DataType::Float32),
        number("x2", DataType::Float32),
        number("y2", DataType::Float32),
        optional("track_id", DataType::UInt64),
    ])
});

/// The Arrow schema of [`SCHEMA`].
pub fn schema() -> SchemaRef {
    Arc::clone(&ARROW_SCHEMA)
}

/// Builds one batch, in the order of the rows.
///
/// # Errors
/// [`BatchError::Build`] when Arrow refuses the columns.
pub fn to_batch(rows: &[DetectionRow]) -> Result<RecordBatch, BatchError> {
    let columns = vec![
        text_column(rows.iter().map(|row| &*row.device_id)),
        text_column(rows.iter().map(|row| &*row.camera_id)),
        number_column::<TimestampMillisecondType>(rows.iter().map(|row| row.ts)),
        number_column::<UInt64Type>(rows.iter().map(|row| row.frame)),
        text_column(rows.iter().map(|row| &*row.class)),
        number_column::<Float32Type>(rows.iter().map(|row| row.confidence)),
        number_column::<Float32Type>(rows.iter().map(|row| row.x1)),
        number_column::<Float32Type>(rows.iter().map(|row| row.y1)),
        number_column::<Float32Type>(rows.iter().map(|row| row.x2)),
        number_column::<Float32Type>(rows.iter().map(|row| row.y2)),
        optional_column::<UInt64Type>(rows.iter().map(|row| row.track_id)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|source| BatchError::Build { schema: SCHEMA, source })
}

/// Reads the rows of a batch of this schema; columns beyond it are ignored.
///
/// # Errors
/// [`BatchError::Column`] when a column is missing or of another type, [`BatchError::Null`] when a value is missing.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<DetectionRow>, BatchError> {
    let columns = Columns::of(batch, SCHEMA);
    let device_id = columns.text("device_id")?;
    let camera_id = columns.text("camera_id")?;
    let ts = columns.number::<TimestampMillisecondType>("ts")?;
    let frame = columns.number::<UInt64Type>("frame")?;
    let class = columns.text("class")?;
    let confidence = columns.number::<Float32Type>("confidence")?;
    let x1 = columns.number::<Float32Type>("x1")?;
    let y1 = columns.number::<Float32Type>("y1")?;
    let x2 = columns.number::<Float32Type>("x2")?;
    let y2 = columns.number::<Float32Type>("y2")?;
    let track_id = columns.optional::<UInt64Type>("track_id")?;
    let row = |row: usize| DetectionRow {
        device_id: Arc::clone(&device_id[row]),
        camera_id: Arc::clone(&camera_id[row]),
        ts: ts[row],
        frame: frame[row],
        class: Arc::clone(&class[row]),
        confidence: confidence[row],
        x1: x1[row],
        y1: y1[row],
        x2: x2[row],
        y2: y2[row],
        track_id: value_at(track_id, row),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
