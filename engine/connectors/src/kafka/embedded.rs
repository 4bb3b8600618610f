//! A broker inside the process, for a start without any other: librdkafka's own mock cluster, which speaks the Kafka
//! protocol to any client on this machine.
//!
//! Its log is in memory: it is gone with the process, and a partition keeps no more than its newest 5 MB or 100,000
//! messages. It knows producers (also idempotent and transactional ones), consumers and group offsets; it does not
//! hold back what a transaction has not committed, and forgets the offsets that a transaction sends. [`EmbeddedBroker::log_id`] is new at each start, by which a source
//! sees that the positions of a checkpoint are of another log.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use uuid::Uuid;

/// Why the broker is not there.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedBrokerError {
    /// Its thread could not be started.
    #[error("starting the thread of the embedded broker")]
    Thread(#[source] std::io::Error),
    /// It could not listen.
    #[error("starting the embedded broker")]
    Start(#[source] KafkaError),
    /// A topic could not be created.
    #[error("creating topic {topic} with {partitions} partitions in the embedded broker")]
    Topic {
        /// The topic.
        topic: String,
        /// How many partitions it was to have.
        partitions: i32,
        /// Why.
        source: KafkaError,
    },
    /// It could not be told to come or to go.
    #[error("taking the embedded broker up or down")]
    Reach(#[source] KafkaError),
    /// Its thread has ended.
    #[error("the embedded broker has ended")]
    Ended,
}

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Command = Box<dyn FnOnce(&Cluster) + Send>;

/// A running broker; it ends when this is dropped.
#[derive(Debug)]
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    log_id: String,
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Starts a broker on a free port of this machine, with these topics and numbers of partitions.
    ///
    /// # Errors
    /// When it cannot listen or a topic cannot be created.
    pub fn start(topics: &[(&str, i32)]) -> Result<EmbeddedBroker, EmbeddedBrokerError> {
        let topics: Vec<(String, i32)> = topics.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (started, starting) = sync_channel(1);
        let (commands, orders) = sync_channel::<Command>(1);
        // The cluster is bound to the thread that made it.
        let thread = std::thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || serve(&topics, &started, &orders))
            .map_err(EmbeddedBrokerError::Thread)?;
        let bootstrap_servers = starting.recv().map_err(|_| EmbeddedBrokerError::Ended)??;
        let log_id = Uuid::new_v4().to_string();
        Ok(EmbeddedBroker { bootstrap_servers, log_id, commands: Some(commands), thread: Some(thread) })
    }

    /// Where it listens, `host:port`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The identity of its log, new at each start.
    pub fn log_id(&self) -> &str {
        &self.log_id
    }

    /// Makes it refuse connections, or accept them again: for trying out what clients do without a broker.
    ///
    /// # Errors
    /// When it has ended.
    pub fn set_reachable(&self, reachable: bool) -> Result<(), EmbeddedBrokerError> {
        let ask = move |cluster: &Cluster| if reachable { cluster.broker_up(-1) } else { cluster.broker_down(-1) };
        self.ask(ask)?.map_err(EmbeddedBrokerError::Reach)
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When there is one by that name, or the broker has ended.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), EmbeddedBrokerError> {
        let topic = topic.to_owned();
        self.ask(move |cluster| create(cluster, &topic, partitions))?
    }

    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Cluster) -> T + Send + 'static,
    ) -> Result<T, EmbeddedBrokerError> {
        let (answer, answered) = sync_channel(1);
        let command: Command = Box::new(move |cluster| {
            // Whoever asked waits for it, so there is room.
            let _ = answer.send(ask(cluster));
        });
        let commands = self.commands.as_ref().ok_or(EmbeddedBrokerError::Ended)?;
        commands.send(command).map_err(|_| EmbeddedBrokerError::Ended)?;
        answered.recv().map_err(|_| EmbeddedBrokerError::Ended)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

/// The thread: makes the cluster, says where it is, and serves until the broker is dropped.
fn serve(
    topics: &[(String, i32)],
    started: &SyncSender<Result<String, EmbeddedBrokerError>>,
    orders: &Receiver<Command>,
) {
    let cluster = MockCluster::new(1).map_err(EmbeddedBrokerError::Start).and_then(|cluster| {
        topics.iter().try_for_each(|(topic, partitions)| create(&cluster, topic, *partitions))?;
        Ok(cluster)
    });
    match cluster {
        Err(error) => drop(started.send(Err(error))),
        Ok(cluster) => {
            if started.send(Ok(cluster.bootstrap_servers())).is_ok() {
                orders.iter().for_each(|command| command(&cluster));
            }
        }
    }
}

fn create(cluster: &Cluster, topic: &str, partitions: i32) -> Result<(), EmbeddedBrokerError> {
    let failed = |source| EmbeddedBrokerError::Topic { topic: topic.to_owned(), partitions, source };
    cluster.create_topic(topic, partitions, 1).map_err(failed)
}
