//! Window functions over closed windows against batch SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::StreamSchema;

use crate::drive::{Job, Schedule};
use crate::oracle;
use crate::plan::{TIME, window_functions};
use crate::rows::Random;
use crate::slice_oracle::visible;

fn window_fields() -> Fields {
    Fields::from(vec![Field::new("start", TIME, false), Field::new("end", TIME, false)])
}

fn schema() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("window", DataType::Struct(window_fields()), false),
        Field::new("n", DataType::Int64, true),
        Field::new("id", DataType::Int64, false),
    ]))
}

/// Windows of 10 ns. A row is behind the newest by as much as the watermark allows, to the nanosecond.
fn batches(random: &mut Random, count: usize) -> Vec<RecordBatch> {
    let (mut now, mut id) = (0i64, 0i64);
    let batch = |_| {
        let rows = 1 + random.below(30) as usize;
        let (mut ends, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            now += [0, 0, 1, 4][random.below(4) as usize];
            ends.push((now - random.below(22) as i64).div_euclid(10) * 10 + 10);
            ids.push(id);
            id += 1;
        }
        let k: StringArray = (0..rows).map(|_| [None, Some("a"), Some("b")][random.below(3) as usize]).collect();
        let n: Int64Array = (0..rows).map(|_| (random.below(6) > 0).then(|| random.below(5) as i64)).collect();
        let time = |nanos: fn(&i64) -> i64| -> ArrayRef {
            Arc::new(TimestampNanosecondArray::from_iter_values(ends.iter().map(nanos)))
        };
        let window = StructArray::new(window_fields(), vec![time(|end| end - 10), time(|end| *end)], None);
        let columns: Vec<ArrayRef> = vec![Arc::new(k), Arc::new(window), Arc::new(n), Arc::new(Int64Array::from(ids))];
        schema().batch(columns, time(|end| end - 1)).unwrap()
    };
    (0..count).map(batch).collect()
}

async fn check(seed: u64, partition: &str, hash_columns: Vec<usize>) {
    let mut random = Random(seed);
    let batches = batches(&mut random, 40);
    let context = oracle::context("w", &batches);
    let total = format!("OVER (PARTITION BY {partition} ORDER BY n DESC NULLS LAST, id)");
    let ties = format!("OVER (PARTITION BY {partition} ORDER BY n)");
    let functions = [
        ["row_number()", "lag(n, 1, -1)", "ntile(3)", "first_value(id)", "sum(n)", "lead(id)"]
            .map(|function| format!("{function} {total}"))
            .join(", "),
        ["rank()", "dense_rank()", "sum(n)", "count(*)", "max(id)"]
            .map(|function| format!("{function} {ties}"))
            .join(", "),
    ];
    for functions in functions {
        let sql = format!("SELECT k, \"window\", n, id, {functions} FROM w");
        let expected = oracle::query(&context, &sql).await;
        let make = window_functions(&context, &schema(), &functions, hash_columns.clone()).await;
        let make = || make();
        let seconds = |random: &mut Random| if hash_columns.is_empty() { 1 } else { 1 + random.below(3) as usize };
        let before = (1 + random.below(3) as usize, seconds(&mut random));
        let after = (1 + random.below(3) as usize, seconds(&mut random));
        let (checkpoint, lost) = (1 + random.below(39) as usize, random.below(6) as usize);
        let checkpoint_every = 1 + random.below(3) as usize;
        let schedule = Schedule { before, after, checkpoint, lost, checkpoint_every };
        let job = Job { first: None, second: &make, hash_columns: hash_columns.clone() };
        let found = oracle::texts(&visible(&job.run(&batches, &schedule)));
        oracle::assert_same(&found, &expected, &format!("{seed} {functions}"));
    }
}

#[tokio::test]
async fn window_functions_equal_batch_sql() {
    for seed in 0..10 {
        check(seed, "\"window\"", vec![1]).await;
        check(100 + seed, "\"window\", k", vec![0, 1]).await;
        check(200 + seed, "\"window\"", vec![]).await;
    }
}
