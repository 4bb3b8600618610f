//! Both sides on real files in a temporary directory.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::operator::RestoredChunk;
use headwater_core::sink::Staged;
use headwater_core::{Positions, Sink, SinkContext, SourceFactory, StreamSchema};
use headwater_plan::SinkSpec;

use super::*;
use crate::formats::json::JsonOptions;
use crate::source_contract::{check_contract, context, read_all, rows_of};

fn source(path: &Path, bad_data: BadData) -> FileSource {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    FileSource {
        table: "numbers".into(),
        path: path.to_owned(),
        schema: Arc::new(schema),
        format: RecordFormat::Json(JsonOptions::default()),
        bad_data,
    }
}

fn numbers(values: &[i64]) -> RecordBatch {
    let column: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(values.to_vec()));
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

#[tokio::test]
async fn a_long_file_goes_on_at_any_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.json");
    // A long text a line makes several batches of few rows.
    let line = |n: usize| format!("{{\"n\": {n}, \"padding\": \"{}\"}}\n", "x".repeat(50_000));
    std::fs::write(&path, (0..100).map(line).collect::<String>()).unwrap();
    check_contract(&source(&path, BadData::Fail), 3).await;
}

#[tokio::test]
async fn the_last_line_may_lack_its_end_and_empty_ones_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.json");
    std::fs::write(&path, "{\"n\": 1}\r\n\n{\"n\": 2}").unwrap();
    assert_eq!(rows_of(&read_all(&source(&path, BadData::Fail)).await), ["{\"n\":1}", "{\"n\":2}"]);
}

#[tokio::test]
async fn a_bad_line_is_named_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.json");
    std::fs::write(&path, "{\"n\": 1}\n\n{\"m\": 2}\n{\"n\": 3}\n").unwrap();
    let mut failing = source(&path, BadData::Fail).open(context(0, 1, &Positions::new())).await.unwrap();
    failing.next().await.unwrap();
    let error = failing.next().await.unwrap_err();
    assert!(!error.retryable);
    assert!(error.thing.ends_with("in.json:3"), "{}", error.thing);
    assert_eq!(error.step, "read a record of table numbers");
    assert!(error.source.to_string().starts_with("column n is missing"), "{}", error.source);

    let mut dropping = source(&path, BadData::Drop).open(context(0, 1, &Positions::new())).await.unwrap();
    let mut rows = Default::default();
    crate::source_contract::read_some(&mut *dropping, usize::MAX, &mut rows).await;
    assert_eq!(rows.into_values().next().unwrap(), ["{\"n\":1}", "{\"n\":3}"]);
    assert_eq!(dropping.bad_records(), 1);
}

#[tokio::test]
async fn bad_lines_are_given_out_with_their_place_at_any_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.json");
    let line = |n: usize| match n % 10 {
        3 => format!("{{\"m\": {n}, \"padding\": \"{}\"}}\n", "x".repeat(50_000)),
        _ => format!("{{\"n\": {n}, \"padding\": \"{}\"}}\n", "x".repeat(50_000)),
    };
    std::fs::write(&path, (0..100).map(line).collect::<String>()).unwrap();
    let factory = source(&path, BadData::DeadLetter);
    assert!(factory.gives_bad_records());
    check_contract(&factory, 3).await;

    std::fs::write(&path, "{\"n\": 1}\n\n[]\n").unwrap();
    let mut reader = factory.open(context(0, 1, &Positions::new())).await.unwrap();
    let mut rows = Default::default();
    crate::source_contract::read_some(&mut *reader, usize::MAX, &mut rows).await;
    let letters = rows.remove(crate::source_contract::BAD).unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let place = format!("{{\"topic\":\"{}\",\"partition\":null,\"offset\":3,\"reason\":\"", path.display());
    assert!(letter.starts_with(&place) && letter.ends_with("\"bytes\":\"5b5d\"}"), "{letter}");
    assert_eq!(rows.into_values().next().unwrap(), ["{\"n\":1}"]);
    assert_eq!(reader.bad_records(), 1);
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let missing = source(Path::new("/nowhere/in.json"), BadData::Fail);
    let Err(error) = missing.open(context(0, 1, &Positions::new())).await else { panic!("it opened") };
    assert_eq!(error.to_string(), "single_file /nowhere/in.json: could not open it");
}

