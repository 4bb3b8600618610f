//! Writes what was staged in one transaction, with a mark in it by which a second try knows of the first.
//!
//! A transaction alone does not do: one that a crash left prepared may be aborted by the broker after the checkpoint
//! counts on it, and one whose commit was not answered may have been committed. So the messages stay in files until
//! the transaction is known to be committed, and it also moves the offset of a consumer group of the sink's own:
//!
//! ```text
//! group   headwater-sink-<job>-<node>, partition 0 of the topic
//! offset  the epoch
//! metadata  <epoch>:<first staged id>
//! ```
//!
//! The mark stands in a file beside the staged ones too, written when the transaction's commit was answered: then a
//! second try need not ask, and it is all there is with the embedded broker, which forgets the offsets of transactions
//! (and whose log does not outlive the process).
//!
//! A commit first fences whoever held the transactional id before, which ends their transaction one way or the other,
//! and only then reads the mark. The ids are new for every file, so a job that begins again at epoch 1 is not taken
//! for its past.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use headwater_core::{Committer, ConnectorError, Epoch};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::client::{ClientOptions, is_hopeless};
use super::encode::OutMessage;
use super::sink::staged;

/// How long one step of a transaction may take before the commit counts as failed and is tried again.
const STEP: Duration = Duration::from_secs(30);

/// The file with the mark of the last commit.
const MARK: &str = "committed";

/// A file of staged messages: the commit value of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StagedMessages {
    /// The file's name in the sink's staging folder.
    pub(super) file: String,
    /// Unique to this file.
    pub(super) id: String,
    /// How many messages are in it.
    pub(super) messages: u64,
}

/// Where a sink writes, shared with the thread that may block.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The brokers.
    pub(super) client: ClientOptions,
    /// The topic.
    pub(super) topic: String,
    /// Header `content-type` of the messages.
    pub(super) content_type: &'static str,
    /// `<job>-<node>`: who writes.
    pub(super) name: String,
    /// Where staged files are.
    pub(super) staging: PathBuf,
}

/// Commits for all instances of one sink.
pub(super) struct KafkaCommitter {
    target: Target,
    /// The producer that holds the transactional id, between commits. One that failed is not used again.
    producer: Arc<Mutex<Option<BaseProducer>>>,
}

impl KafkaCommitter {
    /// A committer that has not spoken to the brokers yet.
    pub(super) fn new(target: Target) -> Self {
        KafkaCommitter { target, producer: Arc::default() }
    }
}

#[async_trait]
impl Committer for KafkaCommitter {
    async fn commit(&self, epoch: Epoch, values: &[serde_json::Value]) -> Result<(), ConnectorError> {
        let topic = &self.target.topic;
        let mut files = Vec::with_capacity(values.len());
        for value in values {
            let file: StagedMessages = serde_json::from_value(value.clone())
                .map_err(|error| ConnectorError::fatal("kafka", topic, "read what was staged", error))?;
            files.push(file);
        }
        files.sort_by(|one, other| one.id.cmp(&other.id));
        if files.is_empty() {
            return Ok(());
        }
        let (target, producer) = (self.target.clone(), Arc::clone(&self.producer));
        let written = tokio::task::spawn_blocking(move || {
            let mark = format!("{epoch}:{}", files.first().map_or("", |file| file.id.as_str()));
            if !is_marked(&target.staging, &mark)? {
                let mut producer = producer.lock().unwrap_or_else(PoisonError::into_inner);
                let result = commit_once(&target, &mut producer, epoch, &files, &mark);
                if result.is_err() {
                    *producer = None;
                }
                result?;
                set_mark(&target.staging, &mark)?;
            }
            discard(&target.staging, epoch);
            Ok(())
        });
        let written = written.await.map_err(|error| ConnectorError::fatal("kafka", topic, "commit an epoch", error))?;
        written.map_err(|error: CommitError| error.into_connector_error(topic, epoch))
    }
}

