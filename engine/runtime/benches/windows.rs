//! What a slide costs, whatever the ratio of width to slide: tables, and no judgement.
//!
//! `cargo bench -p headwater-runtime --bench windows`
//!
//! One operator in one thread, without a runtime. In each second of event time come as many rows of as many keys, and
//! the window slides on by that second. Beside the operator stands what anyone would do who keeps aggregates by slice
//! and has not thought further: for every slide, all slices of the window are merged again. The same code merges them.

#![allow(clippy::unwrap_used)] // a measurement that cannot go on has failed

#[allow(dead_code)] // the tests need more of it
#[path = "../tests/operators/plan.rs"]
mod plan;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use headwater_core::key::hash_bytes;
use headwater_core::script::Collected;
use headwater_core::{EventTime, Operator, OperatorError, Output, StreamSchema, Watermark};
use headwater_plan::{Phase, Slicing, Window};

use plan::Planned;

const SECOND: i64 = 1_000_000_000;
/// How long one number is measured for.
const MEASURED: Duration = Duration::from_secs(1);
const RATIOS: [i64; 3] = [2, 60, 3_600];

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

/// The rows of seconds, made beforehand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Density {
    /// A thousand keys, each once a second: every window has the same thousand.
    Dense,
    /// A hundred keys a second out of a million: a wider window has more keys, and a larger result.
    Sparse,
}

struct Rows(Vec<RecordBatch>);

impl Rows {
    fn new(density: Density) -> Self {
        let (seconds, keys) = if density == Density::Dense { (8, 1_000) } else { (5_000, 100) };
        let chance = |number: u64| hash_bytes(&number.to_le_bytes());
        let second = |second: u64| {
            let key = |key: u64| match density {
                Density::Dense => key as i64,
                Density::Sparse => (chance(second * 1_000 + key) % 1_000_000) as i64,
            };
            let keys: Vec<i64> = (0..keys).map(key).collect();
            let names = StringArray::from_iter_values(keys.iter().map(|key| format!("camera-{key}")));
            let values = Int64Array::from_iter_values(keys.iter().map(|key| (chance(*key as u64) % 1_000) as i64));
            let times = TimestampNanosecondArray::from_value(0, keys.len());
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(keys)), Arc::new(names), Arc::new(values)];
            schema().batch(columns, Arc::new(times)).unwrap()
        };
        Rows((0..seconds).map(second).collect())
    }

    fn at(&self, second: i64) -> RecordBatch {
        at(&self.0[second as usize % self.0.len()], second)
    }
}

