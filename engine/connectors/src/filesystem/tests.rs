//! Both sides on real folders: what a crash between any two steps leaves is mended, DataFusion reads the files, and the
//! source goes on at any stop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampNanosecondType};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headwater_core::operator::RestoredChunk;
use headwater_core::sink::Staged;
use headwater_core::{Committer, Positions, Sink, SinkContext, SinkFactory, SourceEvent, SourceFactory, StreamSchema};
use headwater_plan::{ColumnDeclaration, Connectors, OptionValue, Options, SinkSpec};

use super::*;
use crate::source_contract::{check_contract, context, read_all, rows_of};
use crate::{ConnectorSet, ConnectorSettings};

/// A table in a temporary directory, with a clock that the test turns.
struct Fixture {
    base: tempfile::TempDir,
    now: Arc<Mutex<Instant>>,
    options: Vec<(&'static str, OptionValue)>,
}

fn text(value: &str) -> OptionValue {
    OptionValue::Text(value.to_owned())
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("camera", DataType::Utf8, true),
        Field::new("hour", DataType::Int64, true),
        Field::new("n", DataType::Int64, false),
        Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
    ])
}

/// Rows `first..first + count`; a row is known by its `n`.
fn rows(first: i64, count: i64) -> RecordBatch {
    let numbers = first..first + count;
    let camera = numbers.clone().map(|n| (n % 5 != 4).then(|| ["north", "south/gate"][(n % 2) as usize]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(camera.collect::<StringArray>()),
        Arc::new(numbers.clone().map(|n| Some(n % 3)).collect::<Int64Array>()),
        Arc::new(Int64Array::from_iter_values(numbers.clone())),
        Arc::new(TimestampNanosecondArray::from_iter_values(numbers.map(|n| n * 1_500_000_000))),
    ];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

impl Fixture {
    fn new(options: &[(&'static str, OptionValue)]) -> Self {
        let base = tempfile::tempdir().unwrap();
        Fixture { base, now: Arc::new(Mutex::new(Instant::now())), options: options.to_vec() }
    }

    fn settings(&self) -> ConnectorSettings {
        ConnectorSettings { base_dir: self.base.path().to_owned(), ..ConnectorSettings::default() }
    }

    fn options(&self) -> Options {
        let named = self.options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        Options::new(named)
    }

    fn sink(&self) -> Arc<dyn SinkFactory> {
        let options = self.options();
        let now = Arc::clone(&self.now);
        let sink = FolderSink {
            folders: Folders::of(&self.settings(), "out").unwrap(),
            format: FileFormat::of(&options).unwrap(),
            primary_key: Vec::new(),
            options: SinkOptions::of(&options).unwrap(),
            clock: Arc::new(move || *now.lock().unwrap()),
        };
        sink.bind(&StreamSchema::append_only(&schema())).unwrap()
    }

    async fn open(&self) -> Box<dyn Sink> {
        self.sink().open(SinkContext { job: "people".into(), node: 2, subtask: 0, parallelism: 1 }).await.unwrap()
    }

    async fn committer(&self) -> Arc<dyn Committer> {
        self.sink().committer("people", 2).await.unwrap().unwrap()
    }

    fn turn_clock(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.base.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// The numbers in the table, as DataFusion reads its files.
    async fn numbers(&self) -> Vec<i64> {
        let context = SessionContext::new();
        let columns = vec![("camera".to_owned(), DataType::Utf8), ("hour".to_owned(), DataType::Int64)];
        let options = ParquetReadOptions::default().table_partition_cols(columns);
        let path = self.base.path().join("out").display().to_string();
        let table = context.read_parquet(path, options).await.unwrap();
        let batches =
            table.sort(vec![datafusion::prelude::col("n").sort(true, true)]).unwrap().collect().await.unwrap();
        let numbers = batches.iter().flat_map(|batch| {
            let column = batch.column_by_name("n").unwrap();
            column.as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
        });
        numbers.collect()
    }
}

/// What a runtime keeps of checkpoints: chunks by id, and the last complete manifest.
#[derive(Default)]
struct Manifest {
    chunks: BTreeMap<String, RestoredChunk>,
    named: Vec<String>,
    commit: Vec<serde_json::Value>,
}

impl Manifest {
    fn complete(&mut self, staged: Staged) {
        self.named = staged.chunks.iter().map(|chunk| chunk.id.clone()).collect();
        for chunk in staged.chunks {
            if let Some(rows) = chunk.rows.map(|rows| rows.read().unwrap()) {
                let known = self.chunks.insert(chunk.id, RestoredChunk { table: chunk.table, rows });
                assert!(known.is_none(), "a chunk's name was used twice");
            }
        }
        self.commit = staged.commit.into_iter().collect();
    }

    fn chunks(&self) -> Vec<RestoredChunk> {
        self.named.iter().map(|id| self.chunks[id].clone()).collect()
    }
}

fn partitioned() -> Vec<(&'static str, OptionValue)> {
    vec![("partition_fields", OptionValue::List(vec!["camera".into(), "hour".into()]))]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    AfterWrite,
    AfterStage,
    BeforeCommit,
    InCommit(usize),
    AfterCommit,
}

/// One epoch of rows, with a crash somewhere in it, and what recovery does about it.
async fn epoch(fixture: &Fixture, manifest: &mut Manifest, epoch: u64, rows: &RecordBatch, crash: Option<Crash>) {
    let mut sink = fixture.open().await;
    if epoch > 1 {
        sink.restore(manifest.chunks()).await.unwrap();
    }
    sink.write(rows.clone()).await.unwrap();
    if crash == Some(Crash::AfterWrite) {
        return Box::pin(self::epoch(fixture, manifest, epoch, rows, None)).await;
    }
    // Files stay open over the first barrier, are full by age at the second, and end with the job at the third.
    fixture.turn_clock(Duration::from_secs(35 * epoch));
    let staged = sink.stage(epoch, epoch == 3).await.unwrap();
    drop(sink);
    if crash == Some(Crash::AfterStage) {
        // The manifest was not written: the epoch never was, and its rows come again.
        return Box::pin(self::epoch(fixture, manifest, epoch, rows, None)).await;
    }
    manifest.complete(staged);
    match crash {
        Some(Crash::InCommit(files)) => {
            for value in &manifest.commit {
                for file in value.as_array().unwrap().iter().take(files) {
                    let target = fixture.base.path().join("out").join(file["visible"].as_str().unwrap());
                    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                    let from = fixture.base.path().join("staging").join(file["staged"].as_str().unwrap());
                    std::fs::rename(from, target).unwrap();
                }
            }
        }
        Some(Crash::AfterCommit) => fixture.committer().await.commit(epoch, &manifest.commit).await.unwrap(),
        _ => {}
    }
    fixture.committer().await.commit(epoch, &manifest.commit).await.unwrap();
}

#[tokio::test]
async fn a_crash_between_any_two_steps_loses_and_repeats_nothing() {
    let crashes = [
        None,
        Some(Crash::AfterWrite),
        Some(Crash::AfterStage),
        Some(Crash::BeforeCommit),
        Some(Crash::InCommit(1)),
        Some(Crash::InCommit(3)),
        Some(Crash::AfterCommit),
    ];
    for at in 1..=3 {
        for crash in crashes {
            let fixture = Fixture::new(&partitioned());
            let mut manifest = Manifest::default();
            for number in 1..=3 {
                let crash = crash.filter(|_| number == at);
                epoch(&fixture, &mut manifest, number, &rows(number as i64 * 100, 30), crash).await;
            }
            let expected: Vec<i64> = [100, 200, 300].into_iter().flat_map(|first| first..first + 30).collect();
            assert_eq!(fixture.numbers().await, expected, "crash {crash:?} in epoch {at}");
            assert_eq!(fixture.files("staging"), Vec::<PathBuf>::new(), "left behind by {crash:?} in epoch {at}");
        }
    }
}

#[tokio::test]
async fn nothing_is_visible_before_its_commit() {
    let fixture = Fixture::new(&partitioned());
    let mut sink = fixture.open().await;
    sink.write(rows(0, 10)).await.unwrap();
    let early = sink.stage(1, false).await.unwrap();
    assert!(early.commit.is_none());
    assert!(!early.chunks.is_empty());
    let staged = sink.stage(2, true).await.unwrap();
    assert!(staged.chunks.is_empty());
    assert_eq!(fixture.files("out"), Vec::<PathBuf>::new());
    let values: Vec<_> = staged.commit.into_iter().collect();
    fixture.committer().await.commit(2, &values).await.unwrap();
    assert_eq!(fixture.numbers().await, (0..10).collect::<Vec<_>>());
    let shown = fixture.files("out").iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    assert!(shown.iter().any(|path| path.contains("/camera=south%2Fgate/hour=1/part-")), "{shown:?}");
    assert!(shown.iter().any(|path| path.contains("/camera=__HIVE_DEFAULT_PARTITION__/hour=1/part-")), "{shown:?}");
}

#[tokio::test]
async fn a_staged_file_that_is_lost_is_an_error() {
    let fixture = Fixture::new(&[]);
    let mut sink = fixture.open().await;
    sink.write(rows(0, 10)).await.unwrap();
    let staged = sink.stage(1, true).await.unwrap();
    for path in fixture.files("staging") {
        std::fs::remove_file(path).unwrap();
    }
    let values: Vec<_> = staged.commit.into_iter().collect();
    let error = fixture.committer().await.commit(1, &values).await.unwrap_err();
    assert!(!error.retryable);
    assert!(error.to_string().contains("could not find it, staged or visible"), "{error}");
}

#[tokio::test]
async fn what_was_read_is_what_was_written_types_and_all() {
    for format in ["parquet", "json"] {
        let mut options = partitioned();
        options.push(("format", text(format)));
        let fixture = Fixture::new(&options);
        let mut sink = fixture.open().await;
        sink.write(rows(0, 20)).await.unwrap();
        let staged = sink.stage(1, true).await.unwrap();
        let values: Vec<_> = staged.commit.into_iter().collect();
        fixture.committer().await.commit(1, &values).await.unwrap();
        let source = source(&fixture);
        assert_eq!(source.schema(), Arc::new(schema()));
        let mut read = rows_of(&read_all(&*source).await);
        read.sort();
        let mut written = rows_of(&[rows(0, 20)]);
        written.sort();
        assert_eq!(read, written, "{format}");
    }
}

fn source(fixture: &Fixture) -> Arc<dyn SourceFactory> {
    let declaration = TableDeclaration {
        name: "people".into(),
        connector: "filesystem".into(),
        columns: schema()
            .fields()
            .iter()
            .map(|field| ColumnDeclaration {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                nullable: field.is_nullable(),
                metadata: None,
            })
            .collect(),
        primary_key: Vec::new(),
        options: Options::new(
            fixture
                .options
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .chain([("path".to_owned(), text("out"))]),
        ),
    };
    ConnectorSet::new(fixture.settings()).table(declaration).unwrap().source.unwrap()
}

#[tokio::test]
async fn the_source_goes_on_at_any_stop() {
    for format in ["parquet", "json", "csv", "arrow"] {
        let fixture = Fixture::new(&[("format", text(format)), ("rolling.file_size", text("200000"))]);
        let mut sink = fixture.open().await;
        for part in 0..5 {
            sink.write(rows(part * 10_000, 10_000)).await.unwrap();
        }
        let staged = sink.stage(1, true).await.unwrap();
        let values: Vec<_> = staged.commit.into_iter().collect();
        fixture.committer().await.commit(1, &values).await.unwrap();
        assert!(fixture.files("out").len() > 2);
        check_contract(&*source(&fixture), 4).await;
    }
}

#[tokio::test]
async fn columns_that_nobody_looks_at_are_not_read() {
    let fixture = Fixture::new(&[("format", text("parquet"))]);
    let mut sink = fixture.open().await;
    sink.write(rows(1, 9_000)).await.unwrap();
    let staged = sink.stage(1, true).await.unwrap();
    fixture.committer().await.commit(1, &staged.commit.into_iter().collect::<Vec<_>>()).await.unwrap();
    let whole = source(&fixture);
    let some = whole.reading(&[false, true, true, false]).unwrap();
    assert_eq!(some.fingerprint(), whole.fingerprint());
    let mut reader = some.open(context(0, 1, &Positions::new())).await.unwrap();
    let mut next = 1;
    while next <= 9_000 {
        let SourceEvent::Batch { batch, .. } = reader.next().await.unwrap() else { continue };
        let given = rows(next, batch.num_rows() as i64);
        assert_eq!(
            (batch.schema(), batch.column(1), batch.column(2)),
            (given.schema(), given.column(1), given.column(2))
        );
        assert_eq!((batch.column(0).null_count(), batch.column(3).null_count()), (batch.num_rows(), 0));
        assert!(batch.column(3).as_primitive::<TimestampNanosecondType>().values().iter().all(|time| *time == 0));
        next += batch.num_rows() as i64;
    }
    assert!(source(&Fixture::new(&[("format", text("json"))])).reading(&[true, true, true, false]).is_none());
}

#[tokio::test]
async fn a_changelog_goes_into_files_and_comes_out_of_them() {
    let fixture = Fixture::new(&[("format", text("debezium_json"))]);
    let stream = StreamSchema::updating(&schema());
    let sink = FolderSink {
        folders: Folders::of(&fixture.settings(), "out").unwrap(),
        format: FileFormat::of(&fixture.options()).unwrap(),
        primary_key: vec!["n".into()],
        options: SinkOptions::of(&fixture.options()).unwrap(),
        clock: Arc::new(Instant::now),
    };
    let factory = sink.bind(&stream).unwrap();
    assert!(factory.wants_hidden_columns());
    let context = SinkContext { job: "people".into(), node: 2, subtask: 0, parallelism: 1 };
    let mut writer = factory.open(context).await.unwrap();
    let visible = rows(0, 10);
    // The first rows are taken back in a batch of their own.
    for (count, weight) in [(10, 1), (4, -1)] {
        let part = visible.slice(0, count);
        let times = Arc::clone(part.column(3));
        let weights = Arc::new(arrow::array::Int64Array::from_value(weight, count));
        let columns = part.columns().iter().cloned().chain([times, weights as _]).collect();
        writer.write(RecordBatch::try_new(stream.full().clone(), columns).unwrap()).await.unwrap();
    }
    let staged = writer.stage(1, true).await.unwrap();
    fixture.committer().await.commit(1, &[staged.commit.unwrap()]).await.unwrap();

    let source = source(&fixture);
    assert!(source.updating());
    check_contract(&*source, 1).await;
    let read =
        arrow::compute::concat_batches(&read_all(&*source).await[0].schema(), &read_all(&*source).await).unwrap();
    assert_eq!(read.slice(0, 10).project(&[0, 1, 2, 3]).unwrap(), visible);
    assert_eq!(read.slice(10, 4).project(&[0, 1, 2, 3]).unwrap(), visible.slice(0, 4));
    let weights: Vec<i64> = headwater_core::schema::weights(&read).unwrap().values().to_vec();
    assert_eq!(weights, [[1; 10].as_slice(), &[-1; 4]].concat());

    let refused = |options: &[(&str, OptionValue)]| {
        let options = Options::new(options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let format = FileFormat::of(&options).unwrap();
        let options = SinkOptions::of(&options).unwrap();
        FolderSink { format, options, ..sink.clone() }.bind(&stream).unwrap_err()
    };
    let error = refused(&[("format", text("parquet"))]);
    assert!(error.hint.unwrap().starts_with("use format = 'debezium_json'"), "{}", error.message);
    let error = refused(&[("format", text("debezium_json")), ("partition_fields", text("camera"))]);
    assert_eq!(error.option.as_deref(), Some("partition_fields"));
}

#[tokio::test]
async fn an_empty_folder_and_hidden_files_are_no_rows() {
    let fixture = Fixture::new(&[]);
    assert!(read_all(&*source(&fixture)).await.is_empty());
    let folder = fixture.base.path().join("out/_temporary");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("broken.parquet"), "no parquet").unwrap();
    std::fs::write(fixture.base.path().join("out/notes.txt"), "no parquet").unwrap();
    assert!(read_all(&*source(&fixture)).await.is_empty());
}

#[tokio::test]
async fn a_time_pattern_makes_folders() {
    let fixture = Fixture::new(&[("time_pattern", text("date=%Y-%m-%d/minute=%-M"))]);
    let stream = StreamSchema::append_only(&schema());
    let visible = rows(0, 100);
    let times = Arc::clone(visible.column(3));
    let batch = stream.batch(visible.columns().to_vec(), times).unwrap();
    assert!(fixture.sink().wants_hidden_columns());
    let mut sink = fixture.open().await;
    sink.write(batch).await.unwrap();
    let staged = sink.stage(1, true).await.unwrap();
    let values: Vec<_> = staged.commit.into_iter().collect();
    fixture.committer().await.commit(1, &values).await.unwrap();
    let folders: Vec<_> = fixture.files("out").iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
    let expected: Vec<_> =
        (0..3).map(|minute| fixture.base.path().join(format!("out/date=1970-01-01/minute={minute}"))).collect();
    assert_eq!(folders, expected);
    // The hidden column is not in the files.
    let context = SessionContext::new();
    let path = fixture.base.path().join("out").display().to_string();
    let table = context.read_parquet(path, ParquetReadOptions::default()).await.unwrap();
    assert!(table.schema().fields().iter().all(|field| !field.name().starts_with('_')));
    assert_eq!(table.count().await.unwrap(), 100);
}

#[test]
fn what_cannot_work_is_said_before_anything_runs() {
    let fixture = Fixture::new(&[]);
    let declare = |options: &[(&str, OptionValue)]| {
        let declaration = TableDeclaration {
            name: "t".into(),
            connector: "filesystem".into(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            options: Options::new(options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()))),
        };
        let table = ConnectorSet::new(fixture.settings()).table(declaration)?;
        table.sink.unwrap().bind(&StreamSchema::append_only(&schema())).map(drop)
    };
    let path = ("path", text("out"));
    assert_eq!(declare(&[]).unwrap_err().message, "option 'path' is missing");
    let error = declare(&[path.clone(), ("partition_fields", text("camra"))]).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean 'camera'?"));
    let error = declare(&[path.clone(), ("partition_fields", text("camera,hour,n,ts"))]).unwrap_err();
    assert_eq!(error.message, "no column is left for the files");
    let error = declare(&[path.clone(), ("time_pattern", text("%Q"))]).unwrap_err();
    assert_eq!(error.option.as_deref(), Some("time_pattern"));
    assert_eq!(declare(&[("path", text("."))]).unwrap_err().option.as_deref(), Some("path"));
    assert_eq!(declare(&[("path", text("staging/x"))]).unwrap_err().option.as_deref(), Some("path"));
    declare(&[path]).unwrap();
}
