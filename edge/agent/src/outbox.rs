//! Messages on disk between the agent and the broker: what is put in here is delivered, by this run or by a later one.
//!
//! It knows the envelope that a message has in the spool, and wakes who waits for messages. Kafka is not known here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use headwater_proto::batch::headers::Headers;
use headwater_spool::{ReadLimit, Record, Spool, SpoolError, SpoolStats};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A message as it will go to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: Headers,
    pub(crate) value: Vec<u8>,
}

/// A message that was read back, with its place.
#[derive(Debug)]
pub(crate) struct Spooled {
    /// Acknowledge with the position after it.
    pub(crate) position: u64,
    pub(crate) rows: u32,
    /// Nothing when the envelope cannot be read: written by another version, or by nobody.
    pub(crate) message: Option<Message>,
}

/// The spool, shared by the one who fills it and the one who empties it.
pub(crate) struct Outbox {
    spool: Mutex<Spool>,
    changed: Notify,
    closed: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    topic: String,
    key: String,
    content_type: String,
    schema: String,
    device: String,
    boot: String,
    seq: u64,
}

impl Outbox {
    pub(crate) fn new(spool: Spool) -> Self {
        Self { spool: Mutex::new(spool), changed: Notify::new(), closed: AtomicBool::new(false) }
    }

    /// Puts a message on disk; blocks on the disk.
    pub(crate) fn put(&self, message: &Message, rows: u32) -> Result<(), SpoolError> {
        self.lock().append(&to_bytes(message), rows)?;
        self.changed.notify_one();
        Ok(())
    }

    /// Messages from a position on, in order; blocks on the disk.
    pub(crate) fn read(&self, from: u64, limit: ReadLimit) -> Result<Vec<Spooled>, SpoolError> {
        let spooled = |record: Record| Spooled {
            position: record.position,
            rows: record.rows,
            message: from_bytes(&record.payload),
        };
        Ok(self.lock().read(from, limit)?.into_iter().map(spooled).collect())
    }

    /// Every message before a position is delivered; blocks on the disk.
    pub(crate) fn ack(&self, up_to: u64) -> Result<(), SpoolError> {
        self.lock().ack(up_to)
    }

    /// The first position that is not acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.lock().acked()
    }

    pub(crate) fn stats(&self) -> SpoolStats {
        self.lock().stats()
    }

    /// No more messages will come.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until a message came or no more will come; for one waiter. May also return without either.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The envelope as a line of JSON, a line feed, the value.
fn to_bytes(message: &Message) -> Vec<u8> {
    let Headers { content_type, schema, device, boot, seq } = message.headers.clone();
    let (topic, key) = (message.topic.clone(), message.key.clone());
    let envelope = Envelope { topic, key, content_type, schema, device, boot, seq };
    let envelope = serde_json::to_vec(&envelope);
    let mut bytes = envelope.expect("strings and a number are always JSON, and a Vec takes every byte");
    bytes.push(b'\n');
    bytes.extend_from_slice(&message.value);
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Message> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let (envelope, value) = bytes.split_at_checked(end)?;
    let Envelope { topic, key, content_type, schema, device, boot, seq } = serde_json::from_slice(envelope).ok()?;
    let headers = Headers { content_type, schema, device, boot, seq };
    Some(Message { topic, key, headers, value: value.get(1..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_envelope() {
        let message = Message {
            topic: "edge-data".into(),
            key: "north".into(),
            headers: Headers::new("headwater.frames.v1", "north", "boot", 7),
            value: b"\nbytes\n\n".to_vec(),
        };
        assert_eq!(from_bytes(&to_bytes(&message)), Some(message));
        assert_eq!(from_bytes(b"{\"topic\": 1}\nx"), None);
        assert_eq!(from_bytes(b"no line feed"), None);
    }
}
