//! Views as their sink and their readers see them: what is kept, when it is shown, what a restart brings back.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::sink::{Sink, SinkContext, SinkFactory};
use headwater_core::{EventTime, RestoredChunk, StateChunk, StreamSchema, Watermark};

use super::sink::ViewSinkFactory;
use super::{View, ViewEvent, ViewRegistry, ViewSettings, ViewSnapshot};

const SECOND: i64 = 1_000_000_000;

fn schema() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![Field::new("v", DataType::Int64, false)]))
}

fn view(settings: ViewSettings) -> Arc<View> {
    ViewRegistry::new().register("v", &schema(), settings)
}

fn eager() -> ViewSettings {
    ViewSettings { eager: true, ..ViewSettings::default() }
}

/// Rows whose value is their event time in seconds.
fn rows(seconds: impl IntoIterator<Item = i64>) -> RecordBatch {
    let seconds: Vec<i64> = seconds.into_iter().collect();
    let times = TimestampNanosecondArray::from_iter_values(seconds.iter().map(|second| second * SECOND));
    let values: ArrayRef = Arc::new(Int64Array::from(seconds));
    schema().batch(vec![values], Arc::new(times)).unwrap()
}

fn at(second: i64) -> Watermark {
    Watermark::at(EventTime(second * SECOND))
}

async fn open(view: &Arc<View>) -> Box<dyn Sink> {
    let context = SinkContext { job: "j".into(), node: 0, subtask: 0, parallelism: 1 };
    ViewSinkFactory { view: Arc::clone(view) }.open(context).await.unwrap()
}

