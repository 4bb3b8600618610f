//! What becomes of a connector's rows: columns, event times of any unit, and the watermark that they allow.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, TimestampMillisecondArray, TimestampSecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use headwater_core::schema::{event_times, weights};
use headwater_core::source::{Source, SourceContext, SourceFactory};
use headwater_core::{ConnectorError, EventTime, StreamSchema};
use headwater_plan::SourceNode;
use headwater_runtime::operators::SourceColumns;

#[derive(Debug)]
struct NoFactory {
    upserts: bool,
}

#[async_trait]
impl SourceFactory for NoFactory {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }
    fn upserts(&self) -> bool {
        self.upserts
    }
    fn bounded(&self) -> bool {
        true
    }
    fn fingerprint(&self) -> String {
        String::new()
    }
    async fn open(&self, _: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        Err(ConnectorError::fatal("none", "none", "open", "there is nothing to open"))
    }
}

fn source(unit: TimeUnit, with_time: bool) -> SourceColumns {
    source_of(StreamSchema::append_only(&visible(unit)), with_time, false)
}

fn visible(unit: TimeUnit) -> Schema {
    let time = DataType::Timestamp(unit, None);
    Schema::new(vec![Field::new("v", DataType::Int64, true), Field::new("ts", time, true)])
}

fn source_of(schema: StreamSchema, with_time: bool, upserts: bool) -> SourceColumns {
    let column = |name, index| Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>;
    let lag = Literal::new(ScalarValue::new_interval_dt(0, 1000));
    let watermark = Arc::new(BinaryExpr::new(column("ts", 1), Op::Minus, Arc::new(lag))) as Arc<dyn PhysicalExpr>;
    let node = SourceNode {
        table: "t".into(),
        factory: Arc::new(NoFactory { upserts }),
        columns: vec![column("v", 1), column("ts", 0)],
        event_time: with_time.then(|| column("ts", 1)),
        watermark: with_time.then_some(watermark),
        idle_after: None,
        max_drift: None,
        lateness: std::time::Duration::ZERO,
        unread: Vec::new(),
        watermark_step: std::time::Duration::ZERO,
    };
    SourceColumns::new(&node, schema)
}

fn batch(times: ArrayRef) -> RecordBatch {
    let schema =
        Schema::new(vec![Field::new("ts", times.data_type().clone(), true), Field::new("v", DataType::Int64, true)]);
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..times.len() as i64));
    RecordBatch::try_new(Arc::new(schema), vec![times, numbers]).unwrap()
}

#[test]
fn milliseconds_become_event_times_and_the_watermark_follows_with_its_lag() {
    let times = Arc::new(TimestampMillisecondArray::from(vec![Some(5_000), None, Some(9_000), Some(2_000)]));
    let rows = source(TimeUnit::Millisecond, true).apply(&batch(times)).unwrap();
    assert_eq!(rows.dropped_rows, 1);
    assert_eq!(rows.watermark, Some(EventTime::from_millis(8_000)));
    assert_eq!(event_times(&rows.batch).unwrap().values(), &[5_000_000_000, 9_000_000_000, 2_000_000_000]);
    assert_eq!(rows.batch.column(0).as_ref(), &Int64Array::from(vec![0, 2, 3]) as &dyn Array);
}

#[test]
fn a_time_beyond_nanoseconds_is_dropped_like_a_missing_one() {
    let times = Arc::new(TimestampSecondArray::from(vec![Some(i64::MAX / 2), Some(7)]));
    let rows = source(TimeUnit::Second, true).apply(&batch(times)).unwrap();
    assert_eq!((rows.dropped_rows, rows.batch.num_rows()), (1, 1));
    assert_eq!(rows.watermark, Some(EventTime::from_millis(6_000)));
}

#[test]
fn a_batch_without_any_time_says_no_watermark() {
    let times = Arc::new(TimestampSecondArray::from(vec![None, None]));
    let rows = source(TimeUnit::Second, true).apply(&batch(times)).unwrap();
    assert_eq!((rows.dropped_rows, rows.batch.num_rows(), rows.watermark), (2, 0, None));
}

#[test]
fn a_table_without_time_is_at_the_epoch() {
    let times = Arc::new(TimestampSecondArray::from(vec![None, Some(3)]));
    let rows = source(TimeUnit::Second, false).apply(&batch(times)).unwrap();
    assert_eq!((rows.dropped_rows, rows.watermark), (0, None));
    assert_eq!(event_times(&rows.batch).unwrap().values(), &[0, 0]);
}

#[test]
fn weights_stay_with_their_rows() {
    let changes = source_of(StreamSchema::updating(&visible(TimeUnit::Second)), true, false);
    let rows = batch(Arc::new(TimestampSecondArray::from(vec![Some(3), None, Some(4)])));
    let weighted = |name: &str| {
        let weight: ArrayRef = Arc::new(Int64Array::from(vec![1, 5, -1]));
        let fields = rows.schema_ref().fields().iter().cloned();
        let fields: Vec<_> = fields.chain([Arc::new(Field::new(name, DataType::Int64, false))]).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), rows.columns().iter().cloned().chain([weight]).collect())
    };
    let read = changes.apply(&weighted("_weight").unwrap()).unwrap();
    assert_eq!((read.dropped_rows, read.watermark), (1, Some(EventTime::from_millis(3_000))));
    assert_eq!(weights(&read.batch).unwrap(), &Int64Array::from(vec![1, -1]));
    assert_eq!(event_times(&read.batch).unwrap().values(), &[3_000_000_000, 4_000_000_000]);
    assert!(changes.apply(&weighted("another").unwrap()).is_err(), "a batch without weights is no change");
}

#[test]
fn an_upsert_without_an_event_time_takes_back_the_row_of_its_key() {
    let upserts = source_of(StreamSchema::updating(&visible(TimeUnit::Second)), true, true);
    let rows = batch(Arc::new(TimestampSecondArray::from(vec![Some(3), None, None, Some(4)])));
    let weight: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, -1, -1]));
    let fields = rows.schema_ref().fields().iter().cloned();
    let fields: Vec<_> = fields.chain([Arc::new(Field::new("_weight", DataType::Int64, false))]).collect();
    let columns = rows.columns().iter().cloned().chain([weight]).collect();
    let read = upserts.apply(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()).unwrap();
    assert_eq!((read.dropped_rows, read.watermark), (1, Some(EventTime::from_millis(3_000))));
    assert_eq!(weights(&read.batch).unwrap(), &Int64Array::from(vec![1, -1, -1, -1]));
    assert_eq!(event_times(&read.batch).unwrap().values(), &[3_000_000_000, 0, 0, 4_000_000_000]);
}
