//! Events of counting (`edge-events`): a row a time that something tracked went into a zone, out of one, or over a line.
//!
//! A zone and a line are named in the settings of a device; the sum of a line's events is its count, and the last
//! `occupancy` of a zone is how many are in it.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef, TimestampMillisecondType, UInt32Type, UInt64Type};

use super::BatchError;
use super::columns::{
    Columns, number, number_column, optional, optional_column, schema_of, text, text_column, time, value_at,
};

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.events.v1";

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// The device, also the key of the message.
    pub device_id: Arc<str>,
    /// The camera, unique on its device.
    pub camera_id: Arc<str>,
    /// When the frame was taken in which it was noticed, milliseconds since the epoch.
    pub ts: i64,
    /// The number of that frame on that camera.
    pub frame: u64,
    /// Into a zone: `enter`, or `appear` where it was first seen inside. Out of it: `exit`, or `lost` where its track ended
    /// inside. Over a line: `forward`, for one who looks along it from its left to its right, and `backward`.
    pub event: Arc<str>,
    /// Name of the zone or line.
    pub place: Arc<str>,
    /// What it is, a name of COCO such as `person`.
    pub class: Arc<str>,
    /// The thing, as in the detections.
    pub track_id: u64,
    /// How long it was in the zone, milliseconds: of `exit` and `lost`.
    pub dwell_ms: Option<u64>,
    /// How many are in the zone after the event: of zones.
    pub occupancy: Option<u32>,
}

static ARROW_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(vec![
        text("device_id"),
        text("camera_id"),
        time("ts"),
        number("frame", DataType::UInt64),
        text("event"),
        text("place"),
        text("class"),
        number("track_id", DataType::UInt64),
        optional("dwell_ms", DataType::UInt64),
        optional("occupancy", DataType::UInt32),
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
pub fn to_batch(rows: &[EventRow]) -> Result<RecordBatch, BatchError> {
    let columns = vec![
        text_column(rows.iter().map(|row| &*row.device_id)),
        text_column(rows.iter().map(|row| &*row.camera_id)),
        number_column::<TimestampMillisecondType>(rows.iter().map(|row| row.ts)),
        number_column::<UInt64Type>(rows.iter().map(|row| row.frame)),
        text_column(rows.iter().map(|row| &*row.event)),
        text_column(rows.iter().map(|row| &*row.place)),
        text_column(rows.iter().map(|row| &*row.class)),
        number_column::<UInt64Type>(rows.iter().map(|row| row.track_id)),
        optional_column::<UInt64Type>(rows.iter().map(|row| row.dwell_ms)),
        optional_column::<UInt32Type>(rows.iter().map(|row| row.occupancy)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|source| BatchError::Build { schema: SCHEMA, source })
}

/// Reads the rows of a batch of this schema; columns beyond it are ignored.
///
/// # Errors
/// [`BatchError::Column`] when a column is missing or of another type, [`BatchError::Null`] when a value is missing.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<EventRow>, BatchError> {
    let columns = Columns::of(batch, SCHEMA);
    let device_id = columns.text("device_id")?;
    let camera_id = columns.text("camera_id")?;
    let ts = columns.number::<TimestampMillisecondType>("ts")?;
    let frame = columns.number::<UInt64Type>("frame")?;
    let event = columns.text("event")?;
    let place = columns.text("place")?;
    let class = columns.text("class")?;
    let track_id = columns.number::<UInt64Type>("track_id")?;
    let dwell_ms = columns.optional::<UInt64Type>("dwell_ms")?;
    let occupancy = columns.optional::<UInt32Type>("occupancy")?;
    let row = |row: usize| EventRow {
        device_id: Arc::clone(&device_id[row]),
        camera_id: Arc::clone(&camera_id[row]),
        ts: ts[row],
        frame: frame[row],
        event: Arc::clone(&event[row]),
        place: Arc::clone(&place[row]),
        class: Arc::clone(&class[row]),
        track_id: track_id[row],
        dwell_ms: value_at(dwell_ms, row),
        occupancy: value_at(occupancy, row),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
