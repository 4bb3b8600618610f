//! The headers of a message: what its bytes are and who sent them.
//!
//! `(device, boot, seq)` is the identity of a message: whoever sees it a second time drops it.

use super::{BatchError, control, detections, events, frames, sensors, status};

/// Name of the header that says how the value is written.
pub const CONTENT_TYPE: &str = "content-type";
/// Name of the header with the schema and its version.
pub const SCHEMA: &str = "schema";
/// Name of the header with the device id.
pub const DEVICE: &str = "device";
/// Name of the header with the start of the agent.
pub const BOOT: &str = "boot";
/// Name of the header with the number of the message.
pub const SEQ: &str = "seq";

/// `content-type` of an Arrow IPC stream.
pub const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// `content-type` of a JSON object.
pub const JSON: &str = "application/json";

/// The headers of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// How the value is written: [`ARROW_STREAM`] or [`JSON`].
    pub content_type: String,
    /// Name and version of the schema, for example [`frames::SCHEMA`].
    pub schema: String,
    /// The device that sent it.
    pub device: String,
    /// The start of the agent that sent it, a UUID.
    pub boot: String,
    /// Its number among the messages of that start, over all topics, counted from 0.
    pub seq: u64,
}

/// A message's identity: equal for two copies of one message and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// The device that sent it.
    pub device: String,
    /// The start of the agent that sent it.
    pub boot: String,
    /// Its number among the messages of that start.
    pub seq: u64,
}

impl Headers {
    /// Headers of a message of a schema of this crate; the content type follows from the schema.
    pub fn new(schema: &str, device: &str, boot: &str, seq: u64) -> Self {
        let content_type = if schema == status::SCHEMA { JSON } else { ARROW_STREAM };
        Self {
            content_type: content_type.to_owned(),
            schema: schema.to_owned(),
            device: device.to_owned(),
            boot: boot.to_owned(),
            seq,
        }
    }

    /// The identity by which a duplicate is dropped.
    pub fn id(&self) -> MessageId {
        MessageId { device: self.device.clone(), boot: self.boot.clone(), seq: self.seq }
    }

    /// Name and bytes of every header, in a fixed order; `seq` is decimal text.
    pub fn to_pairs(&self) -> [(&'static str, Vec<u8>); 5] {
        [
            (CONTENT_TYPE, self.content_type.as_bytes().to_vec()),
            (SCHEMA, self.schema.as_bytes().to_vec()),
            (DEVICE, self.device.as_bytes().to_vec()),
            (BOOT, self.boot.as_bytes().to_vec()),
            (SEQ, self.seq.to_string().into_bytes()),
        ]
    }

    /// Reads the headers among `pairs`, whatever their order; others are ignored, of two of a name the last counts.
    ///
    /// # Errors
    /// [`BatchError::HeaderMissing`], or [`BatchError::HeaderValue`] when a value is not UTF-8 or `seq` is no number.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, BatchError> {
        let names = [CONTENT_TYPE, SCHEMA, DEVICE, BOOT, SEQ];
        let mut values: [Option<String>; 5] = Default::default();
        for (name, bytes) in pairs {
            let known = names.iter().zip(&mut values).find(|(known, _)| **known == name);
            if let Some((known, value)) = known {
                *value = Some(text_of(known, bytes)?);
            }
        }
        let [content_type, schema, device, boot, seq] = values;
        let there = |name, value: Option<String>| value.ok_or(BatchError::HeaderMissing { name });
        let seq = there(SEQ, seq)?;
        Ok(Self {
            content_type: there(CONTENT_TYPE, content_type)?,
            schema: there(SCHEMA, schema)?,
            device: there(DEVICE, device)?,
            boot: there(BOOT, boot)?,
            seq: seq.parse().map_err(|_| BatchError::HeaderValue { name: SEQ, value: seq })?,
        })
    }
}

fn text_of(name: &'static str, bytes: &[u8]) -> Result<String, BatchError> {
    let unreadable = || BatchError::HeaderValue { name, value: String::from_utf8_lossy(bytes).into_owned() };
    String::from_utf8(bytes.to_vec()).map_err(|_| unreadable())
}

/// The schema that the messages of a topic of this crate have, or nothing for a topic of somebody else.
pub fn schema_of_topic(topic: &str) -> Option<&'static str> {
    match topic {
        super::EDGE_DATA => Some(frames::SCHEMA),
        super::EDGE_DETECTIONS => Some(detections::SCHEMA),
        super::EDGE_EVENTS => Some(events::SCHEMA),
        super::EDGE_SENSORS => Some(sensors::SCHEMA),
        super::EDGE_STATUS => Some(status::SCHEMA),
        super::EDGE_CONTROL => Some(control::SCHEMA),
        _ => None,
    }
}
