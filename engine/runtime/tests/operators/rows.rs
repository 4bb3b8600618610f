//! Random rows in the order in which a stream could bring them: later ones are never older than the lag allows.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::StreamSchema;

/// SplitMix64: the same rows on every machine for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// How far a row may be behind the newest one before it.
pub(crate) const LAG: i64 = 30;

/// `id` is unique, `k` and `d` are keys, `t` repeats the event time as a number for the oracle's arithmetic.
pub(crate) fn schema() -> StreamSchema {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    StreamSchema::append_only(&Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("k", DataType::Utf8, true),
        Field::new("d", dictionary, true),
        Field::new("v", DataType::Int64, true),
        Field::new("f", DataType::Float64, true),
        Field::new("s", DataType::Utf8, true),
        Field::new("t", DataType::Int64, false),
    ]))
}

/// Batches of different sizes; time stands still, walks on, and now and then leaps by years.
pub(crate) fn batches(random: &mut Random, count: usize) -> Vec<RecordBatch> {
    let mut now = random.below(2_000) as i64 - 1_000;
    let mut id = 0;
    (0..count)
        .map(|_| {
            if random.one_in(12) {
                now += 1_000_000_007 * random.below(50_000_000) as i64;
            }
            let rows = 1 + random.below(60) as usize;
            batch(random, &mut now, &mut id, rows)
        })
        .collect()
}

fn batch(random: &mut Random, now: &mut i64, id: &mut i64, rows: usize) -> RecordBatch {
    let names = ["a", "b", "c", "d", "north-gate", ""];
    let mut times = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..rows {
        *now += [0, 0, 0, 1, 2, 9][random.below(6) as usize];
        times.push(*now - if random.one_in(3) { random.below(LAG as u64) as i64 } else { 0 });
        ids.push(*id);
        *id += 1;
    }
    let mut name = |null: u64| (!random.one_in(null)).then(|| names[random.below(names.len() as u64) as usize]);
    let k: StringArray = (0..rows).map(|_| name(8)).collect();
    let d: DictionaryArray<Int32Type> = (0..rows).map(|_| name(8)).collect();
    let s: StringArray = (0..rows).map(|_| name(4)).collect();
    let v: Int64Array = (0..rows).map(|_| (!random.one_in(5)).then(|| random.below(20) as i64 - 10)).collect();
    let f: Float64Array =
        (0..rows).map(|_| (!random.one_in(5)).then(|| random.below(1000) as f64 / 7.0 - 50.0)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids)),
        Arc::new(k),
        Arc::new(d),
        Arc::new(v),
        Arc::new(f),
        Arc::new(s),
        Arc::new(Int64Array::from(times.clone())),
    ];
    schema().batch(columns, Arc::new(TimestampNanosecondArray::from(times))).unwrap()
}
