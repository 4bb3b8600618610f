//! Sends single frames to the topic that agents send theirs to, for trying out what queries make of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headwater_proto::batch::frames::{self, FrameRow};
use headwater_proto::batch::headers::Headers;
use headwater_proto::batch::{BatchError, EDGE_DATA, encode_stream};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use uuid::Uuid;

/// How long the broker may take for one frame.
const DELIVERY_MAX: Duration = Duration::from_secs(5);

/// Why a frame was not sent.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The client could not be set up.
    #[error("could not set up a producer for {bootstrap_servers}")]
    Client {
        /// The brokers.
        bootstrap_servers: String,
        /// Why.
        source: KafkaError,
    },
    /// The frame cannot be written as a batch.
    #[error("could not encode the frame")]
    Encode(#[from] BatchError),
    /// The broker did not take it.
    #[error("topic {topic} did not take the frame")]
    Send {
        /// The topic.
        topic: &'static str,
        /// Why.
        source: KafkaError,
    },
}

/// Sends frames; one for a process.
pub struct FramePublisher {
    producer: FutureProducer,
    boot: String,
    sent: AtomicU64,
}

impl std::fmt::Debug for FramePublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FramePublisher").field("boot", &self.boot).finish_non_exhaustive()
    }
}

impl FramePublisher {
    /// A publisher to these brokers, `host:port` with commas between. They need not be up yet.
    ///
    /// # Errors
    /// [`PublishError::Client`].
    pub fn new(bootstrap_servers: &str) -> Result<Self, PublishError> {
        let delivery_ms = DELIVERY_MAX.as_millis().to_string();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", delivery_ms)
            .create()
            .map_err(|source| PublishError::Client { bootstrap_servers: bootstrap_servers.to_owned(), source })?;
        Ok(FramePublisher { producer, boot: Uuid::new_v4().to_string(), sent: AtomicU64::new(0) })
    }

    /// Sends a frame as an agent would, and returns when the log has it.
    ///
    /// # Errors
    /// [`PublishError::Encode`], [`PublishError::Send`].
    pub async fn publish(&self, frame: &FrameRow) -> Result<(), PublishError> {
        let payload = encode_stream(&frames::to_batch(std::slice::from_ref(frame))?)?;
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let headers = Headers::new(frames::SCHEMA, &frame.device_id, &self.boot, number).to_pairs();
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let record = FutureRecord::to(EDGE_DATA).key(frame.device_id.as_bytes()).payload(&payload).headers(headers);
        match self.producer.send(record, DELIVERY_MAX).await {
            Ok(_) => Ok(()),
            Err((source, _)) => Err(PublishError::Send { topic: EDGE_DATA, source }),
        }
    }
}
