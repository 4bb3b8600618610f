//! What a sink writes is there once, whatever happens between its barrier and its commit.

use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use headwater_core::{Committer, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::TableError;

use super::*;

fn schema() -> Schema {
    Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("k", DataType::Utf8, true)])
}

fn rows(range: std::ops::Range<i64>) -> RecordBatch {
    let keys = range.clone().map(|n| (n % 4 != 3).then(|| format!("key-{}", n % 4)));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from_iter_values(range.clone())), Arc::new(keys.collect::<StringArray>())];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

fn sink(broker: &EmbeddedBroker, base: &Path, options: &[(&str, &str)]) -> Arc<dyn SinkFactory> {
    let settings = ConnectorSettings {
        base_dir: base.to_owned(),
        bootstrap_servers: Some(broker.bootstrap_servers().to_owned()),
        log_id: None,
    };
    let all = [&[("topic", "out"), ("type", "sink")], options].concat();
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let declaration = TableDeclaration {
        name: "t".into(),
        connector: "kafka".into(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new(all.iter().map(text)),
    };
    let table = ConnectorSet::new(settings).table(declaration).unwrap();
    table.sink.unwrap().bind(&StreamSchema::append_only(&schema())).unwrap()
}

async fn open_sink(factory: &dyn SinkFactory, subtask: usize) -> Box<dyn Sink> {
    factory.open(SinkContext { job: "people".into(), node: 1, subtask, parallelism: 2 }).await.unwrap()
}

async fn committer(factory: &dyn SinkFactory) -> Arc<dyn Committer> {
    factory.committer("people", 1).await.unwrap().unwrap()
}

/// Everything in the topic.
async fn written(broker: &EmbeddedBroker, format: &str) -> Vec<String> {
    let options = [("topic", "out"), ("source.offset", "earliest"), ("format", format)];
    let mut source = open(&*source(broker, &options), &Positions::new()).await;
    flat(drain(&mut *source).await)
}

fn staged_files(base: &Path) -> Vec<PathBuf> {
    let folder = base.join("staging/people/1");
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    files.filter(|path| !path.ends_with("committed")).collect()
}

/// A sink of a changelog of the columns `n` and `k`, by the key `n`.
fn changelog_sink(broker: &EmbeddedBroker, base: &Path, options: &[(&str, &str)]) -> Arc<dyn SinkFactory> {
    let settings = ConnectorSettings {
        base_dir: base.to_owned(),
        bootstrap_servers: Some(broker.bootstrap_servers().to_owned()),
        log_id: None,
    };
    let all = [&[("topic", "out"), ("type", "sink")], options].concat();
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let declaration = TableDeclaration {
        name: "t".into(),
        connector: "kafka".into(),
        columns: Vec::new(),
        primary_key: vec!["n".into()],
        options: Options::new(all.iter().map(text)),
    };
    let table = ConnectorSet::new(settings).table(declaration).unwrap();
    table.sink.unwrap().bind(&StreamSchema::updating(&schema())).unwrap()
}

fn weighted(rows: &RecordBatch, weight: i64) -> RecordBatch {
    let times = arrow::array::TimestampNanosecondArray::from_value(0, rows.num_rows());
    let weights = Int64Array::from_value(weight, rows.num_rows());
    let hidden: [ArrayRef; 2] = [Arc::new(times), Arc::new(weights)];
    let columns = rows.columns().iter().cloned().chain(hidden).collect();
    RecordBatch::try_new(StreamSchema::updating(&schema()).full().clone(), columns).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_is_written_by_its_key_and_read_back() {
    for mode in ["at_least_once", "exactly_once"] {
        let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 1)]));
        let options = [("format", "debezium_json"), ("sink.commit_mode", mode)];
        let factory = changelog_sink(&broker, base.path(), &options);
        assert!(factory.wants_hidden_columns());
        let mut sink = open_sink(&*factory, 0).await;
        sink.write(weighted(&rows(0..3), 1)).await.unwrap();
        sink.write(weighted(&rows(1..2), -1)).await.unwrap();
        let staged = sink.stage(1, true).await.unwrap();
        if let Some(committer) = factory.committer("people", 1).await.unwrap() {
            committer.commit(1, &[staged.commit.unwrap()]).await.unwrap();
        }
        let options = [("topic", "out"), ("source.offset", "earliest"), ("format", "debezium_json")];
        let table = table(&broker, "kafka", &["n BIGINT", "key TEXT key"], &options).source.unwrap();
        assert!(table.updating());
        let mut source = open(&*table, &Positions::new()).await;
        let expected = [(0, "0", 1), (1, "1", -1), (1, "1", 1), (2, "2", 1)];
        let expected = expected.map(|(n, key, weight)| format!(r#"{{"n":{n},"key":"{key}","_weight":{weight}}}"#));
        assert_eq!(flat(drain(&mut *source).await), expected, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_says_what_is_gone_by_a_message_without_content() {
    for mode in ["at_least_once", "exactly_once"] {
        let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 1)]));
        let factory = changelog_sink(&broker, base.path(), &[("format", "upsert_json"), ("sink.commit_mode", mode)]);
        let mut sink = open_sink(&*factory, 0).await;
        sink.write(weighted(&rows(0..2), 1)).await.unwrap();
        sink.write(weighted(&rows(1..2), -1)).await.unwrap();
        let staged = sink.stage(1, true).await.unwrap();
        if let Some(committer) = factory.committer("people", 1).await.unwrap() {
            committer.commit(1, &[staged.commit.unwrap()]).await.unwrap();
        }
        let expected = [("0", Some(r#"{"n":0,"k":"key-0"}"#)), ("1", Some(r#"{"n":1,"k":"key-1"}"#)), ("1", None)];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(messages(&broker, "out", expected.len()).await, expected, "{mode}");
        let upserts = upsert_source(&broker, &["n"], &[]).unwrap().source.unwrap();
        assert!(upserts.updating() && upserts.upserts());
        let mut source = open(&*upserts, &Positions::new()).await;
        let expected = [
            r#"{"n":0,"k":"key-0","off":0,"_weight":1}"#,
            r#"{"n":1,"k":"key-1","off":1,"_weight":1}"#,
            r#"{"n":1,"k":null,"off":2,"_weight":-1}"#,
        ];
        assert_eq!(drain(&mut *source).await["out/0"], expected, "{mode}");
    }
}

/// A table of the upserts in `out`.
fn upsert_source(
    broker: &EmbeddedBroker,
    key: &[&str],
    options: &[(&str, &str)],
) -> Result<ConnectorTable, TableError> {
    let settings = ConnectorSettings {
        bootstrap_servers: Some(broker.bootstrap_servers().to_owned()),
        log_id: Some(broker.log_id().to_owned()),
        ..ConnectorSettings::default()
    };
    let all = [&[("topic", "out"), ("format", "upsert_json")], options].concat();
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let mut columns: Vec<_> = ["n BIGINT", "k TEXT", "off BIGINT offset"].map(column).into();
    // Not even what is never null in a row is in a tombstone.
    columns[1].nullable = false;
    let declaration = TableDeclaration {
        name: "t".into(),
        connector: "kafka".into(),
        columns,
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        options: Options::new(all.iter().map(text)),
    };
    ConnectorSet::new(settings).table(declaration)
}

#[test]
fn upserts_are_not_read_without_their_key() {
    let broker = broker(&[]);
    let refused = |key: &[&str], options: &[(&str, &str)]| upsert_source(&broker, key, options).unwrap_err();
    assert!(refused(&[], &[]).hint.unwrap().contains("PRIMARY KEY"));
    assert_eq!(refused(&["off"], &[]).column.as_deref(), Some("off"));
    assert_eq!(refused(&["n"], &[("framing", "newline")]).option.as_deref(), Some("framing"));
}

/// The first messages of a topic, as any consumer sees them.
async fn messages(broker: &EmbeddedBroker, topic: &str, count: usize) -> Vec<(String, Option<String>)> {
    use rdkafka::consumer::{Consumer, StreamConsumer};
    use rdkafka::message::Message;
    let consumer: StreamConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    let mut assignment = rdkafka::TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = Vec::new();
    while found.len() < count {
        let message = tokio::time::timeout(Duration::from_secs(60), consumer.recv()).await.unwrap().unwrap();
        found.push((text(message.key().unwrap()), message.payload().map(text)));
    }
    found
}

#[test]
fn what_cannot_take_a_changelog_says_what_can() {
    let base = tempfile::tempdir().unwrap();
    let bind = |format: &str, primary_key: &[&str]| {
        let settings = ConnectorSettings {
            base_dir: base.path().to_owned(),
            bootstrap_servers: Some("localhost:1".into()),
            log_id: None,
        };
        let options = [("topic", "out"), ("type", "sink"), ("format", format)];
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
        let declaration = TableDeclaration {
            name: "t".into(),
            connector: "kafka".into(),
            columns: Vec::new(),
            primary_key: primary_key.iter().map(|name| (*name).to_owned()).collect(),
            options: Options::new(options.iter().map(text)),
        };
        let sink = ConnectorSet::new(settings).table(declaration).unwrap().sink.unwrap();
        sink.bind(&StreamSchema::updating(&schema())).map(drop)
    };
    let error = bind("json", &[]).unwrap_err();
    assert_eq!(
        error.message,
        "the query's result is a changelog, and format 'json' of connector 'kafka' cannot take rows back"
    );
    assert!(error.hint.unwrap().starts_with("use format = 'debezium_json', or 'upsert_json' with a PRIMARY KEY"));
    assert!(bind("upsert_json", &[]).unwrap_err().hint.unwrap().contains("PRIMARY KEY"));
    bind("upsert_json", &["n"]).unwrap();
    bind("debezium_json", &[]).unwrap();
}

const EXACTLY_ONCE: (&str, &str) = ("sink.commit_mode", "exactly_once");

#[tokio::test(flavor = "multi_thread")]
async fn at_least_once_is_there_at_the_barrier() {
    let base = tempfile::tempdir().unwrap();
    for format in ["json", "arrow"] {
        let broker = broker(&[("out", 3)]);
        let factory = sink(&broker, base.path(), &[("format", format), ("sink.key_field", "k")]);
        assert!(factory.committer("people", 1).await.unwrap().is_none());
        let mut sink = open_sink(&*factory, 0).await;
        sink.write(rows(0..2500)).await.unwrap();
        sink.write(rows(2500..2501)).await.unwrap();
        sink.stage(1, false).await.unwrap();
        assert_eq!(written(&broker, format).await, numbers(0..2501), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_keys_share_a_partition() {
    let base = tempfile::tempdir().unwrap();
    let broker = broker(&[("out", 5)]);
    let mut sink = open_sink(&*sink(&broker, base.path(), &[("sink.key_field", "k")]), 0).await;
    sink.write(rows(0..40)).await.unwrap();
    sink.stage(1, true).await.unwrap();
    let options = [("topic", "out"), ("source.offset", "earliest")];
    let factory = table(&broker, "kafka", &["k TEXT", "part BIGINT partition", "key TEXT key"], &options);
    let mut source = open(&*factory.source.unwrap(), &Positions::new()).await;
    let mut rows = flat(drain(&mut *source).await);
    assert_eq!(rows.len(), 40);
    rows.retain(|row| !row.contains("null"));
    rows.dedup();
    assert_eq!(rows.len(), 3, "a key is in two partitions, or differs from its column: {rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_is_invisible_until_committed_and_then_there_once() {
    let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 2)]));
    let factory = sink(&broker, base.path(), &[EXACTLY_ONCE]);
    let (mut first, mut second) = (open_sink(&*factory, 0).await, open_sink(&*factory, 1).await);
    first.write(rows(0..50)).await.unwrap();
    first.write(rows(50..60)).await.unwrap();
    second.write(rows(60..100)).await.unwrap();
    let values =
        [first.stage(1, false).await.unwrap().commit.unwrap(), second.stage(1, false).await.unwrap().commit.unwrap()];
    assert!(first.stage(2, false).await.unwrap().commit.is_none());
    assert_eq!(written(&broker, "json").await, Vec::<String>::new());
    assert_eq!(staged_files(base.path()).len(), 2);

    committer(&*factory).await.commit(1, &values).await.unwrap();
    assert_eq!(written(&broker, "json").await, numbers(0..100));
    assert_eq!(staged_files(base.path()), Vec::<PathBuf>::new());

    // After a crash another process commits again, in any order.
    let swapped = [values[1].clone(), values[0].clone()];
    committer(&*factory).await.commit(1, &swapped).await.unwrap();
    assert_eq!(written(&broker, "json").await, numbers(0..100));
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_follow_each_other_through_one_committer() {
    let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 2)]));
    let factory = sink(&broker, base.path(), &[EXACTLY_ONCE]);
    let committer = committer(&*factory).await;
    let mut sink = open_sink(&*factory, 0).await;
    for epoch in 1..=4 {
        sink.write(rows(epoch * 10..epoch * 10 + 10)).await.unwrap();
        let value = sink.stage(epoch as u64, epoch == 4).await.unwrap().commit.unwrap();
        for _ in 0..2 {
            committer.commit(epoch as u64, std::slice::from_ref(&value)).await.unwrap();
        }
    }
    assert_eq!(written(&broker, "json").await, numbers(10..50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_manifest_leaves_nothing_and_a_new_life_is_not_taken_for_the_old() {
    let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 2)]));
    let factory = sink(&broker, base.path(), &[EXACTLY_ONCE]);
    // One life is lost while it writes, one after its barrier: no manifest names what they staged.
    let mut lost = open_sink(&*factory, 0).await;
    lost.write(rows(0..10)).await.unwrap();
    drop(lost);
    let mut lost = open_sink(&*factory, 0).await;
    lost.write(rows(0..10)).await.unwrap();
    lost.stage(1, false).await.unwrap();
    drop(lost);
    for life in 0..2 {
        let mut sink = open_sink(&*factory, 0).await;
        sink.write(rows(life * 10..life * 10 + 10)).await.unwrap();
        let value = sink.stage(1, true).await.unwrap().commit.unwrap();
        committer(&*factory).await.commit(1, &[value]).await.unwrap();
    }
    assert_eq!(written(&broker, "json").await, numbers(0..20));
    assert_eq!(staged_files(base.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_messages_that_are_lost_are_an_error() {
    let (base, broker) = (tempfile::tempdir().unwrap(), broker(&[("out", 2)]));
    let factory = sink(&broker, base.path(), &[EXACTLY_ONCE]);
    let mut sink = open_sink(&*factory, 0).await;
    sink.write(rows(0..10)).await.unwrap();
    let value = sink.stage(1, true).await.unwrap().commit.unwrap();
    staged_files(base.path()).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let error = committer(&*factory).await.commit(1, &[value]).await.unwrap_err();
    assert!(!error.retryable);
    assert_eq!(error.step, "read staged messages");
}

#[test]
fn a_key_that_is_no_column_is_found_when_planning() {
    let broker = broker(&[]);
    let options = [("topic", "out"), ("sink.key_field", "kk"), ("type", "sink")];
    let table = table(&broker, "kafka", &[], &options);
    let error = table.sink.unwrap().bind(&StreamSchema::append_only(&schema())).unwrap_err();
    assert_eq!(error.message, "there is no column 'kk'");
    assert_eq!(error.hint.as_deref(), Some("did you mean 'k'?"));
}
