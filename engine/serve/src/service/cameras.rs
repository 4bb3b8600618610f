//! What the cameras see: the newest frame of each, and people in view over time, from the view `frames_live`.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt as _;

use super::QueryService;
use crate::error::QueryError;

/// The newest frame of a camera.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LatestFrame {
    /// The device.
    pub device_id: String,
    /// The camera; none for frames that were injected without one.
    pub camera_id: Option<String>,
    /// When the frame was taken, milliseconds since 1970 in UTC.
    pub ts_ms: i64,
    /// People in it.
    pub persons_detected: u64,
    /// Everything in it.
    pub objects_detected: Option<u64>,
    /// Its number on its camera.
    pub frame: Option<u64>,
    /// The input size that the network ran at.
    pub tier: Option<String>,
    /// How long detection took.
    pub inference_ms: Option<f64>,
    /// What it cost, millijoules.
    pub energy_mj: Option<f64>,
}

/// People in view of one camera over time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct CameraSeries {
    /// The device.
    pub device_id: String,
    /// The camera.
    pub camera_id: Option<String>,
    /// Where each step begins, seconds since 1970 in UTC.
    pub seconds: Vec<i64>,
    /// The mean of the people in view over the frames of the step.
    pub people: Vec<f64>,
}

const LATEST: &str = "
    SELECT device_id, camera_id, CAST(CAST(ts AS TIMESTAMP(3)) AS BIGINT) AS ts_ms,
           CAST(persons_detected AS BIGINT UNSIGNED) AS persons_detected,
           CAST(objects_detected AS BIGINT UNSIGNED) AS objects_detected,
           CAST(frame AS BIGINT UNSIGNED) AS frame, tier,
           CAST(inference_ms AS DOUBLE) AS inference_ms, CAST(energy_mj AS DOUBLE) AS energy_mj
    FROM (SELECT *, row_number() OVER (PARTITION BY device_id, camera_id ORDER BY ts DESC, frame DESC) AS newest
          FROM frames_live)
    WHERE newest = 1
    ORDER BY device_id, camera_id";

impl QueryService {
    /// The newest frame of every camera, by device and camera.
    ///
    /// # Errors
    /// As [`QueryService::query`], [`QueryError::Plan`] where there is no view `frames_live`.
    pub async fn latest_frames(&self) -> Result<Vec<LatestFrame>, QueryError> {
        let batches: Vec<_> = self.query(LATEST).await?.try_collect().await?;
        let mut frames = Vec::new();
        for batch in &batches {
            latest_of(batch, &mut frames)?;
        }
        Ok(frames)
    }

    /// People in view of every camera since a time (seconds since 1970), in steps of `step_s` seconds (at least 1).
    ///
    /// # Errors
    /// As [`QueryService::latest_frames`].
    pub async fn people_over_time(&self, since_s: i64, step_s: u32) -> Result<Vec<CameraSeries>, QueryError> {
        let step = i64::from(step_s.max(1));
        let sql = format!(
            "SELECT device_id, camera_id, seconds - seconds % {step} AS second, CAST(avg(persons_detected) AS DOUBLE) AS people
             FROM (SELECT device_id, camera_id, persons_detected,
                          CAST(CAST(ts AS TIMESTAMP(0)) AS BIGINT) AS seconds FROM frames_live)
             WHERE seconds >= {since_s}
             GROUP BY device_id, camera_id, second
             ORDER BY device_id, camera_id, second"
        );
        let batches: Vec<_> = self.query(&sql).await?.try_collect().await?;
        let mut series: Vec<CameraSeries> = Vec::new();
        for batch in &batches {
            let (device, camera) = (texts(batch, 0)?, texts(batch, 1)?);
            let second = column(batch, 2, &DataType::Int64)?;
            let people = column(batch, 3, &DataType::Float64)?;
            for row in 0..batch.num_rows() {
                let (device_id, camera_id) = (device[row].clone().unwrap_or_default(), camera[row].clone());
                let last = series.last();
                if last.is_none_or(|last| last.device_id != device_id || last.camera_id != camera_id) {
                    series.push(CameraSeries { device_id, camera_id, seconds: Vec::new(), people: Vec::new() });
                }
                if let Some(last) = series.last_mut() {
                    last.seconds.push(second.as_primitive::<Int64Type>().value(row));
                    last.people.push(people.as_primitive::<Float64Type>().value(row));
                }
            }
        }
        Ok(series)
    }
}

fn latest_of(batch: &RecordBatch, frames: &mut Vec<LatestFrame>) -> Result<(), QueryError> {
    let (device, camera, tier) = (texts(batch, 0)?, texts(batch, 1)?, texts(batch, 6)?);
    let ts = column(batch, 2, &DataType::Int64)?;
    let count = |index| column(batch, index, &DataType::UInt64);
    let (persons, objects, frame) = (count(3)?, count(4)?, count(5)?);
    let measure = |index| column(batch, index, &DataType::Float64);
    let (inference, energy) = (measure(7)?, measure(8)?);
    let whole = |array: &dyn Array, row| array.is_valid(row).then(|| array.as_primitive::<UInt64Type>().value(row));
    let real = |array: &dyn Array, row| array.is_valid(row).then(|| array.as_primitive::<Float64Type>().value(row));
    for row in 0..batch.num_rows() {
        frames.push(LatestFrame {
            device_id: device[row].clone().unwrap_or_default(),
            camera_id: camera[row].clone(),
            ts_ms: ts.as_primitive::<Int64Type>().value(row),
            persons_detected: whole(&persons, row).unwrap_or_default(),
            objects_detected: whole(&objects, row),
            frame: whole(&frame, row),
            tier: tier[row].clone(),
            inference_ms: real(&inference, row),
            energy_mj: real(&energy, row),
        });
    }
    Ok(())
}

fn column(batch: &RecordBatch, index: usize, data_type: &DataType) -> Result<arrow::array::ArrayRef, QueryError> {
    cast(batch.column(index), data_type).map_err(|source| QueryError::Encode { format: "frames", source })
}

fn texts(batch: &RecordBatch, index: usize) -> Result<Vec<Option<String>>, QueryError> {
    let column = column(batch, index, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}
