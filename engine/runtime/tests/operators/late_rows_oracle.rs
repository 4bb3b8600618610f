//! Rows that come after some of their windows have closed count in those that have not: against batch SQL that knows
//! how far the watermark was when each row came.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::script::Collected;
use headwater_core::{EventTime, KeyRange, StreamSchema, Watermark};
use headwater_plan::{Phase, Slicing, Window};

use crate::drive::{Stored, overlapping, stored};
use crate::oracle;
use crate::plan::Planned;
use crate::rows::Random;
use crate::slice_oracle::{slicings, visible, windows_sql};

const AGGREGATES: &str = "count(*), sum(v), max(v), count(distinct v), array_agg(id ORDER BY id), median(v)";

/// `w` is the watermark at which a row comes.
fn schema() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int64, true),
        Field::new("t", DataType::Int64, false),
        Field::new("w", DataType::Int64, false),
    ]))
}

/// Rows up to `late` behind the newest before them, and the watermark after each batch, 10 behind the newest.
fn batches(random: &mut Random, late: u64) -> Vec<(RecordBatch, i64)> {
    let (mut newest, mut watermark, mut id) = (0, -1_000, 0);
    let mut batch = || {
        if random.below(15) == 0 {
            newest += 1_000_000_000_000 * random.below(1_000) as i64;
        }
        let rows = 1 + random.below(12) as usize;
        let mut columns: [Vec<i64>; 4] = Default::default();
        let mut keys = Vec::new();
        for _ in 0..rows {
            newest += [0, 1, 2, 7][random.below(4) as usize];
            let behind = if random.below(3) == 0 { random.below(late) as i64 } else { 0 };
            for (column, value) in columns.iter_mut().zip([id, random.below(9) as i64, newest - behind, watermark]) {
                column.push(value);
            }
            keys.push(["a", "b", "c"][random.below(3) as usize]);
            id += 1;
        }
        watermark = watermark.max(newest - 10);
        let [ids, values, times, watermarks] = columns;
        let int = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let keys = Arc::new(StringArray::from(keys));
        let columns = vec![int(ids), keys, int(values), int(times.clone()), int(watermarks)];
        (schema().batch(columns, Arc::new(TimestampNanosecondArray::from(times))).unwrap(), watermark)
    };
    (0..40).map(|_| batch()).collect()
}

/// Rows whose last window had closed.
fn late_rows(slicing: &Slicing, batches: &[(RecordBatch, i64)]) -> u64 {
    let mut watermark = i64::MIN;
    let mut count = 0;
    for (batch, after) in batches {
        for time in headwater_core::schema::event_times(batch).unwrap().values() {
            let slice = slicing.slice_start(*time);
            count += u64::from(slicing.in_any_window(slice) && slicing.last_window_end(slice) <= watermark);
        }
        watermark = *after;
    }
    count
}

async fn check(seed: u64, slicing: Slicing, keys: &str, late: u64) {
    let mut random = Random(seed);
    let batches = batches(&mut random, late);
    let rows: Vec<_> = batches.iter().map(|(batch, _)| batch.clone()).collect();
    let context = oracle::context("t", &rows);
    let expected = oracle::query(&context, &windows_sql(&slicing, keys, AGGREGATES, "_end > w")).await;
    let planned = Planned::new(&context, Window::Sliced(slicing), keys, AGGREGATES).await;
    let mut operator = planned.operator(Phase::Single);
    let (mut out, mut kept, mut late_before) = (Collected::default(), Stored::new(), 0);
    for (epoch, (batch, watermark)) in (1..).zip(&batches) {
        operator.on_batch(0, batch.clone(), &mut out).unwrap();
        operator.on_watermark(Watermark::at(EventTime(*watermark)), &mut out).unwrap();
        if random.below(3) == 0 {
            kept = stored(operator.on_barrier(epoch, &mut out).unwrap(), &kept);
            if random.below(3) == 0 {
                late_before += operator.late_rows();
                operator = planned.operator(Phase::Single);
                operator.restore(overlapping(std::slice::from_ref(&kept), KeyRange::ALL), KeyRange::ALL).unwrap();
                kept = Stored::new();
            }
        }
    }
    operator.on_watermark(Watermark::END, &mut out).unwrap();
    assert_eq!(operator.late_rows() + late_before, late_rows(&slicing, &batches), "{seed} {slicing:?}");
    let found = oracle::texts(&visible(&out.0));
    oracle::assert_same(&found, &expected, &format!("{seed} {slicing:?} [{keys}] {late}"));
    assert!(operator.state_bytes() < 4096, "state is left at the end");
}

#[tokio::test]
async fn late_rows_come_into_the_windows_that_are_open() {
    for (index, slicing) in (0..).zip(slicings()) {
        for (seed, late) in [(0, 40), (1, 90), (2, 25)] {
            let keys = ["k", "", "v % 3"][(seed + index) as usize % 3];
            check(9_000 + index * 10 + seed, slicing, keys, late).await;
        }
    }
}
