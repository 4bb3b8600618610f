//! The way to the broker: reads messages from the outbox in order, has them delivered, acknowledges them there.
//!
//! The producer is idempotent, so librdkafka's own retries repeat nothing; after a failed session what was not
//! acknowledged is sent again, and `(device, boot, seq)` in the headers tells a second copy. A broker that is away costs
//! nothing: messages wait on disk, and that is said once and then ever more seldom ([`link`]).
//!
//! The only place of the agent that knows Kafka.

mod commands;
mod link;
mod topics;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use headwater_proto::batch::BatchError;
use headwater_proto::batch::headers::Headers;
use headwater_spool::{ReadLimit, SpoolError};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::config::{Config, UplinkConfig};
use crate::live::UplinkLive;
use crate::outbox::{Message, Outbox, Spooled};
pub(crate) use commands::{Commands, send_command};
use link::{Link, Notice};

/// Messages that are with librdkafka at once.
const WINDOW_MESSAGES: usize = 256;
/// Bytes that are read from disk at once.
const READ_BYTES: usize = 4 << 20;
/// How often a delivery that takes long is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before a failed session is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Why a session with the broker failed.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// A setting is unknown to librdkafka or wrong.
    #[error("setting up the kafka client")]
    Client { source: KafkaError },
    /// The broker does not say which topics it has.
    #[error("asking {brokers} for its topics")]
    Metadata { brokers: String, source: KafkaError },
    /// A message was not delivered.
    #[error("delivering message {seq} to topic {topic}")]
    Deliver { topic: String, seq: u64, source: KafkaError },
    /// A command has a number that JSON does not know.
    #[error("writing a command")]
    Command { source: BatchError },
    /// The spool cannot be read or acknowledged.
    #[error("reading the spool")]
    Spool { source: SpoolError },
    /// A thread of the agent died.
    #[error("a blocking step of the uplink stopped unexpectedly")]
    Died,
}

/// The task that empties the outbox.
pub(crate) struct Uplink {
    client: ClientConfig,
    config: UplinkConfig,
    brokers: String,
    outbox: Arc<Outbox>,
    live: Arc<UplinkLive>,
    /// Whether the topic of commands is to be there.
    takes_commands: bool,
    link: Link,
    started: Instant,
    /// When a shutdown stops waiting; set once the outbox is closed.
    deadline: Option<Instant>,
}

/// How a session ended without failing.
enum Ended {
    /// The outbox is closed and empty.
    Drained,
    /// The shutdown's time is over; what is left stays on disk.
    OutOfTime,
}

/// Messages on their way, the oldest first.
struct Session {
    producer: FutureProducer<Heard>,
    heard: Heard,
    in_flight: VecDeque<InFlight>,
    /// Position that is read next.
    next: u64,
}

struct InFlight {
    position: u64,
    rows: u32,
    topic: String,
    seq: u64,
    sent_at: Instant,
    /// Nothing for a message that cannot be sent at all.
    delivery: Option<DeliveryFuture>,
}

impl Uplink {
    /// Checks the settings by making a client of them; no broker is asked.
    ///
    /// # Errors
    /// [`UplinkError::Client`].
    pub(crate) fn new(config: &Config, outbox: Arc<Outbox>, live: Arc<UplinkLive>) -> Result<Self, UplinkError> {
        let client = client_config(&config.bootstrap_servers, &config.device_id, &config.uplink.client_configs);
        drop(producer(&client, Heard::default())?);
        Ok(Self {
            client,
            config: config.uplink.clone(),
            brokers: config.bootstrap_servers.clone(),
            outbox,
            live,
            takes_commands: config.control.enabled,
            link: Link::default(),
            started: Instant::now(),
            deadline: None,
        })
    }

    /// Delivers until the outbox is closed and empty, or the shutdown's time is over.
    pub(crate) async fn run(mut self) {
        loop {
            match self.session().await {
                Ok(Ended::Drained) => return,
                Ok(Ended::OutOfTime) => return self.say_left(),
                Err(error) => {
                    let reason = crate::error::chain(&error);
                    let notice = self.link.failed(self.now_ms());
                    self.say(notice, &reason);
                }
            }
            self.note_closed();
            tokio::select! {
                () = tokio::time::sleep(RETRY_PAUSE) => {}
                () = self.out_of_time() => return self.say_left(),
            }
        }
    }

    fn say_left(&self) {
        let left = self.outbox.stats();
        let (messages, rows) = (left.records, left.rows);
        tracing::warn!(messages, rows, "broker did not take everything in time; the rest stays on disk");
    }

