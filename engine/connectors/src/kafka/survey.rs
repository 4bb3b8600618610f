//! Asks the brokers, on a thread that may block: which log this is, which partitions there are and how far they reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::client::Watch;
use super::position::{Extent, StartOffset, owner};
use super::topics::Topics;

/// A consumer of one topic: at the end of a partition librdkafka says its number and not its topic.
pub(super) type TopicConsumer = StreamConsumer<Watch>;

/// A partition: its topic and its number.
pub(super) type PartitionKey = (String, i32);

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Clone)]
pub(super) struct Question {
    /// Who asks.
    pub(super) consumer: Arc<TopicConsumer>,
    /// The topics.
    pub(super) topics: Topics,
    /// Which partitions concern the asker.
    pub(super) subtask: usize,
    /// See `subtask`.
    pub(super) parallelism: usize,
    /// Where partitions begin that are not among `known`.
    pub(super) start: StartOffset,
    /// Partitions that are being read.
    pub(super) known: BTreeSet<PartitionKey>,
}

/// What the brokers answer.
#[derive(Debug)]
pub(super) struct Survey {
    /// The identity of the cluster.
    pub(super) cluster: String,
    /// The asker's partitions.
    pub(super) partitions: BTreeMap<PartitionKey, Extent>,
    /// Topics that do not exist.
    pub(super) missing: Vec<String>,
}

/// Asks; blocks for as long as the brokers take.
///
/// # Errors
/// When they cannot be reached or refuse.
pub(super) fn survey(question: &Question) -> KafkaResult<Survey> {
    let consumer = &*question.consumer;
    let topics = topics_of(consumer, &question.topics)?;
    let cluster = consumer.client().fetch_cluster_id(ANSWER).unwrap_or_else(|| "unnamed".to_owned());
    let mut answer = Survey { cluster, partitions: BTreeMap::new(), missing: Vec::new() };
    for (topic, numbers) in topics {
        let Some(numbers) = numbers else {
            answer.missing.push(topic);
            continue;
        };
        let home = question.topics.home(&topic);
        let own = numbers.into_iter().filter(|n| owner(home, *n, question.parallelism) == question.subtask);
        let own: Vec<i32> = own.collect();
        let is_new = |number: &i32| !question.known.contains(&(topic.clone(), *number));
        let new: Vec<i32> = own.iter().copied().filter(is_new).collect();
        let starts = starts_of(consumer, &topic, &new, question.start)?;
        for number in own {
            let (low, high) = consumer.fetch_watermarks(&topic, number, ANSWER)?;
            let start = starts.get(&number).copied();
            answer.partitions.insert((topic.clone(), number), Extent { low, high, start });
        }
    }
    Ok(answer)
}

/// The topics with the numbers of their partitions; `None` for a topic that is named and is not there.
fn topics_of(consumer: &TopicConsumer, topics: &Topics) -> KafkaResult<Vec<(String, Option<Vec<i32>>)>> {
    let named = match topics {
        Topics::Named(names) => names,
        Topics::Matching { .. } => {
            let metadata = consumer.fetch_metadata(None, ANSWER)?;
            let matching = metadata.topics().iter().filter(|found| topics.contain(found.name()));
            let mut found: Vec<(String, Option<Vec<i32>>)> = Vec::new();
            for topic in matching {
                // One that is being made or removed is seen when it is there.
                if let Some(numbers) = numbers_of(topic)? {
                    found.push((topic.name().to_owned(), Some(numbers)));
                }
            }
            found.sort();
            return Ok(found);
        }
    };
    let ask = |topic: &String| -> KafkaResult<(String, Option<Vec<i32>>)> {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok((topic.clone(), found.map(numbers_of).transpose()?.flatten()))
    };
    named.iter().map(ask).collect()
}

/// The numbers of a topic's partitions, or `None` when there is no such topic.
fn numbers_of(topic: &MetadataTopic) -> KafkaResult<Option<Vec<i32>>> {
    match topic.error() {
        None => {}
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        ) => return Ok(None),
        Some(error) => return Err(KafkaError::MetadataFetch(error.into())),
    }
    let numbers: Vec<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
    Ok((!numbers.is_empty()).then_some(numbers))
}

/// Where the start option points, for those options that need an answer.
fn starts_of(
    consumer: &TopicConsumer,
    topic: &str,
    numbers: &[i32],
    start: StartOffset,
) -> KafkaResult<BTreeMap<i32, i64>> {
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut wanted = TopicPartitionList::new();
    let found = match start {
        StartOffset::Earliest | StartOffset::Latest => return Ok(BTreeMap::new()),
        StartOffset::Group => {
            for number in numbers {
                wanted.add_partition(topic, *number);
            }
            consumer.committed_offsets(wanted, ANSWER)?
        }
        StartOffset::Time(millis) => {
            for number in numbers {
                wanted.add_partition_offset(topic, *number, Offset::Offset(millis))?;
            }
            consumer.offsets_for_times(wanted, ANSWER)?
        }
    };
    let known = found.elements().into_iter().filter_map(|element| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset)),
        _ => None,
    });
    Ok(known.collect())
}

/// Whether an error only says that nobody answered.
pub(super) fn is_silence(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    error.rdkafka_error_code().is_some_and(|code| {
        matches!(
            code,
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NetworkException
        )
    })
}
