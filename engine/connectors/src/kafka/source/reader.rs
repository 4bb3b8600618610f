//! One instance of a source: waits for messages, answers and deadlines, and gives out batches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use super::decode::{MessageDecoder, Sifted};
use super::message::identity;
use super::partition::Partition;
use crate::formats::bad_records;
use crate::kafka::client::is_hopeless;
use crate::kafka::position::{Begin, Position, begin, owner};
use crate::kafka::survey::{PartitionKey, Question, Survey, TopicConsumer, is_silence, survey};

/// How often the brokers are asked while all is well.
const SURVEY_EVERY: Duration = Duration::from_secs(5);
/// How soon they are asked again when they did not answer, or a topic is not there.
const SURVEY_AGAIN: Duration = Duration::from_millis(500);
/// Messages taken over from librdkafka before anything else is looked at.
const RUN: usize = 1024;

/// Topic and number in a position's name, where it is one of the table's.
fn key_of(spec: &SourceSpec, name: &str) -> Option<PartitionKey> {
    let (topic, number) = name.rsplit_once('/')?;
    Some((topic.to_owned(), number.parse().ok()?)).filter(|(topic, _)| spec.topics.contain(topic))
}

/// The positions of the partitions that this instance reads.
fn restored(spec: &SourceSpec, context: &SourceContext) -> Result<BTreeMap<PartitionKey, Position>, ConnectorError> {
    let mut own = BTreeMap::new();
    for (name, value) in &context.positions {
        let Some(key) = key_of(spec, name) else { continue };
        if owner(spec.topics.home(&key.0), key.1, context.parallelism) == context.subtask {
            let position = serde_json::from_value(value.clone());
            let position = position.map_err(|error| spec.failed(name, "read its position", error))?;
            own.insert(key, position);
        }
    }
    Ok(own)
}

/// The consumer of a topic. The first one asks for all of them, and has no topic until one is found.
struct Reading {
    topic: Option<String>,
    consumer: Arc<TopicConsumer>,
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
    job: String,
    /// At least one.
    consumers: Vec<Reading>,
    decoder: MessageDecoder,
    subtask: usize,
    parallelism: usize,
    /// Positions of partitions that are not being read yet.
    restored: BTreeMap<PartitionKey, Position>,
    /// Whether the job has read before: partitions that no instance had are new.
    resumed: bool,
    /// The identity of the log, once it is known.
    log: Option<String>,
    partitions: Vec<Partition>,
    /// By consumer and number.
    index: HashMap<(usize, i32), usize>,
    /// Whether the runtime knows these partitions.
    announced: bool,
    asking: Option<JoinHandle<KafkaResult<Survey>>>,
    ask_at: Instant,
    /// Whether the brokers have answered at all.
    surveyed: bool,
    missing: Vec<String>,
    drain: Drain,
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
                self.hold_only(&BTreeSet::new())?;
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
        let waiting = self.restored.iter();
        let waiting = waiting.map(|((topic, number), position)| (format!("{topic}/{number}"), position.clone()));
        let value = |(name, position): (String, Position)| Some((name, serde_json::to_value(position).ok()?));
        read.chain(waiting).filter_map(value).collect()
    }

    async fn hold(&mut self, held: &BTreeSet<usize>) -> Result<(), ConnectorError> {
        self.hold_only(held)
    }

    fn has_more(&self, partition: usize) -> bool {
        self.partitions.get(partition).is_some_and(Partition::has_more)
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        // What was asked before now does not count.
        self.drain = Drain::Asking;
        self.asking = None;
        self.ask_at = Instant::now();
        Ok(())
    }

    async fn committed(&mut self, positions: &Positions) -> Result<(), ConnectorError> {
        for (index, Reading { topic, consumer }) in self.consumers.iter().enumerate() {
            let Some(topic) = topic else { continue };
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
        self.decoder.bad_records
    }

    fn lag_rows(&self) -> Option<u64> {
        let messages: u64 = self.partitions.iter().map(Partition::lag).sum();
        let rows_a_message = if self.messages == 0 { 1.0 } else { self.rows as f64 / self.messages as f64 };
        self.surveyed.then_some((messages as f64 * rows_a_message).round() as u64)
    }
}

