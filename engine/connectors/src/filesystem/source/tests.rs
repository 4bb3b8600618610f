//! Which files are read, when, and what of them: over real folders, with files that appear by rename.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::datatypes::DataType;
use headwater_core::{Positions, SourceEvent};
use headwater_plan::{
    ColumnDeclaration, ConnectorTable, Connectors, OptionValue, Options, TableDeclaration, TableError,
};

use super::*;
use crate::source_contract::{BAD, RowsByPartition, check_contract, context, read_some, rows_of};
use crate::{ConnectorSet, ConnectorSettings};

/// No listing takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn declare(base: &Path, options: &[(&str, OptionValue)]) -> Result<ConnectorTable, TableError> {
    let column = ColumnDeclaration { name: "n".into(), data_type: DataType::Int64, nullable: false, metadata: None };
    let all = [("path", OptionValue::Text("in".into())), ("format", OptionValue::Text("json".into()))];
    let declaration = TableDeclaration {
        name: "numbers".into(),
        connector: "filesystem".into(),
        columns: vec![column],
        primary_key: Vec::new(),
        options: Options::new(all.iter().chain(options).map(|(key, value)| ((*key).to_owned(), value.clone()))),
    };
    let settings = ConnectorSettings { base_dir: base.to_owned(), ..ConnectorSettings::default() };
    ConnectorSet::new(settings).table(declaration)
}

fn source(base: &Path, options: &[(&str, OptionValue)]) -> Arc<dyn SourceFactory> {
    declare(base, options).unwrap().source.unwrap()
}

fn watching() -> (&'static str, OptionValue) {
    ("watch", OptionValue::Interval(Duration::from_millis(5)))
}

/// Puts a file of numbers where the source finds it, whole.
fn put(base: &Path, name: &str, numbers: std::ops::Range<u32>) {
    std::fs::create_dir_all(base.join("in")).unwrap();
    let written = base.join(name);
    std::fs::write(&written, numbers.map(|n| format!("{{\"n\": {n}}}\n")).collect::<String>()).unwrap();
    std::fs::rename(written, base.join("in").join(name)).unwrap();
}

fn rows(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| format!("{{\"n\":{n}}}")).collect()
}

async fn next(source: &mut dyn Source) -> SourceEvent {
    tokio::time::timeout(PATIENCE, source.next()).await.expect("nothing comes").unwrap()
}

async fn partitions(source: &mut dyn Source) -> Vec<String> {
    match next(source).await {
        SourceEvent::Partitions(names) => names,
        other => panic!("{other:?}"),
    }
}

async fn batch(source: &mut dyn Source) -> (usize, Vec<String>) {
    match next(source).await {
        SourceEvent::Batch { partition, batch } => (partition, rows_of(&[batch])),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watched_folder_gives_new_files_and_each_once() {
    let base = tempfile::tempdir().unwrap();
    let factory = source(base.path(), &[watching()]);
    assert!(!factory.bounded());
    let mut reader = factory.open(context(0, 1, &Positions::new())).await.unwrap();
    assert_eq!(partitions(&mut *reader).await, Vec::<String>::new());
    put(base.path(), "b.json", 0..3);
    assert_eq!(partitions(&mut *reader).await, ["b.json"]);
    assert!(reader.has_more(0));
    assert_eq!(batch(&mut *reader).await, (0, rows(0..3)));
    // While no other waits, its partition stays, and may become idle.
    assert_eq!(partitions(&mut *reader).await, ["b.json"]);
    assert!(!reader.has_more(0));
    put(base.path(), "a.json", 3..5);
    assert_eq!(partitions(&mut *reader).await, ["a.json"]);
    assert_eq!(batch(&mut *reader).await, (0, rows(3..5)));
    let positions = reader.positions();
    drop(reader);

    put(base.path(), "c.json", 5..6);
    let mut reader = factory.open(context(0, 1, &positions)).await.unwrap();
    reader.drain().await.unwrap();
    let mut rest = RowsByPartition::new();
    assert!(read_some(&mut *reader, usize::MAX, &mut rest).await, "a drained one ends");
    assert_eq!(rest, RowsByPartition::from([("c.json".to_owned(), rows(5..6))]));
}

#[tokio::test]
async fn a_watched_folder_goes_on_at_any_stop_and_over_instances() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "a.json", 0..20_000);
    put(base.path(), "b.json", 20_000..30_000);
    put(base.path(), "c.json", 30_000..30_010);
    check_contract(&*source(base.path(), &[watching()]), 5).await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_forgotten() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "a.json", 0..1);
    let factory = source(base.path(), &[watching()]);
    let mut reader = factory.open(context(0, 1, &Positions::new())).await.unwrap();
    partitions(&mut *reader).await;
    batch(&mut *reader).await;
    std::fs::remove_file(base.path().join("in/a.json")).unwrap();
    put(base.path(), "b.json", 1..2);
    while partitions(&mut *reader).await != ["b.json"] {}
    assert_eq!(reader.positions().into_keys().collect::<Vec<_>>(), ["b.json"]);
}

