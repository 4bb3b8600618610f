//! What can be asked of a source: where it begins, what it makes of messages, which topics and partitions it reads.

use std::collections::BTreeSet;

use headwater_plan::TableError;

use super::*;
use crate::source_contract::BAD;

/// Sends messages one after the other.
async fn send_all(broker: &EmbeddedBroker, topic: &str, partition: i32, payloads: &[&[u8]]) {
    let producer = producer(broker);
    for payload in payloads {
        send(&producer, topic, partition, "k", payload).await;
    }
}

/// A table over a broker whose log has no identity that one could know without asking.
fn declare(broker: &EmbeddedBroker, options: &[(&str, &str)]) -> Result<ConnectorTable, TableError> {
    let settings = ConnectorSettings {
        bootstrap_servers: Some(broker.bootstrap_servers().to_owned()),
        ..ConnectorSettings::default()
    };
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let declaration = TableDeclaration {
        name: "t".into(),
        connector: "kafka".into(),
        columns: vec![column("n BIGINT")],
        primary_key: Vec::new(),
        options: Options::new(options.iter().map(text)),
    };
    ConnectorSet::new(settings).table(declaration)
}

fn refused(broker: &EmbeddedBroker, options: &[(&str, &str)]) -> TableError {
    declare(broker, options).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_messages_are_given_out_with_their_place_at_any_stop() {
    let broker = broker(&[("a", 2)]);
    for round in 0..20 {
        let good = format!("{{\"n\": {round}}}");
        send_all(&broker, "a", round % 2, &[good.as_bytes(), b"{\"n\": \"x\"}"]).await;
    }
    let options = [("topic", "a"), ("source.offset", "earliest"), ("bad_data", "dead_letter")];
    let factory = source(&broker, &options);
    assert!(factory.gives_bad_records());
    check_contract(&*factory, 2).await;
    let mut reader = open(&*factory, &Positions::new()).await;
    let letters = drain(&mut *reader).await.remove(BAD).unwrap();
    assert_eq!(letters.len(), 20);
    assert!(letters[0].starts_with(r#"{"topic":"a","partition":0,"offset":1,"reason":""#), "{}", letters[0]);
    assert!(letters[0].ends_with(r#""bytes":"7b226e223a202278227d"}"#), "{}", letters[0]);
    assert_eq!(reader.bad_records(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_message_are_records_of_their_own() {
    let broker = broker(&[("a", 1)]);
    send_all(&broker, "a", 0, &[b"{\"n\": 1}\r\n\nnone\n{\"n\": 2}", b"{\"n\": 3}"]).await;
    let framed = [("topic", "a"), ("source.offset", "earliest"), ("framing", "newline"), ("bad_data", "dead_letter")];
    let factory = table(&broker, "kafka", &["n BIGINT", "off BIGINT offset"], &framed).source.unwrap();
    let mut rows = drain(&mut *open(&*factory, &Positions::new()).await).await;
    let letters = rows.remove(BAD).unwrap();
    assert!(letters.len() == 1 && letters[0].ends_with(r#""bytes":"6e6f6e65"}"#), "{letters:?}");
    assert_eq!(flat(rows), [r#"{"n":1,"off":0}"#, r#"{"n":2,"off":0}"#, r#"{"n":3,"off":1}"#]);
    let texts = [framed[0], framed[1], framed[2], ("format", "raw_string")];
    let factory = table(&broker, "kafka", &["line TEXT"], &texts).source.unwrap();
    let rows = flat(drain(&mut *open(&*factory, &Positions::new()).await).await);
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.contains(&r#"{"line":"none"}"#.to_owned()), "{rows:?}");
    let error = refused(&broker, &[("topic", "a"), ("format", "arrow"), framed[2]]);
    assert_eq!(error.option.as_deref(), Some("framing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_as_they_are() {
    let broker = broker(&[("a", 1)]);
    send_all(&broker, "a", 0, &[b"\x00\xff\n", b"a"]).await;
    let options = [("topic", "a"), ("source.offset", "earliest"), ("format", "raw_bytes")];
    let factory = table(&broker, "kafka", &["value BYTEA"], &options).source.unwrap();
    let rows = flat(drain(&mut *open(&*factory, &Positions::new()).await).await);
    assert_eq!(rows, [r#"{"value":"00ff0a"}"#, r#"{"value":"61"}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_an_object() {
    let broker = broker(&[("a", 1)]);
    let header = |headers: OwnedHeaders, key, value| headers.insert(Header { key, value });
    let headers = header(OwnedHeaders::new(), "trace", Some("1"));
    let headers = header(header(header(headers, "none", None), "trace", Some("2")), "trace", Some("3"));
    let record = FutureRecord::to("a").key("k").payload("{\"n\": 1}").headers(headers);
    producer(&broker).send(record, PATIENCE).await.unwrap();
    send_all(&broker, "a", 0, &[b"{\"n\": 2}"]).await;
    let options = [("topic", "a"), ("source.offset", "earliest")];
    let columns = ["n BIGINT", "h TEXT headers", "off BIGINT offset_id"];
    let factory = table(&broker, "kafka", &columns, &options).source.unwrap();
    let rows = flat(drain(&mut *open(&*factory, &Positions::new()).await).await);
    let expected =
        [r#"{"n":1,"h":"{\"none\":null,\"trace\":[\"1\",\"2\",\"3\"]}","off":0}"#, r#"{"n":2,"h":"{}","off":1}"#];
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_begins_where_it_is_told_to() {
    let broker = broker(&[("a", 1)]);
    send_numbers(&broker, "a", 1, 0..5).await;
    for (options, rows) in [
        (vec![("source.offset", "earliest")], 5),
        (vec![("source.offset", "latest")], 0),
        (vec![], 0),
        // Whoever never was anywhere begins at the oldest.
        (vec![("source.offset", "group"), ("source.group_id", "nobody")], 5),
    ] {
        let factory = source(&broker, &[&[("topic", "a")], options.as_slice()].concat());
        let found = flat(drain(&mut *open(&*factory, &Positions::new()).await).await);
        assert_eq!(found.len(), rows, "{options:?}");
    }
}

#[test]
fn settings_that_librdkafka_does_not_know_are_refused_before_anything_starts() {
    let broker = broker(&[]);
    let refused = |configs| refused(&broker, &[("topic", "a"), ("client_configs", configs)]);
    for configs in ["fetch.min.bites=1", "fetch.min.bytes=many", "fetch.min.bytes"] {
        assert_eq!(refused(configs).option.as_deref(), Some("client_configs"), "{configs}");
    }
    source(&broker, &[("topic", "a"), ("client_configs", "fetch.min.bytes=2,client.id=me")]);
}

#[test]
fn a_mode_of_reading_is_one_of_two() {
    let broker = broker(&[]);
    for mode in ["read_committed", "read_uncommitted"] {
        source(&broker, &[("topic", "a"), ("source.read_mode", mode)]);
    }
    let error = refused(&broker, &[("topic", "a"), ("source.read_mode", "read_all")]);
    assert_eq!(error.hint.as_deref(), Some("use one of read_committed, read_uncommitted"));
}

/// The rows that come of each partition until there are `count`; the future is dropped now and then, as the runtime does.
async fn rows_until(source: &mut dyn Source, names: &[String], count: usize) -> RowsByPartition {
    let mut rows = RowsByPartition::new();
    while rows.values().map(Vec::len).sum::<usize>() < count {
        match next(source).await {
            SourceEvent::Batch { partition, batch } => {
                let batch = crate::source_contract::rows_of(&[batch]);
                rows.entry(names[partition].clone()).or_default().extend(batch);
            }
            other => panic!("{other:?}"),
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_partition_is_silent_and_then_goes_on_without_a_gap() {
    let broker = broker(&[("a", 2)]);
    send_numbers(&broker, "a", 2, 0..2000).await;
    let factory = source(&broker, &[("topic", "a"), ("source.offset", "earliest")]);
    let mut source = open(&*factory, &Positions::new()).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("partitions come first") };
    source.hold(&BTreeSet::from([0])).await.unwrap();
    let mut all = rows_until(&mut *source, &names, 1000).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["a/1"]);
    assert!(source.has_more(0) && !source.has_more(1));
    // It is told to hold the other while new messages come to both.
    send_numbers(&broker, "a", 2, 2000..3000).await;
    source.hold(&BTreeSet::from([1])).await.unwrap();
    for (name, rows) in rows_until(&mut *source, &names, 1500).await {
        assert_eq!(name, "a/0");
        all.entry(name).or_default().extend(rows);
    }
    source.hold(&BTreeSet::new()).await.unwrap();
    for (name, rows) in rows_until(&mut *source, &names, 500).await {
        assert_eq!(name, "a/1");
        all.entry(name).or_default().extend(rows);
    }
    for (name, partition) in [("a/0", 0), ("a/1", 1)] {
        let expected: Vec<String> = (0..1500).map(|n| format!("{{\"n\":{}}}", 2 * n + partition)).collect();
        assert_eq!(all[name], expected, "in order, each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reads_what_is_left_of_held_partitions_too() {
    let broker = broker(&[("a", 2)]);
    send_numbers(&broker, "a", 2, 0..100).await;
    let factory = source(&broker, &[("topic", "a"), ("source.offset", "earliest")]);
    let mut source = open(&*factory, &Positions::new()).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("partitions come first") };
    source.hold(&BTreeSet::from([0])).await.unwrap();
    let mut rows: Vec<String> = rows_until(&mut *source, &names, 50).await.into_values().flatten().collect();
    source.hold(&BTreeSet::new()).await.unwrap();
    rows.extend(rest(&mut *source).await);
    rows.sort();
    assert_eq!(rows, numbers(0..100));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_fit_a_pattern_are_read_those_too_that_come_later() {
    let broker = broker(&[("orders-a", 1), ("other", 1), ("orders-b", 2)]);
    send_numbers(&broker, "orders-b", 2, 0..10).await;
    send_numbers(&broker, "other", 1, 90..95).await;
    let columns = ["n BIGINT", "from_topic TEXT topic"];
    let options = [("topic_pattern", "orders-.*"), ("source.offset", "earliest")];
    let factory = table(&broker, "kafka", &columns, &options).source.unwrap();
    let mut source = open(&*factory, &Positions::new()).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("partitions come first") };
    assert_eq!(names, ["orders-a/0", "orders-b/0", "orders-b/1"]);
    let mut before = rows_until(&mut *source, &names, 10).await;
    assert_eq!(before.remove("orders-b/0").unwrap().len() + before.remove("orders-b/1").unwrap().len(), 10);

    broker.create_topic("orders-c", 1).unwrap();
    send_numbers(&broker, "orders-c", 1, 10..15).await;
    let SourceEvent::Partitions(names) = next(&mut *source).await else { panic!("new topics are said") };
    assert_eq!(names, ["orders-a/0", "orders-b/0", "orders-b/1", "orders-c/0"]);
    let rows = rows_until(&mut *source, &names, 5).await;
    assert_eq!(rows["orders-c/0"][0], r#"{"n":10,"from_topic":"orders-c"}"#);

    // A topic that came while nobody read is new as well, wherever others begin.
    let positions = source.positions();
    drop(source);
    broker.create_topic("orders-d", 1).unwrap();
    send_numbers(&broker, "orders-d", 1, 20..22).await;
    let latest = [options[0], ("source.offset", "latest")];
    let factory = table(&broker, "kafka", &columns, &latest).source.unwrap();
    let rows = flat(drain(&mut *open(&*factory, &positions).await).await);
    assert_eq!(rows, [r#"{"n":20,"from_topic":"orders-d"}"#, r#"{"n":21,"from_topic":"orders-d"}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_goes_on_at_any_stop_and_over_instances() {
    let broker = broker(&[("a1", 3), ("a2", 2), ("b", 1)]);
    send_numbers(&broker, "a1", 3, 0..100).await;
    send_numbers(&broker, "a2", 2, 100..200).await;
    check_contract(&*source(&broker, &[("topic_pattern", "a[0-9]"), ("source.offset", "earliest")]), 3).await;
}

/// The identity of the log is asked for before there is a topic, and so is the same in every position.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_known_before_its_topics_are_there() {
    let broker = broker(&[]);
    let factory = declare(&broker, &[("topic", "a")]).unwrap().source.unwrap();
    let mut source = open(&*factory, &Positions::new()).await;
    assert!(matches!(next(&mut *source).await, SourceEvent::Partitions(names) if names.is_empty()));
    broker.create_topic("a", 1).unwrap();
    assert!(matches!(next(&mut *source).await, SourceEvent::Partitions(names) if names == ["a/0"]));
    let log = source.positions()["a/0"]["log"].clone();
    let mut source = open(&*factory, &Positions::new()).await;
    while let SourceEvent::Partitions(names) = next(&mut *source).await {
        if !names.is_empty() {
            break;
        }
    }
    assert_eq!(source.positions()["a/0"]["log"], log);
    assert!(!log.as_str().unwrap().is_empty());
}

#[test]
fn a_pattern_cannot_be_written() {
    let broker = broker(&[]);
    let table = table(&broker, "kafka", &["n BIGINT"], &[("topic_pattern", "a.*")]);
    assert!(table.sink.is_none() && table.source.is_some());
    let error = refused(&broker, &[("topic_pattern", "a.*"), ("type", "sink")]);
    assert_eq!(error.message, "a sink writes to one topic, named by topic = '…'");
}
