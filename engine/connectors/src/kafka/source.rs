//! Reads topics. Messages are collected a partition at a time and decoded together; positions are those of the batches
//! that were given out, never of messages that were only received.
//!
//! Brokers that are away are waited for, without end. Every few seconds a [`survey`] asks them for new partitions and
//! for how far the log reaches; the first one also says where to begin.

mod decode;
mod message;
mod partition;
mod reader;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use headwater_core::{ConnectorError, Source, SourceContext, SourceFactory};
use headwater_plan::{Options, TableError};
use rdkafka::error::KafkaResult;

use self::reader::Reader;
use super::ReadOptions;
use super::client::ClientOptions;
use super::rows::RowLayout;
use super::survey::TopicConsumer;
use super::topics::Topics;
use crate::formats::upsert::UpsertDecoder;
use crate::formats::{BadData, RecordDecoder, RecordFormat};

/// What a source reads, and how.
#[derive(Clone, Debug)]
pub(super) struct SourceSpec {
    /// The connector's name, for errors.
    pub(super) connector: &'static str,
    /// The table's name, for errors.
    pub(super) table: String,
    /// The topics.
    pub(super) topics: Topics,
    /// The columns.
    pub(super) layout: RowLayout,
    /// How the content is read.
    pub(super) format: RecordFormat,
    /// The columns of the primary key, which upserts have as a message's key.
    pub(super) primary_key: Vec<String>,
    /// What a message holds.
    pub(super) framing: Framing,
    /// The brokers.
    pub(super) client: ClientOptions,
    /// Where to begin, and which group is told.
    pub(super) reading: ReadOptions,
    /// What becomes of messages that cannot be read.
    pub(super) bad_data: BadData,
    /// Whether messages carry an identity, so that a second copy is dropped.
    pub(super) drop_duplicates: bool,
}

impl SourceSpec {
    fn failed(&self, thing: &str, step: &str, error: impl Into<headwater_core::error::BoxError>) -> ConnectorError {
        ConnectorError::fatal(self.connector, thing, step, error)
    }

    /// Whether a message is the last row of its key, or says that it is gone.
    fn upserts(&self) -> bool {
        matches!(self.format, RecordFormat::Upsert(_))
    }

    /// Reads the content.
    ///
    /// # Errors
    /// When the format cannot hold one of the columns, or lacks a key.
    pub(super) fn decoder(&self) -> Result<RecordDecoder, TableError> {
        let content = self.layout.content();
        match &self.format {
            RecordFormat::Upsert(timestamps) => {
                let decoder = UpsertDecoder::new(content.clone(), &self.primary_key, *timestamps)?;
                Ok(RecordDecoder::Upsert(Box::new(decoder)))
            }
            format => format.decoder(content),
        }
    }

    fn brokers(&self) -> &str {
        self.client.bootstrap_servers()
    }

    fn consumer(&self, job: &str) -> KafkaResult<TopicConsumer> {
        let group = self.reading.group_id.clone().unwrap_or_else(|| format!("headwater-{job}"));
        let isolation = if self.reading.read_committed { "read_committed" } else { "read_uncommitted" };
        let settings = [
            ("group.id", group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // Only for messages that the log drops while they are being read.
            ("auto.offset.reset", "earliest"),
            ("enable.partition.eof", "true"),
            ("isolation.level", isolation),
            ("fetch.wait.max.ms", "100"),
            ("queued.max.messages.kbytes", "16384"),
        ];
        self.client.config(&settings).create_with_context(self.client.context())
    }
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// One record. Of JSON it may be several objects, which are read or not read together.
    None,
    /// A record a line.
    Newline,
}

impl Framing {
    /// Reads the option `framing`.
    pub(super) fn of(options: &Options, format: &RecordFormat) -> Result<Self, TableError> {
        let framing = options.choice("framing", &[("newline", Framing::Newline)])?.unwrap_or(Framing::None);
        match (framing, format) {
            (Framing::Newline, RecordFormat::Arrow) => {
                let error = TableError::new("an arrow stream has no lines").with_option("framing");
                Err(error.with_hint("leave framing out"))
            }
            (Framing::Newline, RecordFormat::Upsert(_)) => {
                let error = TableError::new("a message of upserts is one row").with_option("framing");
                Err(error.with_hint("leave framing out"))
            }
            _ => Ok(framing),
        }
    }
}

/// The factory.
#[derive(Debug)]
pub(super) struct KafkaSource {
    spec: Arc<SourceSpec>,
}

impl KafkaSource {
    /// A source as described.
    pub(super) fn new(spec: SourceSpec) -> Self {
        KafkaSource { spec: Arc::new(spec) }
    }
}

#[async_trait]
impl SourceFactory for KafkaSource {
    fn schema(&self) -> SchemaRef {
        self.spec.layout.schema().clone()
    }

    fn updating(&self) -> bool {
        self.spec.format.is_changelog()
    }

    fn upserts(&self) -> bool {
        self.spec.upserts()
    }

    fn bounded(&self) -> bool {
        false
    }

    fn gives_bad_records(&self) -> bool {
        self.spec.bad_data == BadData::DeadLetter
    }

    fn fingerprint(&self) -> String {
        format!("{} {}", self.spec.connector, self.spec.topics.shown())
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        Ok(Box::new(Reader::open(Arc::clone(&self.spec), &context)?))
    }
}
