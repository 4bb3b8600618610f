//! Commands to devices (`edge-control`): one JSON object a message, keyed by the device.
//!
//! A command changes what one camera does, or all of a device: how often it is looked at, at which input sizes, where
//! it counts, and whether it is looked at at all. What it does not name stays. The device says in its heartbeat what
//! became of it ([`super::status::Heartbeat::control`]). Who may write the topic may command: that is the broker's ACLs'
//! business.

use serde::{Deserialize, Serialize};

use super::BatchError;

/// Name and version, the value of the header `schema`.
pub const SCHEMA: &str = "headwater.control.v1";

/// The `device_id` of a command that is meant for every device.
pub const EVERY_DEVICE: &str = "*";

/// A command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Told apart by this; it stands in the acknowledgement.
    pub id: String,
    /// The device that is meant, or [`EVERY_DEVICE`].
    pub device_id: String,
    /// The camera that is meant; unsaid, all cameras of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera_id: Option<String>,
    /// When it has become too old to be followed, milliseconds since the epoch; unsaid, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// What shall change.
    pub set: Change,
}

/// What shall change; what is unsaid stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Frames a second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Input sizes of the network, the best first, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<u32>>,
    /// All zones that shall be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<Zone>>,
    /// All lines that shall be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<Line>>,
    /// Whether nothing is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// An area of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name, unique on its camera.
    pub name: String,
    /// Its corners in turn, each as parts (0 to 1) of width and height from the left upper corner.
    pub polygon: Vec<[f32; 2]>,
    /// Classes that are counted; empty means all.
    #[serde(default)]
    pub classes: Vec<String>,
}

/// A line across a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name, unique on its camera.
    pub name: String,
    /// Where it begins, as parts (0 to 1) of width and height from the left upper corner.
    pub from: [f32; 2],
    /// Where it ends.
    pub to: [f32; 2],
    /// Classes that are counted; empty means all.
    #[serde(default)]
    pub classes: Vec<String>,
}

impl Command {
    /// Whether it is meant for a device.
    pub fn is_for(&self, device_id: &str) -> bool {
        self.device_id == device_id || self.device_id == EVERY_DEVICE
    }

    /// Writes the JSON object.
    ///
    /// # Errors
    /// [`BatchError::Command`] when a number is not one that JSON knows.
    pub fn to_json(&self) -> Result<Vec<u8>, BatchError> {
        serde_json::to_vec(self).map_err(|source| BatchError::Command { source })
    }

    /// Reads the JSON object.
    ///
    /// # Errors
    /// [`BatchError::Command`] when a key is missing, unknown or of another type: a command is followed whole or not.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BatchError> {
        serde_json::from_slice(bytes).map_err(|source| BatchError::Command { source })
    }
}
