//! Writes a topic, at least once or exactly once.
//!
//! At least once: messages go out as they are written, and a barrier waits for the brokers to have them. Exactly once:
//! they go to a file, which the barrier brings to the disk, and the committer writes them in a transaction.

pub(super) mod staged;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{Options, SinkSpec, TableError};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use self::staged::StagedWriter;
use super::client::{ClientOptions, Watch, is_hopeless};
use super::commit::{KafkaCommitter, Target};
use super::encode::{MessageEncoder, OutMessage};
use crate::formats::RecordFormat;
use crate::set::ConnectorSettings;
use crate::staging::staging_folder;

/// A sink before it knows its columns.
#[derive(Clone, Debug)]
pub(super) struct KafkaSink {
    client: ClientOptions,
    topic: String,
    format: RecordFormat,
    /// The columns that tell rows apart.
    primary_key: Vec<String>,
    exactly_once: bool,
    key: Option<String>,
    timestamp: Option<String>,
    staging: PathBuf,
}

impl KafkaSink {
    /// Reads the options `sink.*`.
    pub(super) fn of(
        settings: &ConnectorSettings,
        options: &Options,
        topic: &str,
        format: RecordFormat,
        primary_key: Vec<String>,
        client: ClientOptions,
    ) -> Result<Self, TableError> {
        let modes = [("exactly_once", true), ("at_least_once", false)];
        Ok(KafkaSink {
            client,
            topic: topic.to_owned(),
            format,
            primary_key,
            exactly_once: options.choice("sink.commit_mode", &modes)?.unwrap_or(false),
            key: options.text("sink.key_field")?.map(str::to_owned),
            timestamp: options.text("sink.timestamp_field")?.map(str::to_owned),
            staging: settings.base_dir.join("staging"),
        })
    }
}

impl SinkSpec for KafkaSink {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let (key, timestamp) = (self.key.as_deref(), self.timestamp.as_deref());
        let encoder = MessageEncoder::new(&self.format, schema, &self.primary_key, key, timestamp)?;
        Ok(Arc::new(KafkaSinkFactory { sink: self.clone(), encoder }))
    }
}

#[derive(Debug)]
struct KafkaSinkFactory {
    sink: KafkaSink,
    encoder: MessageEncoder,
}

#[async_trait]
impl SinkFactory for KafkaSinkFactory {
    fn wants_hidden_columns(&self) -> bool {
        self.encoder.wants_hidden_columns()
    }

    async fn open(&self, context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        let topic = self.sink.topic.clone();
        let encoder = self.encoder.clone();
        if self.sink.exactly_once {
            let folder = self.sink.staging.join(staging_folder(&context.job, context.node));
            let writer = StagedWriter::new(folder, context.subtask)
                .map_err(|error| ConnectorError::fatal("kafka", &topic, "make its staging folder", error))?;
            return Ok(Box::new(StagingSink { topic, encoder, writer }));
        }
        // No time limit on a message: brokers that are away are waited for, and the barrier with them.
        let settings = [("enable.idempotence", "true"), ("linger.ms", "5"), ("message.timeout.ms", "0")];
        let watch = self.sink.client.context();
        let producer = self.sink.client.config(&settings).create_with_context(watch.clone());
        let producer = producer.map_err(|error| ConnectorError::fatal("kafka", &topic, "set up a producer", error))?;
        Ok(Box::new(SendingSink { topic, encoder, producer, watch, flying: VecDeque::new() }))
    }

    async fn committer(&self, job: &str, node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        let target = || Target {
            client: self.sink.client.clone(),
            topic: self.sink.topic.clone(),
            content_type: self.encoder.content_type(),
            name: format!("{job}-{node}"),
            staging: self.sink.staging.join(staging_folder(job, node)),
        };
        Ok(self.sink.exactly_once.then(|| Arc::new(KafkaCommitter::new(target())) as Arc<dyn Committer>))
    }
}

/// Exactly once: into a file.
struct StagingSink {
    topic: String,
    encoder: MessageEncoder,
    writer: StagedWriter,
}

#[async_trait]
impl Sink for StagingSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let messages = encode(&self.encoder, &self.topic, &batch)?;
        let written = self.writer.write(&messages);
        written.map_err(|error| ConnectorError::fatal("kafka", &self.topic, "stage messages", error))
    }

    async fn stage(&mut self, epoch: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        let failed = |error| ConnectorError::fatal("kafka", &self.topic, "stage messages", error);
        let staged = self.writer.finish(epoch).map_err(failed)?;
        let commit = staged.map(serde_json::to_value).transpose();
        Ok(Staged { chunks: Vec::new(), commit: commit.map_err(|error| failed(error.into()))? })
    }
}

/// At least once: to the brokers.
struct SendingSink {
    topic: String,
    encoder: MessageEncoder,
    producer: FutureProducer<Watch>,
    watch: Watch,
    /// Messages that the brokers have not acknowledged; librdkafka's queue bounds them.
    flying: VecDeque<DeliveryFuture>,
}

#[async_trait]
impl Sink for SendingSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        for message in encode(&self.encoder, &self.topic, &batch)? {
            self.send(&message).await?;
        }
        Ok(())
    }

    async fn stage(&mut self, _: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        while !self.flying.is_empty() {
            self.land().await?;
        }
        Ok(Staged::default())
    }
}

fn encode(encoder: &MessageEncoder, topic: &str, batch: &RecordBatch) -> Result<Vec<OutMessage>, ConnectorError> {
    encoder.encode(batch).map_err(|error| ConnectorError::fatal("kafka", topic, "write rows as messages", error))
}

impl SendingSink {
    async fn send(&mut self, message: &OutMessage) -> Result<(), ConnectorError> {
        loop {
            let headers =
                OwnedHeaders::new().insert(Header { key: "content-type", value: Some(self.encoder.content_type()) });
            let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic).headers(headers);
            record.payload = message.payload.as_deref();
            record.key = message.key.as_deref();
            record.timestamp = message.timestamp;
            match self.producer.send_result(record) {
                Ok(delivery) => {
                    self.flying.push_back(delivery);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) if !self.flying.is_empty() => {
                    self.land().await?;
                }
                Err((error, _)) => return Err(self.failed(error)),
            }
        }
    }

    /// Waits for the oldest message that is on its way.
    async fn land(&mut self) -> Result<(), ConnectorError> {
        let Some(oldest) = self.flying.front_mut() else { return Ok(()) };
        let delivered = oldest.await;
        self.flying.pop_front();
        match delivered {
            Ok(Ok(_)) => {
                self.watch.back();
                Ok(())
            }
            Ok(Err((error, _))) => Err(self.failed(error)),
            Err(_) => Err(self.failed(KafkaError::Canceled)),
        }
    }

    fn failed(&self, error: KafkaError) -> ConnectorError {
        match is_hopeless(&error) {
            true => ConnectorError::fatal("kafka", &self.topic, "write a message", error),
            false => ConnectorError::retryable("kafka", &self.topic, "write a message", error),
        }
    }
}
