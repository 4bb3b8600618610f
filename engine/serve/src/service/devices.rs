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
    /// Hash of the settings it runs with.
    pub config_hash: Option<String>,
    /// Seconds since its agent started.
    pub uptime_s: Option<u64>,
    /// Rows that wait in its spool.
    pub spool_rows: Option<u64>,
    /// Rows that the broker has acknowledged since its agent started.
    pub sent_rows: Option<u64>,
    /// Messages that it dropped because its spool was full.
    pub dropped_messages: Option<u64>,
    /// What became of the last command that it was given.
    pub control: Option<Acknowledgement>,
    /// Its cameras, by name.
    pub cameras: Vec<CameraOfDevice>,
}

/// A camera: what its device says of it, and its newest frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraOfDevice {
    /// Its name on the device; empty for frames that name none.
    pub camera_id: String,
    /// What the device's last heartbeat says of it; none of a camera that is known by its frames only.
    pub status: Option<CameraHealth>,
    /// Its newest frame; none of a camera that has sent none.
    pub latest: Option<LatestFrame>,
}

/// What a heartbeat says of a camera.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct CameraHealth {
    /// Its name on the device.
    pub camera_id: String,
    /// `running`, `waiting`, `frozen`, `paused`, …
    pub state: String,
    /// Why it does not run, where that is known.
    pub reason: Option<String>,
    /// Frames a second that were looked at.
    pub fps: f64,
}

/// What became of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Acknowledgement {
    /// The command's name.
    pub command_id: String,
    /// Whether it is followed.
    pub accepted: bool,
    /// Why it is not.
    pub reason: String,
}

const HEARTBEATS: &str = "
    SELECT device_id, CAST(CAST(ts AS TIMESTAMP(3)) AS BIGINT) AS ts_ms, version, config_hash, uptime_s, spool_rows, sent_rows,
           dropped_messages, cameras, control
    FROM (SELECT *, row_number() OVER (PARTITION BY device_id ORDER BY ts DESC) AS newest FROM devices_live)
    WHERE newest = 1";

/// A row of [`HEARTBEATS`].
#[derive(Deserialize)]
struct HeartbeatRow {
    device_id: String,
    ts_ms: Option<i64>,
    version: Option<String>,
    config_hash: Option<String>,
    uptime_s: Option<u64>,
    spool_rows: Option<u64>,
    sent_rows: Option<u64>,
    dropped_messages: Option<u64>,
    cameras: Option<Vec<CameraHealth>>,
    control: Option<Acknowledgement>,
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
            device.camera(camera_id).latest = Some(latest);
        }
        Ok(devices.into_values().collect())
    }
}

impl DeviceReport {
    /// The camera of this name, made where there is none yet.
    fn camera(&mut self, camera_id: String) -> &mut CameraOfDevice {
        let place = self.cameras.partition_point(|camera| camera.camera_id < camera_id);
        if self.cameras.get(place).is_none_or(|camera| camera.camera_id != camera_id) {
            self.cameras.insert(place, CameraOfDevice { camera_id, ..CameraOfDevice::default() });
        }
        &mut self.cameras[place]
    }
}

impl From<HeartbeatRow> for DeviceReport {
    fn from(row: HeartbeatRow) -> Self {
        let mut report = DeviceReport {
            device_id: row.device_id,
            last_heartbeat_ms: row.ts_ms,
            last_frame_ms: None,
            version: row.version,
            config_hash: row.config_hash,
            uptime_s: row.uptime_s,
            spool_rows: row.spool_rows,
            sent_rows: row.sent_rows,
            dropped_messages: row.dropped_messages,
            control: row.control,
            cameras: Vec::new(),
        };
        for status in row.cameras.unwrap_or_default() {
            let camera_id = status.camera_id.clone();
            report.camera(camera_id).status = Some(status);
        }
        report
    }
}
