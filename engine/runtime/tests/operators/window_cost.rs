//! What a slide costs, whatever the ratio of width to slide: a table, and no judgement.
//!
//! `cargo test --release --workspace --test operators window_cost -- --ignored --nocapture`

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::{EventTime, Operator, OperatorError, Output, StreamSchema, Watermark};
use headwater_plan::{Phase, Slicing, Window};

use crate::oracle;
use crate::plan::Planned;
use crate::rows::Random;

const SECOND: i64 = 1_000_000_000;
/// How long one line of the table is measured for.
const MEASURED: Duration = Duration::from_secs(2);

fn schema() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![
        Field::new("camera", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("v", DataType::Int64, true),
    ]))
}

/// Counts rows and forgets them.
#[derive(Default)]
struct Counted(usize);

impl Output for Counted {
    fn emit(&mut self, batch: RecordBatch) -> Result<(), OperatorError> {
        self.0 += batch.num_rows();
        Ok(())
    }
}

/// The rows of slices, made beforehand: every key once in each, or some keys out of a million.
struct Rows(Vec<RecordBatch>);

impl Rows {
    fn new(seed: u64, dense: bool) -> Self {
        let mut random = Random(seed);
        let mut slice = || {
            let keys: Vec<i64> = match dense {
                true => (0..1_000).collect(),
                false => (0..100).map(|_| random.below(1_000_000) as i64).collect(),
            };
            let names = StringArray::from_iter_values(keys.iter().map(|key| format!("camera-{key}")));
            let values = Int64Array::from_iter_values(keys.iter().map(|_| random.below(1_000) as i64));
            let times = TimestampNanosecondArray::from_value(0, keys.len());
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(names), Arc::new(values)];
            schema().batch(columns, Arc::new(times)).unwrap()
        };
        Rows((0..if dense { 8 } else { 5_000 }).map(|_| slice()).collect())
    }

    fn at(&self, second: i64) -> RecordBatch {
        let rows = &self.0[second as usize % self.0.len()];
        let mut columns = rows.columns().to_vec();
        columns[3] = Arc::new(TimestampNanosecondArray::from_value(second * SECOND, rows.num_rows()));
        RecordBatch::try_new(rows.schema(), columns).unwrap()
    }
}

struct Cost {
    slides: u32,
    each: Duration,
    rows: usize,
    state_bytes: usize,
}

/// Fills one window without emitting any, and then slides on.
fn measure(mut operator: Box<dyn Operator>, width: i64, dense: bool) -> Cost {
    let rows = Rows::new(7, dense);
    let mut out = Counted::default();
    let slide = |operator: &mut Box<dyn Operator>, second: i64, out: &mut Counted| {
        operator.on_batch(0, rows.at(second), out).unwrap();
        operator.on_watermark(Watermark::at(EventTime((second + 1) * SECOND)), out).unwrap();
        operator.state_bytes()
    };
    operator.on_watermark(Watermark::at(EventTime(width * SECOND)), &mut out).unwrap();
    for second in 1..width {
        operator.on_batch(0, rows.at(second), &mut out).unwrap();
    }
    slide(&mut operator, width, &mut out);
    let (emitted, began) = (out.0, Instant::now());
    let (mut slides, mut state_bytes) = (0, 0);
    while slides < 3 || (began.elapsed() < MEASURED && slides < 20_000) {
        slides += 1;
        state_bytes = slide(&mut operator, width + i64::from(slides), &mut out);
    }
    Cost { slides, each: began.elapsed() / slides, rows: (out.0 - emitted) / slides as usize, state_bytes }
}

#[tokio::test]
#[ignore = "a measurement: it takes a minute and judges nothing"]
async fn window_cost() {
    let context = oracle::context("t", &[RecordBatch::new_empty(schema().full().clone())]);
    println!("| window | keys | rows out a slide | state MB | slides | ms a slide |\n|---|---|---:|---:|---:|---:|");
    let hops = [2, 60, 3_600].map(|width| ("hop", width, Slicing::hop(SECOND, width * SECOND, 0)));
    let cumulates = [60, 3_600].map(|size| ("cumulate", size, Slicing::cumulate(SECOND, size * SECOND, 0)));
    for (name, width, slicing) in hops.into_iter().chain(cumulates) {
        for (keys, dense) in [("camera", true), ("name", true), ("camera", false), ("name", false)] {
            let planned = Planned::new(&context, Window::Sliced(slicing), keys, "count(*), sum(v), max(v)").await;
            let cost = measure(planned.operator(Phase::Single), width, dense);
            let kind = if dense { "dense" } else { "sparse" };
            let megabytes = cost.state_bytes as f64 / 1e6;
            let millis = cost.each.as_secs_f64() * 1e3;
            let (rows, slides) = (cost.rows, cost.slides);
            println!("| {name} {width}:1 | {kind} {keys} | {rows} | {megabytes:.2} | {slides} | {millis:.3} |");
        }
    }
}
