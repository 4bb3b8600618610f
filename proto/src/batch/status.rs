//! Heartbeats (`edge-status`): one JSON object a message that says how a device is doing.
//!
//! JSON and not Arrow because a message is one row with a list inside, and because people read it with `kcat`.

use arrow::temporal_conversions::timestamp_ms_to_datetime;
use serde::{Deserialize, Serialize};

use super::BatchError;

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.status.v1";

/// How a device is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The device, also the key of the message.
    pub device_id: String,
    /// The start of the agent that speaks, a UUID.
    pub boot: String,
    /// When it was said, `YYYY-MM-DDTHH:MM:SS.mmm` in UTC without a zone ([`timestamp_text`]).
    pub ts: String,
    /// Version of the agent.
    pub version: String,
    /// Hash of the settings it runs with, hexadecimal.
    pub config_hash: String,
    /// Seconds since the agent started.
    pub uptime_s: u64,
    /// A camera each.
    pub cameras: Vec<CameraStatus>,
    /// Bytes of the spool on disk.
    pub spool_bytes: u64,
    /// Rows that wait in the spool.
    pub spool_rows: u64,
    /// Rows that the broker has acknowledged since the start.
    pub sent_rows: u64,
    /// Carbon intensity of the electricity, grams of CO₂ equivalent a kilowatt-hour, where it is known.
    pub carbon_intensity_g_per_kwh: Option<f64>,
    /// Energy spent on detection since the start, millijoules, where it is known.
    pub energy_mj_total: Option<f64>,
    /// Messages that were dropped because the spool was full, since the start.
    #[serde(default)]
    pub dropped_messages: u64,
    /// What became of the last command, where there was one since the start.
    #[serde(default)]
    pub control: Option<Acknowledgement>,
}

/// What became of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The command's `id`; empty for one that cannot be read.
    pub command_id: String,
    /// Whether it is followed.
    pub accepted: bool,
    /// Why it is not.
    pub reason: String,
}

/// How a camera is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// The camera, unique on its device.
    pub camera_id: String,
    /// Where its frames come from, for example `file:clip.mp4`.
    pub source: String,
    /// `starting`, `connecting`, `running`, `waiting` (asked again soon), `broken` (asked again now and then), `paused`,
    /// `ended` or `failed`; of a camera whose picture shows nothing, `frozen` or `dark`.
    pub state: String,
    /// Why it does not run, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Frames a second that were looked at, over the time since the heartbeat before.
    pub fps: f64,
    /// Frames that were not looked at since the start.
    pub skipped: u64,
    /// The input size that the network runs at now.
    pub tier: String,
    /// Energy spent on detection for it since the start, millijoules, where it is known.
    #[serde(default)]
    pub energy_mj: Option<f64>,
}

impl Heartbeat {
    /// Writes the JSON object.
    ///
    /// # Errors
    /// [`BatchError::Heartbeat`] when a number is not one that JSON knows.
    pub fn to_json(&self) -> Result<Vec<u8>, BatchError> {
        serde_json::to_vec(self).map_err(|source| BatchError::Heartbeat { source })
    }

    /// Reads the JSON object; keys beyond the known ones are ignored.
    ///
    /// # Errors
    /// [`BatchError::Heartbeat`] when a key is missing or of another type.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BatchError> {
        serde_json::from_slice(bytes).map_err(|source| BatchError::Heartbeat { source })
    }
}

/// Milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmm` in UTC without a zone, which SQL reads as a TIMESTAMP.
/// Out of the years that a calendar knows it is the number itself.
pub fn timestamp_text(ts_ms: i64) -> String {
    match timestamp_ms_to_datetime(ts_ms) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
        None => ts_ms.to_string(),
    }
}