#[derive(Debug)]
enum CommitError {
    Kafka(&'static str, KafkaError),
    File(PathBuf, headwater_core::error::BoxError),
}

impl CommitError {
    fn into_connector_error(self, topic: &str, epoch: Epoch) -> ConnectorError {
        match self {
            CommitError::File(path, error) => {
                ConnectorError::fatal("kafka", path.display().to_string(), "read staged messages", error)
            }
            CommitError::Kafka(step, error) => {
                let step = format!("{step} for epoch {epoch}");
                match is_hopeless(&error) {
                    true => ConnectorError::fatal("kafka", topic, step, error),
                    false => ConnectorError::retryable("kafka", topic, step, error),
                }
            }
        }
    }
}

fn commit_once(
    target: &Target,
    held: &mut Option<BaseProducer>,
    epoch: Epoch,
    files: &[StagedMessages],
    mark: &str,
) -> Result<(), CommitError> {
    let failed = |step| move |error| CommitError::Kafka(step, error);
    if held.is_none() {
        *held = Some(open_producer(target).map_err(failed("take over the transactional id"))?);
    }
    let Some(producer) = held else { return Ok(()) };
    let group = format!("headwater-sink-{}", target.name);
    let marker: BaseConsumer = target
        .client
        .config(&[("group.id", &group), ("enable.auto.commit", "false"), ("isolation.level", "read_committed")])
        .create()
        .map_err(failed("set up a consumer for the mark"))?;
    if read_mark(&marker, &target.topic).map_err(failed("read the mark"))?.as_deref() == Some(mark) {
        tracing::debug!(topic = %target.topic, epoch, "the epoch was committed before");
        return Ok(());
    }
    producer.begin_transaction().map_err(failed("begin a transaction"))?;
    for file in files {
        let path = target.staging.join(&file.file);
        let messages = staged::read(&path).map_err(|error| CommitError::File(path.clone(), error))?;
        for message in messages {
            let message = message.map_err(|error| CommitError::File(path.clone(), error))?;
            send(producer, target, &message).map_err(failed("write messages"))?;
        }
    }
    let mut offsets = TopicPartitionList::new();
    let offset = Offset::Offset(i64::try_from(epoch).unwrap_or(i64::MAX));
    offsets.add_partition(&target.topic, 0).set_offset(offset).map_err(failed("set the mark"))?;
    if let Some(mut element) = offsets.find_partition(&target.topic, 0) {
        element.set_metadata(mark);
    }
    let members = marker.group_metadata();
    let members = members.ok_or_else(|| CommitError::Kafka("set the mark", KafkaError::Canceled))?;
    producer.send_offsets_to_transaction(&offsets, &members, STEP).map_err(failed("set the mark"))?;
    producer.commit_transaction(STEP).map_err(failed("commit the transaction"))
}

/// Takes over the transactional id. Whatever its holder before had begun is finished or aborted when this returns.
fn open_producer(target: &Target) -> KafkaResult<BaseProducer> {
    let id = format!("headwater-{}", target.name);
    let producer: BaseProducer = target.client.config(&[("transactional.id", &id), ("linger.ms", "5")]).create()?;
    producer.init_transactions(STEP)?;
    Ok(producer)
}

fn read_mark(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Option<String>> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(topic, 0);
    let found = consumer.committed_offsets(wanted, STEP)?;
    let element = found.find_partition(topic, 0);
    Ok(element.filter(|element| matches!(element.offset(), Offset::Offset(_))).map(|e| e.metadata().to_owned()))
}

/// Hands a message to librdkafka, which says when its queue is full: then some are waited for.
fn send(producer: &BaseProducer, target: &Target, message: &OutMessage) -> KafkaResult<()> {
    let headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some(target.content_type) });
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&target.topic).headers(headers);
    record.payload = message.payload.as_deref();
    record.key = message.key.as_deref();
    record.timestamp = message.timestamp;
    loop {
        match producer.send(record) {
            Ok(()) => {
                producer.poll(Duration::ZERO);
                return Ok(());
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(100));
                record = back;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Whether the file beside the staged ones says that this mark was committed.
fn is_marked(staging: &Path, mark: &str) -> Result<bool, CommitError> {
    let path = staging.join(MARK);
    match std::fs::read_to_string(&path) {
        Ok(found) => Ok(found == mark),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CommitError::File(path, error.into())),
    }
}

/// Says so, whole or not at all.
fn set_mark(staging: &Path, mark: &str) -> Result<(), CommitError> {
    let path = staging.join(MARK);
    let written = || {
        let new = staging.join("committed.new");
        std::fs::write(&new, mark)?;
        std::fs::File::open(&new)?.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(staging)?.sync_all()
    };
    written().map_err(|error| CommitError::File(path.clone(), error.into()))
}

/// Removes what is staged for this epoch and earlier ones: it is in the topic, or was staged by a life that crashed
/// and is written again. What cannot be removed is in nobody's way.
fn discard(staging: &Path, epoch: Epoch) {
    let Ok(entries) = std::fs::read_dir(staging) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if staged::epoch_of(&name.to_string_lossy()).is_some_and(|of| of <= epoch)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %error, "a staged file stays");
        }
    }
}