    async fn session(&mut self) -> Result<Ended, UplinkError> {
        self.note_closed();
        let admin = client_config(&self.brokers, "", &self.config.client_configs);
        tokio::select! {
            ensured = topics::ensure(&admin, &self.brokers, &self.config, self.takes_commands) => ensured?,
            () = self.out_of_time() => return Ok(Ended::OutOfTime),
        }
        let heard = Heard::default();
        let mut session = Session {
            producer: producer(&self.client, heard.clone())?,
            heard,
            in_flight: VecDeque::new(),
            next: self.on_disk(|outbox| Ok(outbox.acked())).await?,
        };
        let ended = self.deliver(&mut session).await;
        let producer = session.producer;
        // Its end waits for its threads.
        tokio::task::spawn_blocking(move || drop(producer)).await.map_err(|_| UplinkError::Died)?;
        ended
    }

    async fn deliver(&mut self, session: &mut Session) -> Result<Ended, UplinkError> {
        loop {
            let closed = self.note_closed();
            self.fill(session).await?;
            if closed && session.in_flight.is_empty() {
                return Ok(Ended::Drained);
            }
            let deadline = self.deadline;
            let has_room = session.in_flight.len() < WINDOW_MESSAGES;
            tokio::select! {
                biased;
                delivered = first_delivery(&mut session.in_flight) => self.delivered(session, delivered).await?,
                () = self.outbox.changed(), if has_room && !closed => {}
                () = at(deadline) => return Ok(Ended::OutOfTime),
                () = tokio::time::sleep(LOOK_INTERVAL), if !session.in_flight.is_empty() => self.look(session),
            }
        }
    }

    /// Reads from disk and hands to librdkafka, as far as the window goes.
    async fn fill(&self, session: &mut Session) -> Result<(), UplinkError> {
        loop {
            let from = session.next;
            let sendable = self.outbox.sendable();
            let records = usize::try_from(sendable.saturating_sub(from)).unwrap_or(usize::MAX);
            let records = records.min(WINDOW_MESSAGES.saturating_sub(session.in_flight.len()));
            if records == 0 {
                return Ok(());
            }
            let limit = ReadLimit { records, bytes: READ_BYTES };
            let spooled = self.on_disk(move |outbox| outbox.read(from, limit)).await?;
            // Where messages are gone from the spool those behind them are read, which may be beyond.
            let mut goes = spooled.into_iter().take_while(|spooled| spooled.position < sendable).peekable();
            if goes.peek().is_none() {
                return Ok(());
            }
            for spooled in goes {
                session.next = spooled.position + 1;
                session.send(spooled)?;
            }
        }
    }

    async fn delivered(&mut self, session: &mut Session, result: Result<(), KafkaError>) -> Result<(), UplinkError> {
        let Some(message) = session.in_flight.pop_front() else { return Ok(()) };
        match result {
            Ok(()) if message.delivery.is_some() => {
                let notice = self.link.delivered(self.now_ms());
                self.say(notice, "");
                self.live.sent_rows.fetch_add(u64::from(message.rows), Relaxed);
                self.live.sent_messages.fetch_add(1, Relaxed);
            }
            Ok(()) => self.reject(&message, "its envelope on disk cannot be read"),
            Err(error) if is_permanent(&error) => self.reject(&message, &error.to_string()),
            Err(source) => {
                return Err(UplinkError::Deliver { topic: message.topic, seq: message.seq, source });
            }
        }
        let after = message.position + 1;
        self.on_disk(move |outbox| outbox.ack(after)).await
    }

    fn reject(&self, message: &InFlight, reason: &str) {
        self.live.rejected_messages.fetch_add(1, Relaxed);
        let InFlight { topic, seq, rows, .. } = message;
        tracing::error!(topic, seq, rows, reason, "message given up: the broker will never take it");
    }

    /// Notices when the oldest message has waited long.
    fn look(&mut self, session: &Session) {
        let Some(oldest) = session.in_flight.front() else { return };
        let waited_ms = oldest.sent_at.elapsed().as_millis() as u64;
        let notice = self.link.waiting(self.now_ms(), waited_ms);
        let reason = session.heard.last_error();
        self.say(notice, &reason);
    }

    fn say(&self, notice: Option<Notice>, reason: &str) {
        let brokers = &self.brokers;
        self.live.connected.store(self.link.is_connected(), Relaxed);
        let waiting = || self.outbox.stats().rows;
        match notice {
            None => {}
            Some(Notice::Connected) => tracing::info!(brokers, "broker takes messages"),
            Some(Notice::Away { away_ms }) => {
                tracing::warn!(
                    brokers,
                    away_ms,
                    waiting_rows = waiting(),
                    reason,
                    "broker away; messages wait on disk"
                );
            }
            Some(Notice::Restored { away_ms }) => {
                tracing::info!(brokers, away_ms, waiting_rows = waiting(), "broker is back");
            }
        }
    }

