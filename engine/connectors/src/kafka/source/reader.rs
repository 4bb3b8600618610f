//! One instance of a source: waits for messages, answers and deadlines, and gives out batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::SourceSpec;
use super::message::{identity, record};
use super::partition::Partition;
use crate::formats::{BadData, Record, RecordDecoder};
use crate::kafka::client::is_hopeless;
use crate::kafka::position::{Begin, Position, begin, owner};
use crate::kafka::survey::{PartitionKey, Question, Survey, TopicConsumer, is_silence, survey};

/// How often the brokers are asked while all is well.
const SURVEY_EVERY: Duration = Duration::from_secs(5);
/// How soon they are asked again when they did not answer, or a topic is not there.
const SURVEY_AGAIN: Duration = Duration::from_millis(500);
/// Messages taken over from librdkafka before anything else is looked at.
const RUN: usize = 1024;

/// Topic and number in a position's name.
fn key_of(spec: &SourceSpec, name: &str) -> Option<PartitionKey> {
    let (topic, number) = name.rsplit_once('/')?;
    Some((spec.topics.iter().position(|known| known == topic)?, number.parse().ok()?))
}

fn topics_of(spec: &SourceSpec, context: &SourceContext) -> HashSet<usize> {
    context.positions.keys().filter_map(|name| key_of(spec, name)).map(|(topic, _)| topic).collect()
}

/// The positions of the partitions that this instance reads.
fn restored(spec: &SourceSpec, context: &SourceContext) -> Result<HashMap<PartitionKey, Position>, ConnectorError> {
    let mut own = HashMap::new();
    for (name, value) in &context.positions {
        let Some((topic, number)) = key_of(spec, name) else { continue };
        if owner(topic, number, context.parallelism) == context.subtask {
            let position = serde_json::from_value(value.clone());
            let position = position.map_err(|error| spec.failed(name, "read its position", error))?;
            own.insert((topic, number), position);
        }
    }
    Ok(own)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// Reads on.
    No,
    /// Asks how far to read.
    Asking,
    /// Reads up to the partitions' limits.
    Reading,
    /// Has read all, or cannot know how much there is.
    Done,
}

/// One instance of the source.
pub(super) struct Reader {
    spec: Arc<SourceSpec>,
    consumers: Vec<(String, Arc<TopicConsumer>)>,
    decoder: RecordDecoder,
    subtask: usize,
    parallelism: usize,
    /// Positions of partitions that are not being read yet.
    restored: HashMap<PartitionKey, Position>,
    /// Topics that some instance read before: their other partitions are new.
    topics_before: HashSet<usize>,
    /// The identity of the log, once it is known.
    log: Option<String>,
    partitions: Vec<Partition>,
    index: HashMap<PartitionKey, usize>,
    /// Whether the runtime knows these partitions.
    announced: bool,
    asking: Option<JoinHandle<KafkaResult<Survey>>>,
    ask_at: Instant,
    /// Whether the brokers have answered at all.
    surveyed: bool,
    missing: Vec<String>,
    drain: Drain,
    bad_records: u64,
    duplicates: u64,
    messages: u64,
    rows: u64,
    /// Which topic is listened to first; it moves on, so that a busy one does not drown the others.
    turn: usize,
}

enum Woken {
    Message(usize, Result<OwnedMessage, KafkaError>),
    Answer(KafkaResult<Survey>),
    Deadline,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        loop {
            if !self.announced && self.surveyed {
                self.announced = true;
                let names = self.partitions.iter().map(|partition| partition.name.clone()).collect();
                return Ok(SourceEvent::Partitions(names));
            }
            let now = Instant::now();
            let ready = self.partitions.iter().position(|partition| partition.is_ready(now, self.drain != Drain::No));
            if let Some(index) = ready {
                match self.give_out(index)? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            if self.is_drained() {
                return Ok(SourceEvent::End);
            }
            match self.wait().await {
                Woken::Message(topic, message) => self.take(topic, message)?,
                Woken::Answer(answer) => self.learn(answer)?,
                Woken::Deadline => self.ask_if_due(),
            }
        }
    }

