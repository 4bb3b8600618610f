//! The way from the broker: reads the commands that are meant for this device.
//!
//! The device is a consumer group of its own, so a command that was sent while it was away is read when it is back, and
//! one that was read is not read again. A new device begins with the oldest command that the topic still has. What a
//! command means is not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_proto::batch::EDGE_CONTROL;
use headwater_proto::batch::control::{self, Command};
use headwater_proto::batch::headers::{CONTENT_TYPE, JSON, SCHEMA};
use rdkafka::Message as _;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use tokio_util::sync::CancellationToken;

use super::{Heard, UplinkError, client_config, producer};
use crate::config::Config;

/// The pause after an error; the client itself tries to reach the broker meanwhile.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long a broker may take a command.
const SEND_PATIENCE: Duration = Duration::from_secs(15);

/// Sends a command and waits until the broker has it.
///
/// # Errors
/// [`UplinkError::Client`], [`UplinkError::Deliver`] when the broker has not taken it within [`SEND_PATIENCE`].
pub(crate) async fn send_command(
    brokers: &str,
    client_configs: &BTreeMap<String, String>,
    command: &Command,
) -> Result<(), UplinkError> {
    let client = client_config(brokers, "control", client_configs);
    let producer = producer(&client, Heard::default())?;
    let failed = |source| UplinkError::Deliver { topic: EDGE_CONTROL.to_owned(), seq: 0, source };
    let value = command.to_json().map_err(|source| UplinkError::Command { source })?;
    let header = |key, value| Header { key, value: Some(value) };
    let headers = OwnedHeaders::new().insert(header(CONTENT_TYPE, JSON)).insert(header(SCHEMA, control::SCHEMA));
    let record = FutureRecord::to(EDGE_CONTROL).key(&command.device_id).payload(&value).headers(headers);
    let delivery = producer.send_result(record).map_err(|(error, _)| failed(error))?;
    let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
    match tokio::time::timeout(SEND_PATIENCE, delivery).await {
        Ok(Ok(Ok(_))) => Ok(()),
        Ok(Ok(Err((error, _)))) => Err(failed(error)),
        Ok(Err(_)) => Err(failed(KafkaError::Canceled)),
        Err(_) => Err(failed(timed_out)),
    }
}

/// Commands to one device.
pub(crate) struct Commands {
    device_id: String,
    consumer: StreamConsumer<Heard>,
}

impl Commands {
    /// Checks the settings by making a client of them; no broker is asked.
    ///
    /// # Errors
    /// [`UplinkError::Client`].
    pub(crate) fn new(config: &Config) -> Result<Self, UplinkError> {
        let Config { bootstrap_servers, device_id, uplink, .. } = config;
        let failed = |source| UplinkError::Client { source };
        let consumer: StreamConsumer<Heard> = client_config(bootstrap_servers, device_id, &uplink.client_configs)
            .set("group.id", format!("headwater-edge-{device_id}"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create_with_context(Heard::default())
            .map_err(failed)?;
        consumer.subscribe(&[EDGE_CONTROL]).map_err(failed)?;
        Ok(Self { device_id: device_id.clone(), consumer })
    }

    /// Hands over each command, or the id and the fault of what cannot be read, until cancelled. A command counts as
    /// read once `take` has come back.
    pub(crate) async fn run<T>(self, local: CancellationToken, take: impl Fn(Result<Command, String>) -> T + Send)
    where
        T: Future<Output = ()> + Send,
    {
        loop {
            let received = tokio::select! {
                () = local.cancelled() => return,
                received = self.consumer.recv() => received,
            };
            match received {
                Ok(message) => {
                    if let Some(command) = self.meant(message.key(), message.payload().unwrap_or_default()) {
                        take(command).await;
                    }
                    if let Err(error) = self.consumer.commit_message(&message, CommitMode::Async) {
                        tracing::warn!(%error, "a command may be read again");
                    }
                }
                // The broker is away, or nobody has made the topic yet.
                Err(error) => {
                    tracing::debug!(%error, "reading commands");
                    tokio::select! {
                        () = local.cancelled() => return,
                        () = tokio::time::sleep(RETRY_PAUSE) => {}
                    }
                }
            }
        }
    }

    /// The command of a message, if it is meant for this device. What cannot be read is, when its key says so.
    fn meant(&self, key: Option<&[u8]>, value: &[u8]) -> Option<Result<Command, String>> {
        match Command::from_json(value) {
            Ok(command) => command.is_for(&self.device_id).then_some(Ok(command)),
            Err(error) => (key == Some(self.device_id.as_bytes())).then(|| Err(crate::error::chain(&error))),
        }
    }
}
