//! Folding and pairing on small batches; and any sequence of changes, applied by a reader of either format, gives the
//! table that the weights give.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::Int64Type;

use super::*;
use crate::formats::json::{TimestampFormat, encode_lines, split_lines};

fn stream() -> StreamSchema {
    StreamSchema::updating(&Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("n", DataType::Int64, true),
    ]))
}

fn changelog(key: &[&str]) -> Changelog {
    Changelog::new(&stream(), &key.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Rows of id, n and weight.
fn batch(rows: &[(i64, Option<i64>, i64)]) -> RecordBatch {
    let times = arrow::array::TimestampNanosecondArray::from_value(0, rows.len());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
        Arc::new(times),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
    ];
    RecordBatch::try_new(stream().full().clone(), columns).unwrap()
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let lines = encode_lines(batch, TimestampFormat::Rfc3339).unwrap();
    split_lines(&lines).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
}

#[test]
fn a_key_that_went_and_came_is_one_update() {
    let batch = batch(&[(1, Some(5), -1), (2, None, -1), (1, Some(6), 1), (3, Some(7), 1)]);
    let expected = [
        r#"{"before":{"id":1,"n":5},"after":{"id":1,"n":6},"op":"u"}"#,
        r#"{"before":{"id":2,"n":null},"after":null,"op":"d"}"#,
        r#"{"before":null,"after":{"id":3,"n":7},"op":"c"}"#,
    ];
    assert_eq!(lines(&changelog(&["id"]).debezium(&batch).unwrap()), expected);
}

#[test]
fn without_a_key_rows_are_created_and_deleted() {
    let batch = batch(&[(1, Some(5), -1), (1, Some(6), 2)]);
    let expected = [
        r#"{"before":{"id":1,"n":5},"after":null,"op":"d"}"#,
        r#"{"before":null,"after":{"id":1,"n":6},"op":"c"}"#,
        r#"{"before":null,"after":{"id":1,"n":6},"op":"c"}"#,
    ];
    assert_eq!(lines(&changelog(&[]).debezium(&batch).unwrap()), expected);
}

#[test]
fn what_came_and_went_within_a_batch_leaves_nothing() {
    let batch = batch(&[(1, Some(1), 1), (1, Some(1), -1), (1, Some(2), 1), (1, Some(2), -1), (1, Some(3), 1)]);
    let changelog = changelog(&["id"]);
    assert_eq!(lines(&changelog.debezium(&batch).unwrap()), [r#"{"before":null,"after":{"id":1,"n":3},"op":"c"}"#]);
    assert_eq!(changelog.debezium(&batch.slice(0, 4)).unwrap().num_rows(), 0);
    assert_eq!(changelog.upserts(&batch.slice(0, 4)).unwrap().rows.num_rows(), 0);
}

#[test]
fn a_stream_without_weights_creates_rows() {
    let schema = StreamSchema::append_only(&stream().visible());
    let rows = batch(&[(1, Some(5), 1)]).project(&[0, 1]).unwrap();
    let changelog = Changelog::new(&schema, &[]).unwrap();
    assert_eq!(lines(&changelog.debezium(&rows).unwrap()), [r#"{"before":null,"after":{"id":1,"n":5},"op":"c"}"#]);
}

#[test]
fn a_key_that_is_not_there_names_its_neighbour() {
    let error = Changelog::new(&stream(), &["idd".to_owned()]).unwrap_err();
    assert_eq!(error.message, "the query gives no column 'idd' for the primary key");
    assert_eq!(error.hint.as_deref(), Some("did you mean 'id'?"));
}

/// The batches of a table of unique keys that changes at random: each change takes back the old row of its key.
fn history(batches: u64) -> Vec<RecordBatch> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut table: BTreeMap<i64, Option<i64>> = BTreeMap::new();
    (0..batches)
        .map(|_| {
            let mut rows = Vec::new();
            for _ in 0..random(12) {
                let id = random(5) as i64;
                if let Some(old) = table.remove(&id) {
                    rows.push((id, old, -1));
                }
                if random(3) > 0 {
                    let new = (random(4) > 0).then(|| random(3) as i64);
                    table.insert(id, new);
                    rows.push((id, new, 1));
                }
            }
            batch(&rows)
        })
        .collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<(i64, Option<i64>)> {
    let (ids, ns) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
    ids.iter().flatten().zip(ns.iter()).collect()
}

/// The row of a struct column, where it is not null.
fn row_at(column: &ArrayRef, row: usize) -> Option<(i64, Option<i64>)> {
    let column = column.as_struct();
    column.is_valid(row).then(|| rows_of(&RecordBatch::from(&column.slice(row, 1)))[0])
}

#[test]
fn a_reader_of_the_changes_has_the_table_after_every_batch() {
    let mut expected: BTreeMap<(i64, Option<i64>), i64> = BTreeMap::new();
    let mut keyed: BTreeMap<i64, Option<i64>> = BTreeMap::new();
    let mut upserted: BTreeMap<i64, Option<i64>> = BTreeMap::new();
    let mut counted: BTreeMap<(i64, Option<i64>), i64> = BTreeMap::new();
    for batch in history(500) {
        for (row, weight) in rows_of(&batch).into_iter().zip(weights(&batch).unwrap().values()) {
            *expected.entry(row).or_default() += weight;
        }
        expected.retain(|_, count| *count != 0);
        let mut apply = |changes: &RecordBatch, with_key: bool| {
            for (row, op) in changes.column(2).as_string::<i32>().iter().flatten().enumerate() {
                let (gone, come) = (row_at(changes.column(0), row), row_at(changes.column(1), row));
                assert_eq!((op != "c", op != "d"), (gone.is_some(), come.is_some()));
                if with_key {
                    if let Some((id, n)) = gone {
                        assert_eq!(keyed.remove(&id), Some(n), "what is taken back was there");
                    }
                    if let Some((id, n)) = come {
                        assert_eq!(keyed.insert(id, n), None, "a key has one row");
                    }
                } else {
                    gone.into_iter().for_each(|row| *counted.entry(row).or_default() -= 1);
                    come.into_iter().for_each(|row| *counted.entry(row).or_default() += 1);
                }
            }
        };
        apply(&changelog(&["id"]).debezium(&batch).unwrap(), true);
        apply(&changelog(&[]).debezium(&batch).unwrap(), false);
        counted.retain(|_, count| *count != 0);
        let upserts = changelog(&["id"]).upserts(&batch).unwrap();
        for ((id, n), deleted) in rows_of(&upserts.rows).into_iter().zip(upserts.deleted.iter().flatten()) {
            if deleted {
                upserted.remove(&id)
            } else {
                upserted.insert(id, n)
            };
        }
        let table: Vec<(i64, Option<i64>)> = expected.keys().copied().collect();
        assert_eq!(keyed.clone().into_iter().collect::<Vec<_>>(), table);
        assert_eq!(upserted.clone().into_iter().collect::<Vec<_>>(), table);
        assert_eq!(counted, expected);
    }
}