/// The same rows at another second.
fn at(rows: &RecordBatch, second: i64) -> RecordBatch {
    let mut columns = rows.columns().to_vec();
    let last = columns.len() - 1;
    columns[last] = Arc::new(TimestampNanosecondArray::from_value(second * SECOND, rows.num_rows()));
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

/// The time that this thread has had a processor for, as the kernel counts it; where it does not, the time.
fn cpu(begin: Instant) -> Duration {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = counted.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// What one round costs, of as many as there is time for.
fn each(mut round: impl FnMut(i64)) -> Duration {
    let begin = Instant::now();
    let before = cpu(begin);
    let mut rounds = 0;
    while rounds < 3 || begin.elapsed() < MEASURED {
        round(i64::from(rounds));
        rounds += 1;
    }
    (cpu(begin) - before) / rounds
}

struct Cost {
    /// A row into a slice.
    row: Duration,
    /// A second's rows and the window that closes with them.
    slide: Duration,
    rows_out: usize,
    state_bytes: usize,
}

/// Fills one window without emitting any, and then slides on.
fn incremental(mut operator: Box<dyn Operator>, width: i64, rows: &Rows) -> Cost {
    let mut out = Counted::default();
    operator.on_watermark(Watermark::at(EventTime(width * SECOND)), &mut out).unwrap();
    for second in 1..=width {
        operator.on_batch(0, rows.at(second), &mut out).unwrap();
    }
    operator.on_watermark(Watermark::at(EventTime((width + 1) * SECOND)), &mut out).unwrap();
    let (mut rows_out, mut state_bytes, mut now) = (0, 0, width);
    let slide = each(|_| {
        now += 1;
        let before = out.0;
        operator.on_batch(0, rows.at(now), &mut out).unwrap();
        operator.on_watermark(Watermark::at(EventTime((now + 1) * SECOND)), &mut out).unwrap();
        (rows_out, state_bytes) = (out.0 - before, operator.state_bytes());
    });
    let batches: Vec<RecordBatch> = (0..8).map(|number| at(&rows.at(number), now + 1)).collect();
    let batch = each(|round| operator.on_batch(0, batches[round as usize % 8].clone(), &mut out).unwrap());
    Cost { row: batch / rows.at(0).num_rows() as u32, slide, rows_out, state_bytes }
}

/// Merges the states of all slices of a window, for every slide.
fn naive(planned: impl Fn(Phase) -> Box<dyn Operator>, width: i64, rows: &Rows) -> Duration {
    let mut states = Vec::new();
    for second in 0..width.min(rows.0.len() as i64) {
        let (mut partial, mut out) = (planned(Phase::Partial), Collected::default());
        partial.on_batch(0, rows.at(second), &mut out).unwrap();
        partial.on_watermark(Watermark::END, &mut out).unwrap();
        states.extend(out.0);
    }
    each(|slide| {
        let (mut merged, mut out) = (planned(Phase::Final), Counted::default());
        for slice in 0..width {
            merged.on_batch(0, at(&states[(slide + slice) as usize % states.len()], 0), &mut out).unwrap();
        }
        merged.on_watermark(Watermark::END, &mut out).unwrap();
    })
}

fn planned(window: Slicing, keys: &str) -> Planned {
    let context = SessionContext::new();
    let empty = vec![vec![RecordBatch::new_empty(schema().full().clone())]];
    context.register_table("t", Arc::new(MemTable::try_new(schema().full().clone(), empty).unwrap())).unwrap();
    futures::executor::block_on(Planned::new(&context, Window::Sliced(window), keys, "count(*), sum(v), max(v)"))
}

fn millis(cost: Duration) -> String {
    format!("{:.3}", cost.as_secs_f64() * 1e3)
}

fn main() {
    println!(
        "| hop, width : slide | keys | ns a row | rows out a slide | state MB | CPU ms a slide | merging all slices |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for (kind, density) in [("dense", Density::Dense), ("sparse", Density::Sparse)] {
        let rows = Rows::new(density);
        for (keys, width) in ["camera", "name"].into_iter().flat_map(|keys| RATIOS.map(|width| (keys, width))) {
            let hop = planned(Slicing::hop(SECOND, width * SECOND, 0), keys);
            let cost = incremental(hop.operator(Phase::Single), width, &rows);
            let all = planned(Slicing::tumble(width * SECOND, 0), keys);
            let naive = naive(|phase| all.operator(phase), width, &rows);
            let (row, out, megabytes) = (cost.row.as_nanos(), cost.rows_out, cost.state_bytes as f64 / 1e6);
            let (slide, naive) = (millis(cost.slide), millis(naive));
            println!("| {width} : 1 | {kind} {keys} | {row} | {out} | {megabytes:.2} | {slide} | {naive} |");
        }
    }
    println!("\n| cumulate, size : step | keys | ns a row | rows out a step | state MB | CPU ms a step |");
    println!("|---|---|---:|---:|---:|---:|");
    let rows = Rows::new(Density::Dense);
    for size in RATIOS {
        let cumulate = planned(Slicing::cumulate(SECOND, size * SECOND, 0), "camera");
        let cost = incremental(cumulate.operator(Phase::Single), size, &rows);
        let (row, out, megabytes) = (cost.row.as_nanos(), cost.rows_out, cost.state_bytes as f64 / 1e6);
        println!("| {size} : 1 | dense camera | {row} | {out} | {megabytes:.2} | {} |", millis(cost.slide));
    }
}