async fn open_sink(path: &Path) -> Box<dyn Sink> {
    let format = RecordFormat::Json(JsonOptions::default());
    let schema = StreamSchema::append_only(&Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let factory = FileSink { path: path.to_owned(), format, primary_key: Vec::new() }.bind(&schema).unwrap();
    factory.open(SinkContext { job: "j".into(), node: 0, subtask: 0, parallelism: 1 }).await.unwrap()
}

fn restored(staged: &Staged) -> Vec<RestoredChunk> {
    let chunk = |chunk: &headwater_core::StateChunk| RestoredChunk {
        table: chunk.table.clone(),
        rows: chunk.rows.as_ref().expect("the first snapshot hands its rows over").read().unwrap(),
    };
    staged.chunks.iter().map(chunk).collect()
}

#[tokio::test]
async fn a_restored_sink_cuts_back_what_came_after_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/out.json");
    let mut sink = open_sink(&path).await;
    sink.write(numbers(&[1, 2])).await.unwrap();
    let staged = sink.stage(1, false).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":1}\n{\"n\":2}\n");
    sink.write(numbers(&[3])).await.unwrap();
    drop(sink);

    let mut sink = open_sink(&path).await;
    sink.restore(restored(&staged)).await.unwrap();
    sink.write(numbers(&[3, 4])).await.unwrap();
    sink.stage(2, true).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n");
}

#[tokio::test]
async fn an_unchanged_length_is_named_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = open_sink(&folder.path().join("out.json")).await;
    let first = sink.stage(1, false).await.unwrap();
    let second = sink.stage(2, false).await.unwrap();
    assert_eq!(first.chunks[0].id, second.chunks[0].id);
    assert!(second.chunks[0].rows.is_none());
    sink.write(numbers(&[1])).await.unwrap();
    let third = sink.stage(3, false).await.unwrap();
    assert_ne!(first.chunks[0].id, third.chunks[0].id);
    assert!(third.chunks[0].rows.is_some());
}

#[tokio::test]
async fn a_fresh_sink_empties_the_file_and_a_lost_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    std::fs::write(&path, "old\n").unwrap();
    let mut sink = open_sink(&path).await;
    sink.write(numbers(&[1])).await.unwrap();
    let staged = sink.stage(1, false).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":1}\n");
    std::fs::write(&path, "").unwrap();
    let error = open_sink(&path).await.restore(restored(&staged)).await.unwrap_err();
    assert_eq!(error.source.to_string(), "it has 0 bytes and the checkpoint knows of 8");
}

fn csv(header: bool) -> RecordFormat {
    RecordFormat::Csv(crate::formats::csv::CsvOptions { header })
}

#[tokio::test]
async fn csv_is_written_with_a_header_and_read_by_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let schema = StreamSchema::append_only(&Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let sink = FileSink { path: path.clone(), format: csv(true), primary_key: Vec::new() }.bind(&schema).unwrap();
    let mut writer = sink.open(SinkContext { job: "j".into(), node: 0, subtask: 0, parallelism: 1 }).await.unwrap();
    writer.write(numbers(&[1, 2])).await.unwrap();
    writer.write(numbers(&[3])).await.unwrap();
    writer.stage(1, true).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "n\n1\n2\n3\n");

    let line = |n: usize| format!("{},{n}\n", "x".repeat(50_000));
    std::fs::write(&path, format!("padding,n\n{}", (0..100).map(line).collect::<String>())).unwrap();
    let reading = FileSource { format: csv(true), ..source(&path, BadData::Fail) };
    check_contract(&reading, 3).await;
    assert_eq!(rows_of(&read_all(&reading).await)[99], "{\"n\":99}");

    std::fs::write(&path, "n\n1\nx\n").unwrap();
    let error = FileSource { format: csv(true), ..source(&path, BadData::Fail) };
    let mut failing = error.open(context(0, 1, &Positions::new())).await.unwrap();
    failing.next().await.unwrap();
    assert!(failing.next().await.unwrap_err().thing.ends_with("out.csv:3"));
}

#[tokio::test]
async fn texts_go_in_and_out_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.txt");
    let schema = Schema::new(vec![Field::new("value", DataType::Utf8, true)]);
    let stream = StreamSchema::append_only(&schema);
    let sink = FileSink { path: path.clone(), format: RecordFormat::Raw, primary_key: Vec::new() };
    let sink = sink.bind(&stream).unwrap();
    let mut writer = sink.open(SinkContext { job: "j".into(), node: 0, subtask: 0, parallelism: 1 }).await.unwrap();
    let texts = |texts: Vec<&str>| {
        let column: arrow::array::ArrayRef = Arc::new(arrow::array::StringArray::from(texts));
        RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap()
    };
    let rows = texts(vec!["  a \"b\"", "{c"]);
    writer.write(rows.clone()).await.unwrap();
    writer.stage(1, true).await.unwrap();
    let reading =
        FileSource { schema: Arc::new(schema.clone()), format: RecordFormat::Raw, ..source(&path, BadData::Fail) };
    assert_eq!(read_all(&reading).await, [rows]);
    assert!(writer.write(texts(vec!["two\nlines"])).await.is_err());
}