fn values(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn held(view: &View) -> Vec<i64> {
    values(&view.snapshot().unwrap().rows)
}

/// What a checkpoint store would keep: rows by chunk name, only of the chunks that the last snapshot names.
#[derive(Default)]
struct Store(Vec<(String, RecordBatch)>);

impl Store {
    /// Keeps a snapshot, and tells how many chunks were new.
    fn keep(&mut self, chunks: Vec<StateChunk>) -> usize {
        let new = chunks.iter().filter(|chunk| chunk.rows.is_some()).count();
        let kept = std::mem::take(&mut self.0);
        for chunk in chunks {
            let known = || kept.iter().find(|(id, _)| *id == chunk.id).unwrap().1.clone();
            let rows = chunk.rows.map_or_else(known, |rows| rows.read().unwrap());
            assert!(self.0.iter().all(|(id, _)| *id != chunk.id), "{} twice", chunk.id);
            self.0.push((chunk.id, rows));
        }
        new
    }

    fn restored(&self) -> Vec<RestoredChunk> {
        self.0.iter().map(|(_, rows)| RestoredChunk { table: "rows".into(), rows: rows.clone() }).collect()
    }
}

#[tokio::test]
async fn rows_are_shown_when_the_watermark_has_passed_them() {
    let view = view(ViewSettings::default());
    let mut sink = open(&view).await;
    sink.write(rows([3, 1])).await.unwrap();
    sink.write(rows([7, 2])).await.unwrap();
    assert_eq!(held(&view), [] as [i64; 0]);
    sink.on_watermark(at(3)).await.unwrap();
    assert_eq!(held(&view), [1, 2]);
    sink.on_watermark(at(8)).await.unwrap();
    assert_eq!(held(&view), [1, 2, 3, 7]);
    assert_eq!(view.snapshot().unwrap().watermark, EventTime(8 * SECOND));
}

#[tokio::test]
async fn an_eager_view_shows_rows_at_once_and_any_view_at_a_barrier() {
    let eager = view(eager());
    open(&eager).await.write(rows([5])).await.unwrap();
    assert_eq!(held(&eager), [5]);

    let patient = view(ViewSettings::default());
    let mut sink = open(&patient).await;
    sink.write(rows([5])).await.unwrap();
    sink.stage(1, false).await.unwrap();
    assert_eq!(held(&patient), [5]);
}

#[tokio::test]
async fn retention_counts_back_from_the_watermark() {
    let view = view(ViewSettings { retention: Duration::from_secs(10), ..eager() });
    let mut sink = open(&view).await;
    for second in 0..40 {
        sink.write(rows([second])).await.unwrap();
    }
    // Without a watermark, from the newest row.
    assert_eq!(held(&view), (29..40).collect::<Vec<_>>());
    sink.on_watermark(at(45)).await.unwrap();
    assert_eq!(held(&view), (35..40).collect::<Vec<_>>());
    assert_eq!(view.snapshot().unwrap().retained_from, EventTime(35 * SECOND));
    // The end of the input is not a time to count back from.
    sink.on_watermark(Watermark::END).await.unwrap();
    assert_eq!(held(&view), (35..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_oldest_of_too_many_rows_go() {
    for eager in [false, true] {
        let view = view(ViewSettings { rows_max: 25, eager, ..ViewSettings::default() });
        let mut sink = open(&view).await;
        for start in (0..100).step_by(10) {
            sink.write(rows(start..start + 10)).await.unwrap();
        }
        sink.on_watermark(at(1000)).await.unwrap();
        let held = held(&view);
        assert!(held.len() >= 20 && held.len() <= 25, "{}", held.len());
        assert_eq!(held, (100 - held.len() as i64..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_restored_view_holds_what_the_checkpoint_held() {
    let written = view(eager());
    let mut sink = open(&written).await;
    let mut store = Store::default();
    let mut new_chunks = 0;
    for epoch in 1..=300 {
        sink.write(rows([epoch as i64])).await.unwrap();
        new_chunks += store.keep(sink.stage(epoch, false).await.unwrap().chunks);
        assert_eq!(values(&store.0.iter().map(|(_, rows)| rows.clone()).collect::<Vec<_>>()), held(&written));
    }
    assert_eq!(new_chunks, 300, "one new chunk an epoch");
    assert!(store.0.len() <= 10, "{} chunks for 300 rows", store.0.len());

    // Rows after the checkpoint are lost with the old view, and written again by the job.
    sink.write(rows([301])).await.unwrap();
    let mut sink = open(&written).await;
    assert_eq!(held(&written).len(), 301, "readers see the old rows until the new instance begins");
    sink.restore(store.restored()).await.unwrap();
    sink.write(rows([301, 302])).await.unwrap();
    assert_eq!(held(&written), (1..=302).collect::<Vec<_>>());
    assert!(store.keep(sink.stage(301, false).await.unwrap().chunks) > 0);
}

#[tokio::test]
async fn a_checkpoint_names_unchanged_chunks_without_their_rows() {
    let view = view(eager());
    let mut sink = open(&view).await;
    let mut store = Store::default();
    sink.write(rows(0..1000)).await.unwrap();
    assert_eq!(store.keep(sink.stage(1, false).await.unwrap().chunks), 1);
    assert_eq!(store.keep(sink.stage(2, false).await.unwrap().chunks), 0);
    sink.write(rows([1000])).await.unwrap();
    assert_eq!(store.keep(sink.stage(3, false).await.unwrap().chunks), 1);
    assert_eq!(store.0.len(), 2);
}

#[tokio::test]
async fn an_instance_without_a_checkpoint_begins_empty_and_an_old_one_writes_no_more() {
    let view = view(eager());
    let mut old = open(&view).await;
    old.write(rows([1])).await.unwrap();
    let mut new = open(&view).await;
    new.write(rows([2])).await.unwrap();
    old.write(rows([3])).await.unwrap();
    assert_eq!(held(&view), [2]);
}

#[tokio::test]
async fn a_checkpoint_of_other_columns_is_refused() {
    let view = view(eager());
    let other = StreamSchema::append_only(&Schema::new(vec![Field::new("w", DataType::Int64, false)]));
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
    let rows = other.batch(vec![Arc::new(Int64Array::from(vec![1]))], times).unwrap();
    let error = open(&view).await.restore(vec![RestoredChunk { table: "rows".into(), rows }]).await.unwrap_err();
    assert_eq!(error.to_string(), "materialized_view v: could not restore rows");
}

#[tokio::test]
async fn a_subscriber_gets_a_snapshot_then_changes_and_progress() {
    let view = view(ViewSettings::default());
    let mut sink = open(&view).await;
    sink.write(rows([1])).await.unwrap();
    sink.on_watermark(at(2)).await.unwrap();
    let mut follower = view.subscribe();
    assert_eq!(snapshot(follower.next().await.unwrap()), [1]);
    assert_eq!(watermark(follower.next().await.unwrap()), 2);
    sink.write(rows([4, 2])).await.unwrap();
    sink.on_watermark(at(3)).await.unwrap();
    let ViewEvent::Rows(changes) = follower.next().await.unwrap() else { panic!("no rows") };
    assert_eq!(values(&[changes]), [2]);
    assert_eq!(watermark(follower.next().await.unwrap()), 3);
}

#[tokio::test]
async fn a_slow_subscriber_gets_a_fresh_snapshot_and_then_misses_nothing() {
    let view = view(eager());
    let mut sink = open(&view).await;
    let mut follower = view.subscribe();
    assert_eq!(snapshot(follower.next().await.unwrap()), [] as [i64; 0]);
    for value in 0..1000 {
        sink.write(rows([value])).await.unwrap();
    }
    watermark_none(follower.next().await.unwrap());
    assert_eq!(snapshot(follower.next().await.unwrap()), (0..1000).collect::<Vec<_>>());
    watermark_none(follower.next().await.unwrap());
    sink.write(rows([1000])).await.unwrap();
    let ViewEvent::Rows(changes) = follower.next().await.unwrap() else { panic!("no rows") };
    assert_eq!(values(&[changes]), [1000]);
}

#[tokio::test]
async fn a_restore_is_a_fresh_snapshot_for_subscribers() {
    let view = view(eager());
    let mut sink = open(&view).await;
    let mut store = Store::default();
    sink.write(rows([1])).await.unwrap();
    store.keep(sink.stage(1, false).await.unwrap().chunks);
    let mut follower = view.subscribe();
    assert_eq!(snapshot(follower.next().await.unwrap()), [1]);
    watermark_none(follower.next().await.unwrap());
    sink.write(rows([2])).await.unwrap();
    open(&view).await.restore(store.restored()).await.unwrap();
    let ViewEvent::Rows(changes) = follower.next().await.unwrap() else { panic!("no rows") };
    assert_eq!(values(&[changes]), [2]);
    assert_eq!(snapshot(follower.next().await.unwrap()), [1]);
}

/// Values that come (+1) and go (−1) at the event time of one second.
fn changes(values: &[(i64, i64)]) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values.iter().map(|(value, _)| *value)));
    let times = TimestampNanosecondArray::from_value(SECOND, values.len());
    let weights = Int64Array::from_iter_values(values.iter().map(|(_, weight)| *weight));
    StreamSchema::updating(&schema().visible()).changes(vec![column], Arc::new(times), weights).unwrap()
}

#[tokio::test]
async fn a_view_of_a_changelog_holds_what_it_adds_up_to_and_survives_a_restart() {
    let schema = StreamSchema::updating(&schema().visible());
    let settings = ViewSettings { retention: Duration::ZERO, rows_max: 1, ..ViewSettings::default() };
    let view = ViewRegistry::new().register("v", &schema, settings);
    let mut sink = open(&view).await;
    let mut store = Store::default();
    sink.write(changes(&[(1, 1), (2, 1), (2, 1)])).await.unwrap();
    sink.on_watermark(at(100)).await.unwrap();
    let mut follower = view.subscribe();
    assert_eq!(snapshot(follower.next().await.unwrap()), [1, 2, 2], "nothing is let go");
    assert_eq!(watermark(follower.next().await.unwrap()), 100);
    store.keep(sink.stage(1, false).await.unwrap().chunks);
    sink.write(changes(&[(1, -1), (3, 1)])).await.unwrap();
    let ViewEvent::Removed(gone) = follower.next().await.unwrap() else { panic!("nothing went") };
    assert_eq!(values(&[gone]), [1]);
    let ViewEvent::Rows(came) = follower.next().await.unwrap() else { panic!("nothing came") };
    assert_eq!(values(&[came]), [3]);
    let mut after = held(&view);
    after.sort_unstable();
    assert_eq!(after, [2, 2, 3]);
    open(&view).await.restore(store.restored()).await.unwrap();
    assert_eq!(held(&view), [1, 2, 2]);
}

#[test]
fn planning_twice_makes_one_view() {
    let views = ViewRegistry::new();
    let first = views.register("v", &schema(), eager());
    assert!(Arc::ptr_eq(&first, &views.register("v", &schema(), eager())));
    assert!(!Arc::ptr_eq(&first, &views.register("v", &schema(), ViewSettings::default())));
    assert_eq!(views.names(), ["v"]);
}

fn snapshot(event: ViewEvent) -> Vec<i64> {
    match event {
        ViewEvent::Snapshot(ViewSnapshot { rows, .. }) => values(&rows),
        other => panic!("{other:?} is no snapshot"),
    }
}

fn watermark(event: ViewEvent) -> i64 {
    match event {
        ViewEvent::Progress { watermark, .. } => watermark.nanos() / SECOND,
        other => panic!("{other:?} is no progress"),
    }
}

fn watermark_none(event: ViewEvent) {
    assert!(matches!(event, ViewEvent::Progress { watermark: EventTime::MIN, .. }), "{event:?}");
}