    fn positions(&self) -> Positions {
        let log = self.log.clone().unwrap_or_default();
        let read = self.partitions.iter().map(|partition| (partition.name.clone(), partition.position(&log)));
        let waiting = self.restored.iter().map(|((topic, number), position)| {
            let name = format!("{}/{number}", self.spec.topics[*topic]);
            (name, position.clone())
        });
        let value = |(name, position): (String, Position)| Some((name, serde_json::to_value(position).ok()?));
        read.chain(waiting).filter_map(value).collect()
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        // What was asked before now does not count.
        self.drain = Drain::Asking;
        self.asking = None;
        self.ask_at = Instant::now();
        Ok(())
    }

    async fn committed(&mut self, positions: &Positions) -> Result<(), ConnectorError> {
        for (index, (topic, consumer)) in self.consumers.iter().enumerate() {
            let mut offsets = TopicPartitionList::new();
            for partition in self.partitions.iter().filter(|partition| partition.key.0 == index) {
                let position = positions.get(&partition.name).cloned();
                let position = position.and_then(|value| serde_json::from_value::<Position>(value).ok());
                if let Some(position) = position.filter(|position| Some(&position.log) == self.log.as_ref()) {
                    // An offset that librdkafka refuses is one that nobody needs to hear of.
                    let _ = offsets.add_partition_offset(topic, partition.key.1, Offset::Offset(position.offset));
                }
            }
            if offsets.count() > 0
                && let Err(error) = consumer.commit(&offsets, CommitMode::Async)
            {
                tracing::debug!(%error, topic, "the group was not told how far the job is");
            }
        }
        Ok(())
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }

    fn lag_rows(&self) -> Option<u64> {
        let messages: u64 = self.partitions.iter().map(Partition::lag).sum();
        let rows_a_message = if self.messages == 0 { 1.0 } else { self.rows as f64 / self.messages as f64 };
        self.surveyed.then_some((messages as f64 * rows_a_message).round() as u64)
    }
}

impl Reader {
    /// Sets up a consumer a topic; the brokers are not asked yet.
    pub(super) fn open(spec: Arc<SourceSpec>, context: &SourceContext) -> Result<Self, ConnectorError> {
        let mut consumers = Vec::with_capacity(spec.topics.len());
        for topic in &spec.topics {
            let consumer =
                spec.consumer(&context.job).map_err(|error| spec.failed(topic, "set up a consumer", error))?;
            consumers.push((topic.clone(), Arc::new(consumer)));
        }
        let restored = restored(&spec, context)?;
        let decoder = spec.format.decoder(spec.layout.content());
        let decoder = decoder.map_err(|error| spec.failed(&spec.topics.join(","), "read its format", error))?;
        Ok(Reader {
            consumers,
            decoder,
            subtask: context.subtask,
            parallelism: context.parallelism,
            restored,
            topics_before: topics_of(&spec, context),
            log: spec.client.log_id().map(str::to_owned),
            partitions: Vec::new(),
            index: HashMap::new(),
            announced: false,
            asking: None,
            ask_at: Instant::now(),
            surveyed: false,
            missing: Vec::new(),
            drain: Drain::No,
            bad_records: 0,
            duplicates: 0,
            messages: 0,
            rows: 0,
            turn: 0,
            spec,
        })
    }