#[tokio::test]
async fn files_that_are_ahead_wait_while_the_others_are_read() {
    let base = tempfile::tempdir().unwrap();
    // More than may be open at once, each of several batches.
    let name = |file: u32| format!("{file:02}.json");
    for file in 0..12 {
        put(base.path(), &name(file), file * 100_000..file * 100_000 + 20_000);
    }
    let mut reader = source(base.path(), &[]).open(context(0, 1, &Positions::new())).await.unwrap();
    let mut names = partitions(&mut *reader).await;
    let mut read = RowsByPartition::new();
    let mut order = Vec::new();
    while !names.is_empty() {
        // Only the one that has given the fewest rows may speak.
        let given = |name: &String| read.get(name).map_or(0, Vec::len);
        let slowest = (0..names.len()).min_by_key(|index| given(&names[*index])).unwrap();
        reader.hold(&(0..names.len()).filter(|index| *index != slowest).collect()).await.unwrap();
        match next(&mut *reader).await {
            SourceEvent::Partitions(left) => names = left,
            SourceEvent::End => names.clear(),
            SourceEvent::Batch { partition, batch } => {
                assert_eq!(partition, slowest);
                order.push(names[partition].clone());
                read.entry(names[partition].clone()).or_default().extend(rows_of(&[batch]));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order[..13], [(0..12).map(name).collect::<Vec<_>>(), vec![name(0)]].concat());
    let expected = (0..12).map(|file| (name(file), rows(file * 100_000..file * 100_000 + 20_000)));
    assert_eq!(read, expected.collect());
}

#[tokio::test]
async fn who_is_held_waits_until_it_is_let_go_of() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "a.json", 0..1);
    let mut reader = source(base.path(), &[]).open(context(0, 1, &Positions::new())).await.unwrap();
    partitions(&mut *reader).await;
    reader.hold(&BTreeSet::from([0])).await.unwrap();
    assert!(futures::poll!(reader.next()).is_pending());
    reader.hold(&BTreeSet::new()).await.unwrap();
    assert_eq!(batch(&mut *reader).await, (0, rows(0..1)));
}

#[tokio::test]
async fn bad_lines_are_given_out_with_their_place_at_any_stop() {
    let base = tempfile::tempdir().unwrap();
    for (format, good, bad) in [("json", "{\"n\": 1}\n", "{\"n\": x}\n"), ("csv", "1\n", "x\n")] {
        let folder = base.path().join(format).join("in");
        std::fs::create_dir_all(&folder).unwrap();
        let header = if format == "csv" { "n\n" } else { "" };
        let content = format!("{header}{}{bad}{}{bad}", good.repeat(10_000), good.repeat(5));
        std::fs::write(folder.join(format!("a.{format}")), content).unwrap();
        let text = |text: &str| OptionValue::Text(text.to_owned());
        let options = [("bad_data", text("dead_letter")), ("format", text(format))];
        let factory = source(&base.path().join(format), &options);
        assert!(factory.gives_bad_records());
        check_contract(&*factory, 2).await;
        let mut rows = RowsByPartition::new();
        read_some(&mut *factory.open(context(0, 1, &Positions::new())).await.unwrap(), usize::MAX, &mut rows).await;
        let first = 10_001 + usize::from(format == "csv");
        let path = folder.join(format!("a.{format}")).display().to_string();
        for (letter, line) in rows[BAD].iter().zip([first, first + 6]) {
            let place = format!("{{\"topic\":\"{path}\",\"partition\":null,\"offset\":{line},\"reason\":\"");
            assert!(letter.starts_with(&place), "{letter}, not {place}");
        }
        assert_eq!((rows[BAD].len(), rows[&format!("a.{format}")].len()), (2, 10_005));
    }
}

#[test]
fn files_that_are_no_lines_have_no_bad_records() {
    let text = |text: &str| OptionValue::Text(text.to_owned());
    let options = [("bad_data", text("dead_letter")), ("format", text("parquet"))];
    assert!(!source(Path::new("/tmp"), &options).gives_bad_records());
}

#[test]
fn how_often_a_folder_is_listed_is_said_in_one_of_two_ways() {
    let watched = |value| declare(Path::new("/tmp"), &[("watch", value)]).map(|table| table.idle_after);
    assert_eq!(watched(OptionValue::Boolean(true)).unwrap(), None, "it may be idle");
    assert_eq!(watched(OptionValue::Interval(Duration::from_secs(1))).unwrap(), None);
    assert!(watched(OptionValue::Boolean(false)).unwrap().is_some());
    for wrong in [OptionValue::Interval(Duration::ZERO), OptionValue::Number("5".into())] {
        assert_eq!(watched(wrong).unwrap_err().option.as_deref(), Some("watch"));
    }
}