    /// Whether the outbox is closed; from then on the shutdown's time runs.
    fn note_closed(&mut self) -> bool {
        let closed = self.outbox.is_closed();
        if closed && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + Duration::from_millis(self.config.drain_ms));
        }
        closed
    }

    /// Waits until the outbox is closed and the shutdown's time is over.
    async fn out_of_time(&self) {
        while !self.outbox.is_closed() {
            self.outbox.changed().await;
        }
        let from_now = Duration::from_millis(self.config.drain_ms);
        at(Some(self.deadline.unwrap_or_else(|| Instant::now() + from_now))).await;
    }

    async fn on_disk<T, F>(&self, step: F) -> Result<T, UplinkError>
    where
        T: Send + 'static,
        F: FnOnce(&Outbox) -> Result<T, SpoolError> + Send + 'static,
    {
        let outbox = Arc::clone(&self.outbox);
        let done = tokio::task::spawn_blocking(move || step(&outbox)).await;
        done.map_err(|_| UplinkError::Died)?.map_err(|source| UplinkError::Spool { source })
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

impl Session {
    fn send(&mut self, spooled: Spooled) -> Result<(), UplinkError> {
        let Spooled { position, rows, message } = spooled;
        let (topic, seq, delivery) = match message {
            None => (String::new(), 0, None),
            Some(message) => {
                let seq = message.headers.seq;
                let sent = send(&self.producer, &message);
                let sent = sent.map_err(|source| UplinkError::Deliver { topic: message.topic.clone(), seq, source });
                (message.topic, seq, Some(sent?))
            }
        };
        self.in_flight.push_back(InFlight { position, rows, topic, seq, sent_at: Instant::now(), delivery });
        Ok(())
    }
}

fn send(producer: &FutureProducer<Heard>, message: &Message) -> Result<DeliveryFuture, KafkaError> {
    let record = FutureRecord::to(&message.topic)
        .key(&message.key)
        .payload(&message.value)
        .headers(kafka_headers(&message.headers));
    producer.send_result(record).map_err(|(error, _)| error)
}

fn kafka_headers(headers: &Headers) -> OwnedHeaders {
    headers
        .to_pairs()
        .iter()
        .fold(OwnedHeaders::new(), |owned, (key, value)| owned.insert(Header { key, value: Some(value) }))
}

/// Waits for the oldest message; for ever when there is none.
async fn first_delivery(in_flight: &mut VecDeque<InFlight>) -> Result<(), KafkaError> {
    let Some(oldest) = in_flight.front_mut() else { return std::future::pending().await };
    match &mut oldest.delivery {
        None => Ok(()),
        Some(delivery) => match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(error),
            Err(_) => Err(KafkaError::Canceled),
        },
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Errors that a second try cannot cure.
fn is_permanent(error: &KafkaError) -> bool {
    let permanent = [RDKafkaErrorCode::MessageSizeTooLarge, RDKafkaErrorCode::InvalidRecord];
    error.rdkafka_error_code().is_some_and(|code| permanent.contains(&code))
}

fn client_config(brokers: &str, device_id: &str, extra: &BTreeMap<String, String>) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", brokers)
        .set("client.id", format!("headwater-edge-{device_id}"))
        .set("reconnect.backoff.max.ms", "2000")
        .set_log_level(RDKafkaLogLevel::Warning);
    for (key, value) in extra {
        client.set(key, value);
    }
    client
}

fn producer(client: &ClientConfig, heard: Heard) -> Result<FutureProducer<Heard>, UplinkError> {
    client
        .clone()
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // The spool is the memory of what is not delivered: librdkafka never gives up by itself.
        .set("message.timeout.ms", "0")
        // As Java clients do, so that a device's messages share a partition whoever sends them.
        .set("partitioner", "murmur2_random")
        .create_with_context(heard)
        .map_err(|source| UplinkError::Client { source })
}

/// Hears what librdkafka says: its log goes to ours, its last error explains an absence.
#[derive(Clone, Default)]
struct Heard {
    last_error: Arc<Mutex<String>>,
}

impl Heard {
    fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ConsumerContext for Heard {}

impl ClientContext for Heard {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka error");
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_owned();
    }
}

#[cfg(test)]
mod tests;