    /// Waits for the first thing that happens. Nothing is lost when the future is dropped: a message is handed over
    /// in the moment in which it is received.
    async fn wait(&mut self) -> Woken {
        self.turn = (self.turn + 1) % self.consumers.len().max(1);
        let deadline = self.partitions.iter().filter_map(Partition::due_at).chain(
            // While a question is open no other is asked.
            self.asking.is_none().then_some(self.ask_at),
        );
        let deadline = deadline.min();
        let asking = async {
            match self.asking.as_mut() {
                Some(answer) => answer.await,
                None => std::future::pending().await,
            }
        };
        let sleeping = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = asking => {
                self.asking = None;
                Woken::Answer(answer.unwrap_or_else(|_| Err(KafkaError::Canceled)))
            }
            (topic, message) = receive(&self.consumers, self.turn) => Woken::Message(topic, message),
            () = sleeping => Woken::Deadline,
        }
    }

    fn ask_if_due(&mut self) {
        if self.asking.is_none() && self.ask_at <= Instant::now() {
            let question = Question {
                topics: self.consumers.clone(),
                subtask: self.subtask,
                parallelism: self.parallelism,
                start: self.spec.reading.start,
                known: self.index.keys().copied().collect(),
            };
            self.asking = Some(tokio::task::spawn_blocking(move || survey(&question)));
        }
    }

    fn learn(&mut self, answer: KafkaResult<Survey>) -> Result<(), ConnectorError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_hopeless(&error) => {
                return Err(self.spec.failed(self.spec.brokers(), "ask for its partitions", error));
            }
            Err(error) => {
                self.away(&error);
                self.ask_at = Instant::now() + SURVEY_AGAIN;
                if self.drain == Drain::Asking {
                    tracing::warn!(table = %self.spec.table, "stops without knowing what else is in the log");
                    self.drain = Drain::Done;
                }
                return Ok(());
            }
        };
        self.consumers.iter().for_each(|(_, consumer)| consumer.context().back());
        self.tell_missing(&answer.missing);
        self.ask_at = Instant::now() + if answer.missing.is_empty() { SURVEY_EVERY } else { SURVEY_AGAIN };
        let log = self.log.get_or_insert_with(|| answer.cluster.clone()).clone();
        for (key, extent) in &answer.partitions {
            match self.index.get(key) {
                Some(index) => self.partitions[*index].high = extent.high,
                None => {
                    let restored = self.restored.remove(key);
                    let appeared = self.surveyed || self.topics_before.contains(&key.0);
                    let at = begin(restored.as_ref(), &log, *extent, self.spec.reading.start, appeared);
                    self.start_reading(*key, at, extent.high, restored)?;
                }
            }
        }
        self.surveyed = true;
        if self.drain == Drain::Asking {
            self.set_limits();
        }
        Ok(())
    }

    fn start_reading(
        &mut self,
        key: PartitionKey,
        at: Begin,
        high: i64,
        restored: Option<Position>,
    ) -> Result<(), ConnectorError> {
        let (topic, consumer) = &self.consumers[key.0];
        let name = format!("{topic}/{}", key.1);
        match at {
            Begin::Resumed(_) => {}
            Begin::Fresh(offset) => tracing::debug!(partition = %name, offset, "begins to read"),
            Begin::OtherLog(offset) => {
                tracing::warn!(partition = %name, offset, "the log is another one than in the checkpoint, its position is dropped");
            }
            Begin::Expired(offset) => {
                tracing::warn!(partition = %name, offset, "messages were dropped by the log before they were read");
            }
            Begin::BeyondEnd(offset) => {
                tracing::warn!(partition = %name, offset, "the topic ends before the position, which is dropped");
            }
        }
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(topic, key.1, Offset::Offset(at.offset()))
            .and_then(|()| consumer.incremental_assign(&assignment))
            .map_err(|error| self.spec.failed(&name, "begin to read", error))?;
        self.index.insert(key, self.partitions.len());
        self.partitions.push(Partition::new(key, name, at.offset(), high, restored));
        self.announced = false;
        Ok(())
    }

    /// Reads up to the end of each partition as it is now. A partition whose end is a mark of a transaction says so
    /// only once, so it is read again from where it is.
    fn set_limits(&mut self) {
        self.drain = Drain::Reading;
        for partition in &mut self.partitions {
            partition.limit = Some(partition.high);
            partition.at_end = false;
            if !partition.is_at_limit() {
                let (topic, consumer) = &self.consumers[partition.key.0];
                // It fails while the partition has not begun to be fetched, and then its end is still to come.
                let _ = consumer.seek(topic, partition.key.1, Offset::Offset(partition.received), Duration::ZERO);
            }
        }
    }

    fn is_drained(&self) -> bool {
        let read = || self.partitions.iter().all(|partition| partition.is_at_limit() && !partition.has_pending());
        match self.drain {
            Drain::No | Drain::Asking => false,
            Drain::Reading => read(),
            Drain::Done => true,
        }
    }

    /// Takes a message, and those that wait behind it.
    fn take(&mut self, topic: usize, first: Result<OwnedMessage, KafkaError>) -> Result<(), ConnectorError> {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(message) = next {
            match message {
                Ok(message) => {
                    if let Some(index) = self.index.get(&(topic, message.partition())) {
                        self.partitions[*index].take(message, Instant::now());
                    }
                }
                Err(KafkaError::PartitionEOF(number)) => {
                    if let Some(index) = self.index.get(&(topic, number)) {
                        self.partitions[*index].at_end = true;
                    }
                }
                Err(error) => self.note(error)?,
            }
            taken += 1;
            let full = taken >= RUN || self.partitions.iter().any(Partition::is_full);
            next = match full {
                true => None,
                false => self.consumers[topic].1.recv().now_or_never().map(|m| m.map(|m| m.detach())),
            };
        }
        self.ask_if_due();
        Ok(())
    }

    /// What librdkafka says beside messages. It tries again by itself; only what cannot get better ends the job.
    fn note(&self, error: KafkaError) -> Result<(), ConnectorError> {
        if is_hopeless(&error) {
            return Err(self.spec.failed(self.spec.brokers(), "read", error));
        }
        if let KafkaError::MessageConsumptionFatal(_) = error {
            return Err(ConnectorError::retryable(self.spec.connector, self.spec.brokers(), "read", error));
        }
        match is_silence(&error) {
            true => self.away(&error),
            false => tracing::debug!(table = %self.spec.table, %error, "kafka reports an error and tries again"),
        }
        Ok(())
    }

    fn away(&self, error: &KafkaError) {
        if let Some((_, consumer)) = self.consumers.first() {
            consumer.context().away(error);
        }
    }

    fn tell_missing(&mut self, missing: &[String]) {
        if self.missing != missing {
            if !missing.is_empty() {
                let topics = missing.join(", ");
                tracing::warn!(table = %self.spec.table, bootstrap_servers = %self.spec.brokers(), %topics, "waits for topics that do not exist yet");
            }
            self.missing = missing.to_vec();
        }
    }

    /// Decodes what a partition has collected. `None` when no row comes of it.
    fn give_out(&mut self, index: usize) -> Result<Option<SourceEvent>, ConnectorError> {
        let spec = Arc::clone(&self.spec);
        let Some(partition) = self.partitions.get_mut(index) else { return Ok(None) };
        let mut messages = partition.take_pending();
        if spec.drop_duplicates {
            let before = messages.len();
            messages.retain(|message| identity(message).is_none_or(|id| partition.seen.is_new(&id)));
            let dropped = (before - messages.len()) as u64;
            if dropped > 0 {
                self.duplicates += dropped;
                tracing::debug!(partition = %partition.name, dropped, total = self.duplicates, "dropped second copies");
            }
        }
        // A message without a value is a mark that its key is gone; it has no row.
        messages.retain(|message| message.payload().is_some());
        let failed = |step: &str, error| spec.failed(&partition.name, step, error);
        let records: Vec<Record<'_>> = messages.iter().map(record).collect();
        let decoded = self.decoder.decode(&records).map_err(|error| failed("put rows together", error))?;
        for bad in &decoded.bad {
            let place = format!("{}/{}", partition.name, messages.get(bad.index).map_or(-1, Message::offset));
            if spec.bad_data == BadData::Fail {
                return Err(spec.failed(&place, &format!("read a record of table {}", spec.table), bad.reason.clone()));
            }
            tracing::warn!(table = %spec.table, %place, reason = %bad.reason, "dropped a bad record");
            self.bad_records += 1;
        }
        let batch = spec.layout.rows(decoded.batch, &messages, &decoded.rows);
        let batch = batch.map_err(|error| failed("put rows together", error))?;
        partition.given = partition.received;
        self.messages += messages.len() as u64;
        self.rows += batch.num_rows() as u64;
        Ok((batch.num_rows() > 0).then_some(SourceEvent::Batch { partition: index, batch }))
    }
}

/// The next message of any topic, those from `turn` on first.
async fn receive(consumers: &[(String, Arc<TopicConsumer>)], turn: usize) -> (usize, Result<OwnedMessage, KafkaError>) {
    if let [(_, consumer)] = consumers {
        return (0, consumer.recv().await.map(|message| message.detach()));
    }
    let order = consumers.iter().enumerate().cycle().skip(turn).take(consumers.len());
    let each = order.map(|(index, (_, consumer))| Box::pin(consumer.recv().map(move |message| (index, message))));
    let ((index, message), _, _) = futures::future::select_all(each).await;
    (index, message.map(|message| message.detach()))
}
