//! Both sides against a broker that speaks the real protocol, with the real client.

mod sinks;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use headwater_core::{Positions, Source, SourceEvent, SourceFactory};
use headwater_plan::{ColumnDeclaration, ConnectorTable, Connectors, OptionValue, Options, TableDeclaration};
use headwater_proto::batch::headers::Headers;
use headwater_proto::batch::{encode_stream, frames};
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::embedded::EmbeddedBroker;
use crate::source_contract::{RowsByPartition, check_contract, context, read_some};
use crate::{ConnectorSet, ConnectorSettings};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn broker(topics: &[(&str, i32)]) -> EmbeddedBroker {
    EmbeddedBroker::start(topics).unwrap()
}

fn column(declaration: &str) -> ColumnDeclaration {
    use arrow::datatypes::{DataType, TimeUnit};
    let mut words = declaration.split(' ');
    let (name, data_type) = (words.next().unwrap(), words.next().unwrap());
    let data_type = match data_type {
        "BIGINT" => DataType::Int64,
        "TEXT" => DataType::Utf8,
        "BYTEA" => DataType::Binary,
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        other => panic!("{other}"),
    };
    let metadata = words.next().map(str::to_owned);
    ColumnDeclaration { name: name.into(), data_type, nullable: true, metadata }
}

/// A table over the broker; `columns` as "name TYPE [metadata]".
fn table(broker: &EmbeddedBroker, connector: &str, columns: &[&str], options: &[(&str, &str)]) -> ConnectorTable {
    let settings = ConnectorSettings {
        base_dir: "/tmp/headwater-kafka-tests".into(),
        bootstrap_servers: Some(broker.bootstrap_servers().to_owned()),
        log_id: Some(broker.log_id().to_owned()),
    };
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let declaration = TableDeclaration {
        name: "t".into(),
        connector: connector.into(),
        columns: columns.iter().map(|declaration| column(declaration)).collect(),
        primary_key: Vec::new(),
        options: Options::new(options.iter().map(text)),
    };
    ConnectorSet::new(settings).table(declaration).unwrap()
}

fn source(broker: &EmbeddedBroker, options: &[(&str, &str)]) -> Arc<dyn SourceFactory> {
    table(broker, "kafka", &["n BIGINT"], options).source.unwrap()
}

async fn open(factory: &dyn SourceFactory, positions: &Positions) -> Box<dyn Source> {
    factory.open(context(0, 1, positions)).await.unwrap()
}

async fn next(source: &mut dyn Source) -> SourceEvent {
    tokio::time::timeout(PATIENCE, source.next()).await.expect("nothing comes").unwrap()
}

/// Reads what is there, to its end.
async fn drain(source: &mut dyn Source) -> RowsByPartition {
    let mut rows = RowsByPartition::new();
    source.drain().await.unwrap();
    assert!(read_some(source, usize::MAX, &mut rows).await);
    rows
}

/// Reads what is left, to its end, whatever partition it is of.
async fn rest(source: &mut dyn Source) -> Vec<String> {
    source.drain().await.unwrap();
    let mut batches = Vec::new();
    loop {
        match next(source).await {
            SourceEvent::Partitions(_) => {}
            SourceEvent::Batch { batch, .. } | SourceEvent::Sifted { batch, .. } => batches.push(batch),
            SourceEvent::End => break,
        }
    }
    let mut rows = crate::source_contract::rows_of(&batches);
    rows.sort();
    rows
}

fn flat(rows: RowsByPartition) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_values().flatten().collect();
    rows.sort();
    rows
}

fn producer(broker: &EmbeddedBroker) -> FutureProducer {
    ClientConfig::new().set("bootstrap.servers", broker.bootstrap_servers()).set("linger.ms", "0").create().unwrap()
}

async fn send(producer: &FutureProducer, topic: &str, partition: i32, key: &str, payload: &[u8]) {
    let record = FutureRecord::to(topic).partition(partition).key(key).payload(payload).timestamp(1_695_045_600_250);
    producer.send(record, PATIENCE).await.unwrap();
}

