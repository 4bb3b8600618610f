//! Every kind of change, what is said of those that cannot be read, and what the writer writes read back.

use arrow::array::TimestampNanosecondArray;
use arrow::datatypes::{Int64Type, TimeUnit};
use headwater_core::StreamSchema;
use headwater_core::schema::weights;

use super::*;
use crate::formats::changelog::Changelog;
use crate::formats::json::{encode_lines, split_lines};

fn schema() -> Schema {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("at", time, true),
    ])
}

fn decode(lines: &[&str]) -> Decoded {
    let records: Vec<Record<'_>> = lines.iter().map(|line| Record::from(line.as_bytes())).collect();
    DebeziumDecoder::new(Arc::new(schema()), TimestampFormat::Rfc3339).unwrap().decode(&records).unwrap()
}

/// The ids with their weights.
fn changes(batch: &RecordBatch) -> Vec<(i64, i64)> {
    let ids = batch.column(0).as_primitive::<Int64Type>().values();
    ids.iter().copied().zip(weights(batch).unwrap().values().iter().copied()).collect()
}

#[test]
fn each_kind_of_change_has_its_weights() {
    let decoded = decode(&[
        r#"{"before": null, "after": {"id": 1, "name": "a"}, "op": "c", "ts_ms": 5, "source": {"db": "x"}}"#,
        r#"{"after": {"id": 2, "name": "b"}, "op": "r"}"#,
        r#"{"before": {"id": 1, "name": "a"}, "after": {"id": 1, "name": "c"}, "op": "u"}"#,
        r#"{"before": {"id": 2, "name": "b"}, "after": null, "op": "d"}"#,
    ]);
    assert_eq!((decoded.rows, decoded.bad), (vec![1, 1, 2, 1], vec![]));
    assert_eq!(changes(&decoded.batch), [(1, 1), (2, 1), (1, -1), (1, 1), (2, -1)]);
    let names: Vec<_> = decoded.batch.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(names, ["a", "b", "a", "c", "b"]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let decoded = decode(&[
        r#"{"before": null, "after": {"id": 1}, "op": "u"}"#,
        r#"{"before": {"id": 1}, "after": {"name": "x"}, "op": "u"}"#,
        r#"{"after": null, "op": "c"}"#,
        r#"{"schema": {}, "payload": {"op": "c"}}"#,
        r#"{"op": "t"}"#,
        r#"{"after": {"id": "one"}, "op": "c"}"#,
        r#"{"after": {"id": 7}, "op": "c"}"#,
    ]);
    assert_eq!(decoded.rows, [0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(changes(&decoded.batch), [(7, 1)]);
    let reasons: Vec<_> = decoded.bad.iter().map(|bad| bad.reason.as_str()).collect();
    assert_eq!(decoded.bad.iter().map(|bad| bad.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(reasons[0].starts_with("its 'before' is missing or null"), "{reasons:?}");
    assert_eq!(reasons[1], "column id of 'after' is missing or null and is declared NOT NULL");
    assert_eq!(reasons[2], "its 'after' is missing or null");
    assert!(reasons[3].starts_with("it has no 'op'"), "{reasons:?}");
    assert_eq!(reasons[4], "op 't' is none of c, r, u and d");
    assert!(reasons[5].contains("one"), "{reasons:?}");
}

#[test]
fn what_is_written_is_read_back() {
    let stream = StreamSchema::updating(&schema());
    let rows: Vec<(i64, &str, i64)> = vec![(1, "a", -1), (2, "b", 1), (1, "c", 1), (3, "d", -1), (2, "b", 1)];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(TimestampNanosecondArray::from_value(1_695_045_600_250_000_000, rows.len())),
        Arc::new(TimestampNanosecondArray::from_value(0, rows.len())),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
    ];
    let batch = RecordBatch::try_new(stream.full().clone(), columns).unwrap();
    for key in [vec![], vec!["id".to_owned()]] {
        let written = Changelog::new(&stream, &key).unwrap().debezium(&batch).unwrap();
        for timestamps in [TimestampFormat::Rfc3339, TimestampFormat::UnixMillis] {
            let lines = encode_lines(&written, timestamps).unwrap();
            let records: Vec<Record<'_>> = split_lines(&lines).map(Record::from).collect();
            let mut decoder = DebeziumDecoder::new(Arc::new(schema()), timestamps).unwrap();
            let decoded = decoder.decode(&records).unwrap();
            assert_eq!(decoded.bad, []);
            let mut found = changes(&decoded.batch);
            found.sort_unstable();
            assert_eq!(found, [(1, -1), (1, 1), (2, 1), (2, 1), (3, -1)]);
            let times = decoded.batch.column(2).as_primitive::<arrow::datatypes::TimestampNanosecondType>();
            assert!(times.values().iter().all(|time| *time == 1_695_045_600_250_000_000));
        }
    }
}