impl Reader {
    /// Sets up the consumer that asks; the brokers are not asked yet.
    pub(super) fn open(spec: Arc<SourceSpec>, context: &SourceContext) -> Result<Self, ConnectorError> {
        let consumer = spec.consumer(&context.job);
        let consumer = consumer.map_err(|error| spec.failed(&spec.topics.shown(), "set up a consumer", error))?;
        Ok(Reader {
            job: context.job.clone(),
            consumers: vec![Reading { topic: None, consumer: Arc::new(consumer) }],
            decoder: MessageDecoder::new(Arc::clone(&spec))?,
            subtask: context.subtask,
            parallelism: context.parallelism,
            restored: restored(&spec, context)?,
            resumed: !context.positions.is_empty(),
            log: spec.client.log_id().map(str::to_owned),
            partitions: Vec::new(),
            index: HashMap::new(),
            announced: false,
            asking: None,
            ask_at: Instant::now(),
            surveyed: false,
            missing: Vec::new(),
            drain: Drain::No,
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
            let name = |partition: &Partition| key_of(&self.spec, &partition.name);
            let question = Question {
                consumer: Arc::clone(&self.consumers[0].consumer),
                topics: self.spec.topics.clone(),
                subtask: self.subtask,
                parallelism: self.parallelism,
                start: self.spec.reading.start,
                known: self.partitions.iter().filter_map(name).collect(),
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
        self.consumers.iter().for_each(|reading| reading.consumer.context().back());
        self.tell_missing(&answer.missing);
        self.ask_at = Instant::now() + if answer.missing.is_empty() { SURVEY_EVERY } else { SURVEY_AGAIN };
        let log = self.log.get_or_insert_with(|| answer.cluster.clone()).clone();
        for ((topic, number), extent) in answer.partitions {
            let key = (self.consumer_of(&topic)?, number);
            match self.index.get(&key) {
                Some(index) => self.partitions[*index].high = extent.high,
                None => {
                    let restored = self.restored.remove(&(topic, number));
                    let appeared = self.surveyed || self.resumed;
                    let at = begin(restored.as_ref(), &log, extent, self.spec.reading.start, appeared);
                    self.start_reading(key, at, extent.high, restored)?;
                }
            }
        }
        self.surveyed = true;
        if self.drain == Drain::Asking {
            self.set_limits();
        }
        Ok(())
    }

    /// The consumer of a topic, which is set up where it is not there yet.
    fn consumer_of(&mut self, topic: &str) -> Result<usize, ConnectorError> {
        if let Some(known) = self.consumers.iter().position(|reading| reading.topic.as_deref() == Some(topic)) {
            return Ok(known);
        }
        if let [Reading { topic: free @ None, .. }] = self.consumers.as_mut_slice() {
            *free = Some(topic.to_owned());
            return Ok(0);
        }
        let consumer = self.spec.consumer(&self.job);
        let consumer = consumer.map_err(|error| self.spec.failed(topic, "set up a consumer", error))?;
        self.consumers.push(Reading { topic: Some(topic.to_owned()), consumer: Arc::new(consumer) });
        Ok(self.consumers.len() - 1)
    }

    /// Stops reading these partitions, and goes on with all others.
    fn hold_only(&mut self, held: &BTreeSet<usize>) -> Result<(), ConnectorError> {
        for (index, partition) in self.partitions.iter_mut().enumerate() {
            let hold = held.contains(&index);
            if partition.held == hold {
                continue;
            }
            let Reading { topic, consumer } = &self.consumers[partition.key.0];
            let mut list = TopicPartitionList::new();
            list.add_partition(topic.as_deref().unwrap_or_default(), partition.key.1);
            let (step, done) = match hold {
                true => ("pause", consumer.pause(&list)),
                false => ("go on", consumer.resume(&list)),
            };
            done.map_err(|error| self.spec.failed(&partition.name, step, error))?;
            partition.held = hold;
        }
        Ok(())
    }

    fn start_reading(
        &mut self,
        key: (usize, i32),
        at: Begin,
        high: i64,
        restored: Option<Position>,
    ) -> Result<(), ConnectorError> {
        let Reading { topic, consumer } = &self.consumers[key.0];
        let topic = topic.as_deref().unwrap_or_default();
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
                let Reading { topic, consumer } = &self.consumers[partition.key.0];
                let topic = topic.as_deref().unwrap_or_default();
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
                false => self.consumers[topic].consumer.recv().now_or_never().map(|m| m.map(|m| m.detach())),
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
        self.consumers[0].consumer.context().away(error);
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
        // A message without a value is a mark that its key is gone; only who reads upserts looks at it.
        if !spec.upserts() {
            messages.retain(|message| message.payload().is_some());
        }
        let Sifted { batch, bad } = self.decoder.decode(&partition.name, &messages)?;
        partition.given = partition.received;
        self.messages += messages.len() as u64;
        self.rows += batch.num_rows() as u64;
        Ok(bad_records::event(index, batch, bad))
    }
}

/// The next message of any topic, those from `turn` on first.
async fn receive(consumers: &[Reading], turn: usize) -> (usize, Result<OwnedMessage, KafkaError>) {
    if let [reading] = consumers {
        return (0, reading.consumer.recv().await.map(|message| message.detach()));
    }
    let order = consumers.iter().enumerate().cycle().skip(turn).take(consumers.len());
    let each = order.map(|(index, reading)| Box::pin(reading.consumer.recv().map(move |message| (index, message))));
    let ((index, message), _, _) = futures::future::select_all(each).await;
    (index, message.map(|message| message.detach()))
}
