//! Frames (`edge-data`): a row a frame, so that a frame in which nobody was seen is a row too.
//!
//! Counting people is a sum over these rows; who they are and where they stand is in [`super::detections`].

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{
    DataType, Float32Type, SchemaRef, TimestampMillisecondType, UInt16Type, UInt32Type, UInt64Type,
};

use super::BatchError;
use super::columns::{
    Columns, number, number_column, optional, optional_column, schema_of, text, text_column, time, value_at,
};

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.frames.v1";

/// What was seen in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameRow {
    /// The device, also the key of the message.
    pub device_id: Arc<str>,
    /// The camera, unique on its device.
    pub camera_id: Arc<str>,
    /// When the frame was taken, milliseconds since the epoch.
    pub ts: i64,
    /// Its number on that camera, counted from 0 at the start of the agent; skipped frames count.
    pub frame: u64,
    /// People in it.
    pub persons_detected: u16,
    /// Everything in it, people included.
    pub objects_detected: u16,
    /// Width of the frame, pixels.
    pub width: u16,
    /// Height of the frame, pixels.
    pub height: u16,
    /// The network, for example `nanodet-g`.
    pub model: Arc<str>,
    /// The input size that the network ran at, for example `416`.
    pub tier: Arc<str>,
    /// How long detection took, milliseconds.
    pub inference_ms: f32,
    /// What it cost, millijoules; nothing where no method is set up.
    pub energy_mj: Option<f32>,
    /// How the cost is known, for example `cpu-model`; `none` where it is not.
    pub energy_method: Arc<str>,
    /// Frames that were not looked at since the row before.
    pub skipped: u32,
}

static ARROW_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(vec![
        text("device_id"),
        text("camera_id"),
        time("ts"),
        number("frame", DataType::UInt64),
        number("persons_detected", DataType::UInt16),
        number("objects_detected", DataType::UInt16),
        number("width", DataType::UInt16),
        number("height", DataType::UInt16),
        text("model"),
        text("tier"),
        number("inference_ms", DataType::Float32),
        optional("energy_mj", DataType::Float32),
        text("energy_method"),
        number("skipped", DataType::UInt32),
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
pub fn to_batch(rows: &[FrameRow]) -> Result<RecordBatch, BatchError> {
    let columns = vec![
        text_column(rows.iter().map(|row| &*row.device_id)),
        text_column(rows.iter().map(|row| &*row.camera_id)),
        number_column::<TimestampMillisecondType>(rows.iter().map(|row| row.ts)),
        number_column::<UInt64Type>(rows.iter().map(|row| row.frame)),
        number_column::<UInt16Type>(rows.iter().map(|row| row.persons_detected)),
        number_column::<UInt16Type>(rows.iter().map(|row| row.objects_detected)),
        number_column::<UInt16Type>(rows.iter().map(|row| row.width)),
        number_column::<UInt16Type>(rows.iter().map(|row| row.height)),
        text_column(rows.iter().map(|row| &*row.model)),
        text_column(rows.iter().map(|row| &*row.tier)),
        number_column::<Float32Type>(rows.iter().map(|row| row.inference_ms)),
        optional_column::<Float32Type>(rows.iter().map(|row| row.energy_mj)),
        text_column(rows.iter().map(|row| &*row.energy_method)),
        number_column::<UInt32Type>(rows.iter().map(|row| row.skipped)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|source| BatchError::Build { schema: SCHEMA, source })
}

/// Reads the rows of a batch of this schema; columns beyond it are ignored.
///
/// # Errors
/// [`BatchError::Column`] when a column is missing or of another type, [`BatchError::Null`] when a value is missing.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<FrameRow>, BatchError> {
    let columns = Columns::of(batch, SCHEMA);
    let device_id = columns.text("device_id")?;
    let camera_id = columns.text("camera_id")?;
    let ts = columns.number::<TimestampMillisecondType>("ts")?;
    let frame = columns.number::<UInt64Type>("frame")?;
    let persons_detected = columns.number::<UInt16Type>("persons_detected")?;
    let objects_detected = columns.number::<UInt16Type>("objects_detected")?;
    let width = columns.number::<UInt16Type>("width")?;
    let height = columns.number::<UInt16Type>("height")?;
    let model = columns.text("model")?;
    let tier = columns.text("tier")?;
    let inference_ms = columns.number::<Float32Type>("inference_ms")?;
    let energy_mj = columns.optional::<Float32Type>("energy_mj")?;
    let energy_method = columns.text("energy_method")?;
    let skipped = columns.number::<UInt32Type>("skipped")?;
    let row = |row: usize| FrameRow {
        device_id: Arc::clone(&device_id[row]),
        camera_id: Arc::clone(&camera_id[row]),
        ts: ts[row],
        frame: frame[row],
        persons_detected: persons_detected[row],
        objects_detected: objects_detected[row],
        width: width[row],
        height: height[row],
        model: Arc::clone(&model[row]),
        tier: Arc::clone(&tier[row]),
        inference_ms: inference_ms[row],
        energy_mj: value_at(energy_mj, row),
        energy_method: Arc::clone(&energy_method[row]),
        skipped: skipped[row],
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
