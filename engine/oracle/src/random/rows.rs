//! Made-up tables of rows that only come: few columns with few values, so that keys meet, with nulls, duplicates, ties in time, quiet
//! stretches and sometimes no rows at all. Tables of changes and of lists and JSON are made of them.

mod changes;
pub(super) mod nested;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::relation::{Column, Kind};
use crate::rng::Rng;

/// The tables of plain rows.
pub(super) const TABLES: [&str; 3] = ["a", "b", "c"];
/// The table of the same columns that is a changelog.
pub(super) const CHANGES: &str = "d";
/// The table with lists and JSON.
pub(super) const NESTED: &str = "e";
/// Every table.
pub(super) const ALL: [&str; 5] = ["a", "b", "c", CHANGES, NESTED];

const SECOND: i64 = 1_000_000_000;
/// 2024-01-01 00:00:00.
const BEGIN: i64 = 1_704_067_200 * SECOND;
/// How far the watermark is behind, as the declarations say.
const LAG: i64 = 4 * SECOND;

/// The columns that SQL sees; `z` is the one whose sums depend on their order.
pub(super) fn columns() -> Vec<Column> {
    let kinds = [
        ("ts", Kind::Time),
        ("k", Kind::Int),
        ("j", Kind::Int),
        ("s", Kind::Text),
        ("x", Kind::Int),
        ("y", Kind::Exact),
        ("z", Kind::Inexact),
        ("b", Kind::Bool),
    ];
    kinds.into_iter().map(|(name, kind)| Column { name: name.to_owned(), kind }).collect()
}

/// The declaration of a table; what else its options say stands behind the others.
pub(super) fn declaration(table: &str, options: &str) -> String {
    let columns = if table == NESTED { nested::DECLARED } else { "y DOUBLE, z DOUBLE, b BOOLEAN" };
    let format = if table == CHANGES { ", format = 'debezium_json'" } else { "" };
    format!(
        "CREATE TABLE {table} (ts TIMESTAMP NOT NULL, k BIGINT, j BIGINT NOT NULL, s TEXT, x BIGINT, {columns},\n    \
         WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))\n    \
         WITH (connector = 'single_file', path = '{table}.json'{format}{options}, type = 'source');\n"
    )
}

fn schema() -> SchemaRef {
    let field = |name, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
        field("k", DataType::Int64),
        Field::new("j", DataType::Int64, false),
        field("s", DataType::Utf8),
        field("x", DataType::Int64),
        field("y", DataType::Float64),
        field("z", DataType::Float64),
        field("b", DataType::Boolean),
    ]))
}

/// Rows for a table, in an order that makes none of them late; those of a changelog with their weights.
///
/// # Errors
/// Never, unless a column does not fit the schema.
pub(super) fn rows(table: &str, rng: &mut Rng) -> Result<RecordBatch, ArrowError> {
    let (rows, times) = drawn(rng)?;
    match table {
        CHANGES => changes::of(&rows, &times, rng),
        NESTED => arrived(&nested::of(&rows, rng)?, &times, rng),
        _ => arrived(&rows, &times, rng),
    }
}

/// Rows in order of time, and their times.
fn drawn(rng: &mut Rng) -> Result<(RecordBatch, Vec<i64>), ArrowError> {
    let count = match rng.below(10) {
        0 => 0,
        1 => 1,
        2..=5 => rng.below(20),
        6..=8 => rng.below(80),
        _ => rng.below(200),
    };
    let keys = 1 + rng.below(5) as i64;
    // Rows are apart by whole seconds or parts of them, with a quiet stretch now and then.
    let step = *rng.pick(&[SECOND / 10, SECOND / 2, SECOND, 2 * SECOND]);
    let mut time = BEGIN + rng.between(0, 20) * SECOND;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        time += step * rng.between(0, 3);
        if rng.chance(3) {
            time += rng.between(5, 60) * SECOND;
        }
        times.push(time);
    }
    let (mut k, mut j, mut s, mut x) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut y, mut z, mut b) = (Vec::new(), Vec::new(), Vec::new());
    let nulls = *rng.pick(&[0, 10, 10, 40]);
    for _ in 0..count {
        k.push((!rng.chance(nulls)).then(|| rng.between(0, keys)));
        j.push(rng.between(0, keys));
        s.push((!rng.chance(nulls)).then(|| (*rng.pick(&["", "a", "b", "ab", "é"])).to_owned()));
        x.push((!rng.chance(nulls)).then(|| rng.between(-5, 20)));
        y.push((!rng.chance(nulls)).then(|| rng.between(-40, 40) as f64 / 8.0));
        z.push((!rng.chance(nulls)).then(|| rng.between(-100, 100) as f64 / 10.0));
        b.push((!rng.chance(nulls)).then(|| rng.chance(50)));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from(times.clone())),
        Arc::new(Int64Array::from(k)),
        Arc::new(Int64Array::from(j)),
        Arc::new(StringArray::from(s)),
        Arc::new(Int64Array::from(x)),
        Arc::new(Float64Array::from(y)),
        Arc::new(Float64Array::from(z)),
        Arc::new(BooleanArray::from(b)),
    ];
    Ok((RecordBatch::try_new(schema(), columns)?, times))
}

/// The rows as they arrive.
fn arrived(rows: &RecordBatch, times: &[i64], rng: &mut Rng) -> Result<RecordBatch, ArrowError> {
    take_record_batch(rows, &UInt64Array::from(arrival(times, rng)))
}

/// Rows some of which come twice, each up to the lag after its time.
fn arrival(times: &[i64], rng: &mut Rng) -> Vec<u64> {
    let (twice, lag) = (*rng.pick(&[0, 5, 30]), *rng.pick(&[0, LAG]));
    let mut keyed = Vec::new();
    for (row, time) in times.iter().enumerate() {
        let copies = if rng.chance(twice) { 2 } else { 1 };
        for _ in 0..copies {
            keyed.push((time + rng.between(0, lag), row as u64));
        }
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}