async fn send_numbers(broker: &EmbeddedBroker, topic: &str, partitions: i32, numbers: std::ops::Range<i64>) {
    let producer = producer(broker);
    let payloads: Vec<_> = numbers.map(|n| (n, format!("{{\"n\": {n}}}"))).collect();
    let sends = payloads.iter().map(|(n, payload)| {
        let partition = (*n % i64::from(partitions)) as i32;
        send(&producer, topic, partition, "k", payload.as_bytes())
    });
    futures::future::join_all(sends).await;
}

fn numbers(range: std::ops::Range<i64>) -> Vec<String> {
    let mut rows: Vec<String> = range.map(|n| format!("{{\"n\":{n}}}")).collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_at_any_stop_and_over_instances() {
    let broker = broker(&[("a", 3), ("b", 2)]);
    send_numbers(&broker, "a", 3, 0..300).await;
    send_numbers(&broker, "b", 2, 300..400).await;
    check_contract(&*source(&broker, &[("topic", "b, a"), ("source.offset", "earliest")]), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latest_begins_after_what_is_there_and_stays_there_over_a_restart() {
    let broker = broker(&[("a", 2)]);
    send_numbers(&broker, "a", 2, 0..10).await;
    let factory = source(&broker, &[("topic", "a")]);
    let mut source = open(&*factory, &Positions::new()).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("partitions come first") };
    assert_eq!(names, ["a/0", "a/1"]);
    let positions = source.positions();
    drop(source);
    send_numbers(&broker, "a", 2, 10..20).await;
    let mut source = open(&*factory, &positions).await;
    assert_eq!(flat(drain(&mut *source).await), numbers(10..20));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_while_they_are_written() {
    let broker = broker(&[("a", 1)]);
    let mut source = open(&*source(&broker, &[("topic", "a")]), &Positions::new()).await;
    assert!(matches!(next(&mut *source).await, SourceEvent::Partitions(_)));
    for round in 0..3 {
        send_numbers(&broker, "a", 1, round..round + 1).await;
        let SourceEvent::Batch { batch, .. } = next(&mut *source).await else { panic!("no rows") };
        assert_eq!(crate::source_contract::rows_of(&[batch]), numbers(round..round + 1));
        assert_eq!(source.positions()["a/0"]["offset"], round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_future_loses_no_row() {
    let broker = broker(&[("a", 1)]);
    send_numbers(&broker, "a", 1, 0..2000).await;
    let mut source = open(&*source(&broker, &[("topic", "a"), ("source.offset", "earliest")]), &Positions::new()).await;
    let mut rows = Vec::new();
    let began = std::time::Instant::now();
    while rows.len() < 2000 {
        assert!(began.elapsed() < PATIENCE, "{} rows", rows.len());
        // The future is dropped a millisecond after it began, wherever it is.
        match tokio::time::timeout(Duration::from_millis(1), source.next()).await {
            Ok(Ok(SourceEvent::Batch { batch, .. })) => rows.extend(crate::source_contract::rows_of(&[batch])),
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => panic!("{error}"),
        }
    }
    rows.sort();
    assert_eq!(rows, numbers(0..2000));
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_another_log_are_dropped() {
    let first = broker(&[("a", 2)]);
    send_numbers(&first, "a", 2, 0..10).await;
    let options = [("topic", "a"), ("source.offset", "earliest")];
    let mut reader = open(&*source(&first, &options), &Positions::new()).await;
    assert_eq!(drain(&mut *reader).await.values().map(Vec::len).sum::<usize>(), 10);
    let positions = reader.positions();
    drop((reader, first));
    let second = broker(&[("a", 2)]);
    send_numbers(&second, "a", 2, 50..60).await;
    let mut reader = open(&*source(&second, &options), &positions).await;
    assert_eq!(flat(drain(&mut *reader).await), numbers(50..60));
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_stands_where_it_was_declared() {
    let broker = broker(&[("a", 2)]);
    let producer = producer(&broker);
    send(&producer, "a", 1, "north", b"{\"n\": 1}\n{\"n\": 2}").await;
    send(&producer, "a", 1, "south", b"{\"n\": 3}").await;
    let columns = [
        "off BIGINT offset",
        "n BIGINT",
        "part BIGINT partition",
        "at TIMESTAMP timestamp",
        "k TEXT key",
        "from_topic TEXT topic",
    ];
    let options = [("topic", "a"), ("source.offset", "earliest")];
    let factory = table(&broker, "kafka", &columns, &options).source.unwrap();
    let mut source = open(&*factory, &Positions::new()).await;
    let row = |offset, n, key| {
        format!(
            "{{\"off\":{offset},\"n\":{n},\"part\":1,\"at\":\"2023-09-18T14:00:00.250\",\"k\":\"{key}\",\"from_topic\":\"a\"}}"
        )
    };
    let expected = [row(0, 1, "north"), row(0, 2, "north"), row(1, 3, "south")];
    assert_eq!(flat(drain(&mut *source).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_is_named_or_counted() {
    let broker = broker(&[("a", 1)]);
    let producer = producer(&broker);
    for payload in ["{\"n\": 1}", "{\"n\": \"x\"}", "{\"n\": 3}"] {
        send(&producer, "a", 0, "k", payload.as_bytes()).await;
    }
    let options = [("topic", "a"), ("source.offset", "earliest")];
    let mut failing = open(&*source(&broker, &options), &Positions::new()).await;
    failing.drain().await.unwrap();
    let error = loop {
        match failing.next().await {
            Ok(SourceEvent::Batch { .. } | SourceEvent::Sifted { .. } | SourceEvent::Partitions(_)) => {}
            Ok(SourceEvent::End) => panic!("the message was read"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.thing.as_str(), error.step.as_str()), ("a/0/1", "read a record of table t"));
    let dropping = [options[0], options[1], ("bad_data", "drop")];
    let mut dropping = open(&*source(&broker, &dropping), &Positions::new()).await;
    assert_eq!(flat(drain(&mut *dropping).await), ["{\"n\":1}", "{\"n\":3}"]);
    assert_eq!(dropping.bad_records(), 1);
    assert_eq!(dropping.positions()["a/0"]["offset"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_waited_for() {
    let broker = broker(&[("a", 1)]);
    send_numbers(&broker, "a", 1, 0..5).await;
    broker.set_reachable(false).unwrap();
    let factory = source(&broker, &[("topic", "a"), ("source.offset", "earliest")]);
    let mut source = open(&*factory, &Positions::new()).await;
    let (waiting, waits) = tokio::sync::oneshot::channel();
    let reading = tokio::spawn(async move {
        let mut next = source.next();
        assert!(futures::poll!(&mut next).is_pending());
        waiting.send(()).unwrap();
        assert!(matches!(next.await.unwrap(), SourceEvent::Partitions(_)));
        rest(&mut *source).await
    });
    waits.await.unwrap();
    broker.set_reachable(true).unwrap();
    let rows = tokio::time::timeout(PATIENCE, reading).await.expect("it waits for ever").unwrap();
    assert_eq!(rows, numbers(0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drains_without_a_broker_ends() {
    let broker = broker(&[("a", 1)]);
    broker.set_reachable(false).unwrap();
    let mut source = open(&*source(&broker, &[("topic", "a")]), &Positions::new()).await;
    source.drain().await.unwrap();
    assert!(matches!(next(&mut *source).await, SourceEvent::End));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_yet_is_waited_for_and_read_whole() {
    let broker = broker(&[("a", 1)]);
    let mut source = open(&*source(&broker, &[("topic", "a,b")]), &Positions::new()).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("partitions come first") };
    assert_eq!(names, ["a/0"]);
    broker.create_topic("b", 2).unwrap();
    send_numbers(&broker, "b", 2, 0..10).await;
    // `latest` is about what was there before the source; all of this topic came after it.
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("new partitions are said") };
    assert_eq!(names, ["a/0", "b/0", "b/1"]);
    assert_eq!(rest(&mut *source).await, numbers(0..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_and_the_lag_are_told() {
    let broker = broker(&[("a", 1)]);
    send_numbers(&broker, "a", 1, 0..10).await;
    let earliest = source(&broker, &[("topic", "a"), ("source.offset", "earliest")]);
    let mut source_a = open(&*earliest, &Positions::new()).await;
    assert!(matches!(next(&mut *source_a).await, SourceEvent::Partitions(_)));
    assert_eq!(source_a.lag_rows(), Some(10));
    assert_eq!(rest(&mut *source_a).await, numbers(0..10));
    assert_eq!(source_a.lag_rows(), Some(0));
    let positions = source_a.positions();
    source_a.committed(&positions).await.unwrap();
    // The group is told in the background; who reads on by the group sees when it was.
    let group = source(&broker, &[("topic", "a"), ("source.offset", "group")]);
    let began = std::time::Instant::now();
    loop {
        let mut reader = open(&*group, &Positions::new()).await;
        if drain(&mut *reader).await.is_empty() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the group was not told");
    }
}

fn frame(device: &str, frame: u64) -> frames::FrameRow {
    frames::FrameRow {
        device_id: device.into(),
        camera_id: "gate".into(),
        ts: 1_695_045_600_000 + frame as i64,
        frame,
        persons_detected: 2,
        objects_detected: 3,
        width: 768,
        height: 576,
        model: "nanodet-g".into(),
        tier: "416".into(),
        inference_ms: 40.0,
        energy_mj: None,
        energy_method: "none".into(),
        skipped: 0,
    }
}

async fn send_frame(producer: &FutureProducer, device: &str, boot: &str, seq: u64) {
    let payload = encode_stream(&frames::to_batch(&[frame(device, seq)]).unwrap()).unwrap();
    let mut headers = OwnedHeaders::new();
    for (key, value) in Headers::new(frames::SCHEMA, device, boot, seq).to_pairs() {
        headers = headers.insert(Header { key, value: Some(&value) });
    }
    let record = FutureRecord::to("edge-data").key(device).payload(&payload).headers(headers);
    producer.send(record, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_sent_twice_counts_once_even_over_a_restart() {
    let broker = broker(&[("edge-data", 4)]);
    let producer = producer(&broker);
    for seq in [0, 1, 1, 2, 0, 3] {
        send_frame(&producer, "north", "boot-a", seq).await;
    }
    let factory = table(&broker, "edge", &[], &[]).source.unwrap();
    let mut source = open(&*factory, &Positions::new()).await;
    assert_eq!(flat(drain(&mut *source).await).len(), 4);
    let positions = source.positions();
    for (boot, seq) in [("boot-a", 2), ("boot-a", 3), ("boot-a", 4), ("boot-b", 0)] {
        send_frame(&producer, "north", boot, seq).await;
    }
    let mut source = open(&*factory, &positions).await;
    let rows = flat(drain(&mut *source).await);
    assert_eq!(rows.len(), 2, "{rows:?}");
    // An injected object has no identity and counts each time.
    for _ in 0..2 {
        let json = br#"{"device_id": "test", "timestamp": "2023-09-18T14:00:00Z", "persons_detected": 4}"#;
        send(&producer, "edge-data", 0, "test", json).await;
    }
    let positions = source.positions();
    let mut source = open(&*factory, &positions).await;
    assert_eq!(flat(drain(&mut *source).await).len(), 2);
}

#[test]
fn an_edge_table_knows_its_columns_and_its_time() {
    let broker = broker(&[]);
    let declared = table(&broker, "edge", &[], &[("topic", "edge-detections")]);
    let columns = declared.columns.unwrap();
    assert_eq!(columns.field(4).name(), "class");
    assert_eq!(declared.event_time, Some(("ts".to_owned(), Duration::from_secs(1))));
}
