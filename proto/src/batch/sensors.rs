//! Sensor readings (`edge-sensors`): a row a value that a device measured, whatever the sensor is.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Float64Type, SchemaRef, TimestampMillisecondType};

use super::BatchError;
use super::columns::{Columns, number, number_column, schema_of, text, text_column, time};

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.sensors.v1";

/// One reading.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorRow {
    /// The device, also the key of the message.
    pub device_id: Arc<str>,
    /// When it was read, milliseconds since the epoch.
    pub ts: i64,
    /// What was measured, for example `cpu_temperature`.
    pub sensor: Arc<str>,
    /// The value in `unit`.
    pub value: f64,
    /// The unit, for example `celsius`.
    pub unit: Arc<str>,
    /// How it is known: the file it was read from, or `synthetic`.
    pub method: Arc<str>,
}

static ARROW_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema_of(vec![
        text("device_id"),
        time("ts"),
        text("sensor"),
        number("value", DataType::Float64),
        text("unit"),
        text("method"),
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
pub fn to_batch(rows: &[SensorRow]) -> Result<RecordBatch, BatchError> {
    let columns = vec![
        text_column(rows.iter().map(|row| &*row.device_id)),
        number_column::<TimestampMillisecondType>(rows.iter().map(|row| row.ts)),
        text_column(rows.iter().map(|row| &*row.sensor)),
        number_column::<Float64Type>(rows.iter().map(|row| row.value)),
        text_column(rows.iter().map(|row| &*row.unit)),
        text_column(rows.iter().map(|row| &*row.method)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|source| BatchError::Build { schema: SCHEMA, source })
}

/// Reads the rows of a batch of this schema; columns beyond it are ignored.
///
/// # Errors
/// [`BatchError::Column`] when a column is missing or of another type, [`BatchError::Null`] when a value is missing.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<SensorRow>, BatchError> {
    let columns = Columns::of(batch, SCHEMA);
    let device_id = columns.text("device_id")?;
    let ts = columns.number::<TimestampMillisecondType>("ts")?;
    let sensor = columns.text("sensor")?;
    let value = columns.number::<Float64Type>("value")?;
    let unit = columns.text("unit")?;
    let method = columns.text("method")?;
    let row = |row: usize| SensorRow {
        device_id: Arc::clone(&device_id[row]),
        ts: ts[row],
        sensor: Arc::clone(&sensor[row]),
        value: value[row],
        unit: Arc::clone(&unit[row]),
        method: Arc::clone(&method[row]),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
