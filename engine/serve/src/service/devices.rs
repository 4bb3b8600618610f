//! Who has been heard of: devices by their heartbeats (`devices_live`) and by their frames (`frames_live`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::QueryService;
use super::cameras::LatestFrame;
use crate::error::QueryError;

/// A device, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceReport {
    /// Its name.
    pub device_id: String,
    /// Its last heartbeat, milliseconds since 1970 in UTC.
    pub last_heartbeat_ms: Option<i64>,
    /// Its newest frame, milliseconds since 1970 in UTC.
    pub last_frame_ms: Option<i64>,
    /// Version of its agent.
    pub version: Option<String>,
    /// Seconds since its agent started.
    pub uptime_s: Option<u64>,
    /// Rows that wait in its spool.
    pub spool_rows: Option<u64>,
    /// Rows that the broker has acknowledged since its agent started.
    pub sent_rows: Option<u64>,
    /// Its cameras that have sent frames.
    pub cameras: Vec<CameraOfDevice>,
}

/// A camera and its newest frame.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraOfDevice {
    /// Its name on the device; empty for frames that name none.
    pub camera_id: String,
    /// Its newest frame.
    pub latest: LatestFrame,
}

const HEARTBEATS: &str = "
    SELECT device_id, CAST(CAST(ts AS TIMESTAMP(3)) AS BIGINT) AS ts_ms, version, uptime_s, spool_rows, sent_rows
    FROM (SELECT *, row_number() OVER (PARTITION BY device_id ORDER BY ts DESC) AS newest FROM devices_live)
    WHERE newest = 1";

/// A row of [`HEARTBEATS`].
#[derive(Deserialize)]
struct HeartbeatRow {
    device_id: String,
    ts_ms: Option<i64>,
    version: Option<String>,
    uptime_s: Option<u64>,
    spool_rows: Option<u64>,
    sent_rows: Option<u64>,
}

impl QueryService {
    /// Every device that the views `devices_live` and `frames_live` remember, by name.
    ///
    /// # Errors
    /// As [`QueryService::query`].
    pub async fn devices(&self) -> Result<Vec<DeviceReport>, QueryError> {
        let mut devices: BTreeMap<String, DeviceReport> = BTreeMap::new();
        for row in self.query_json(HEARTBEATS).await? {
            let not_a_heartbeat = |error: serde_json::Error| QueryError::Encode {
                format: "heartbeats",
                source: arrow::error::ArrowError::JsonError(error.to_string()),
            };
            let row: HeartbeatRow = serde_json::from_value(serde_json::Value::Object(row)).map_err(not_a_heartbeat)?;
            devices.insert(row.device_id.clone(), DeviceReport::from(row));
        }
        for latest in self.latest_frames().await? {
            let named = || DeviceReport { device_id: latest.device_id.clone(), ..DeviceReport::default() };
            let device = devices.entry(latest.device_id.clone()).or_insert_with(named);
            device.last_frame_ms = device.last_frame_ms.max(Some(latest.ts_ms));
            let camera_id = latest.camera_id.clone().unwrap_or_default();
            device.cameras.push(CameraOfDevice { camera_id, latest });
        }
        Ok(devices.into_values().collect())
    }
}

impl From<HeartbeatRow> for DeviceReport {
    fn from(row: HeartbeatRow) -> Self {
        DeviceReport {
            device_id: row.device_id,
            last_heartbeat_ms: row.ts_ms,
            last_frame_ms: None,
            version: row.version,
            uptime_s: row.uptime_s,
            spool_rows: row.spool_rows,
            sent_rows: row.sent_rows,
            cameras: Vec::new(),
        }
    }
}
