//! What a record and its key come to, what is said of those that cannot be read, and what the sink writes read back.

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{Int64Type, TimeUnit};
use headwater_core::schema::weights;
use headwater_plan::{OptionValue, Options};

use super::*;
use crate::formats::RecordFormat;
use crate::formats::json::encode_lines;

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("id", DataType::Int64, false),
        Field::new("n", DataType::Int64, true),
    ]))
}

/// A record of a key, and of a value where it is no tombstone.
fn record<'a>(key: Option<&'a str>, value: Option<&'a str>) -> Record<'a> {
    let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
    Record { value: value.unwrap_or_default(), key, is_tombstone: value.is_none(), ..Record::default() }
}

fn decoder(key: &[&str]) -> Result<UpsertDecoder, TableError> {
    let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
    UpsertDecoder::new(columns(), &key, TimestampFormat::Rfc3339)
}

fn decode(key: &[&str], records: &[Record<'_>]) -> Decoded {
    decoder(key).unwrap().decode(records).unwrap()
}

/// The rows as lines of JSON.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let lines = String::from_utf8(encode_lines(batch, TimestampFormat::Rfc3339).unwrap()).unwrap();
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_value_is_a_row_and_a_tombstone_the_key_alone() {
    let decoded = decode(
        &["id"],
        &[
            record(Some("1"), Some(r#"{"name": "a", "id": 1, "n": 5}"#)),
            record(Some("2"), Some(r#"{"name": "b"}"#)),
            record(Some("1"), None),
        ],
    );
    assert_eq!((decoded.rows, decoded.bad), (vec![1, 1, 1], vec![]));
    let expected = [
        r#"{"name":"a","id":1,"n":5,"_weight":1}"#,
        r#"{"name":"b","id":2,"n":null,"_weight":1}"#,
        r#"{"name":null,"id":1,"n":null,"_weight":-1}"#,
    ];
    assert_eq!(lines(&decoded.batch), expected);
}

#[test]
fn a_key_of_several_columns_is_an_object() {
    let decoded = decode(
        &["id", "name"],
        &[
            record(Some(r#"{"id":1,"name":"a"}"#), None),
            record(Some(r#"{"id":2,"name":"b"}"#), Some(r#"{"n": 7}"#)),
            record(Some("3"), None),
            record(None, None),
        ],
    );
    assert_eq!(decoded.rows, [1, 1, 0, 0]);
    let ids = decoded.batch.column(1).as_primitive::<Int64Type>().values().to_vec();
    let names: Vec<_> = decoded.batch.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!((ids, names), (vec![1, 2], vec!["a", "b"]));
    assert_eq!(weights(&decoded.batch).unwrap().values(), &[-1, 1]);
    assert_eq!(decoded.bad.iter().map(|bad| bad.index).collect::<Vec<_>>(), [2, 3]);
    assert!(decoded.bad[0].reason.starts_with("its key: "), "{:?}", decoded.bad);
}

#[test]
fn what_cannot_be_read_says_why() {
    let decoded = decode(
        &["id"],
        &[
            record(None, Some(r#"{"name": "a", "id": 1}"#)),
            record(Some("one"), None),
            record(Some("1"), Some(r#"{"name": "a", "id": 2}"#)),
            record(Some("1"), Some(r#"{"n": 2}"#)),
            record(Some("1"), Some(r#"{"name": "a"} {"name": "b"}"#)),
            record(Some("1"), Some("")),
            record(Some("9"), None),
        ],
    );
    assert_eq!(decoded.rows, [0, 0, 0, 0, 0, 0, 1]);
    let reasons: Vec<_> = decoded.bad.iter().map(|bad| bad.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "it has no key",
            "its key 'one' is no Int64",
            "its column id is another one than its key says",
            "column name is missing or null and is declared NOT NULL",
            "it is one object, and not 2",
            "it is one object, and not 0",
        ]
    );
}

#[test]
fn a_table_without_a_key_that_is_read_is_refused() {
    assert_eq!(decoder(&[]).err().unwrap().option.as_deref(), Some("format"));
    assert_eq!(decoder(&["offset"]).err().unwrap().column.as_deref(), Some("offset"));
}

#[test]
fn what_has_no_keys_names_the_format_that_needs_none() {
    let options = Options::new([("format".to_owned(), OptionValue::Text(UPSERT.to_owned()))]);
    let error = RecordFormat::of(&options, &["json", "debezium_json"]).unwrap_err();
    assert!(error.hint.unwrap().contains("debezium_json"));
}

#[test]
fn only_tombstones_are_rows_as_well() {
    let decoded = decode(&["name"], &[record(Some("x"), None), record(Some(""), None)]);
    let expected =
        [r#"{"name":"x","id":null,"n":null,"_weight":-1}"#, r#"{"name":"","id":null,"n":null,"_weight":-1}"#];
    assert_eq!(lines(&decoded.batch), expected);
    assert_eq!(decode(&["name"], &[]).batch.num_rows(), 0);
}

#[test]
fn times_are_read_from_the_text_that_the_sink_makes_of_them() {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let columns = Arc::new(Schema::new(vec![Field::new("at", time.clone(), false)]));
    let text = StringArray::from(vec!["2023-09-18T14:00:00.250"]);
    let expected = arrow::compute::cast(&text, &time).unwrap();
    let written = arrow::compute::cast(&expected, &DataType::Utf8).unwrap();
    let key = written.as_string::<i32>().value(0);
    let mut decoder = UpsertDecoder::new(columns, &["at".to_owned()], TimestampFormat::UnixMillis).unwrap();
    let decoded = decoder.decode(&[record(Some(key), Some(r#"{"at": 1695045600250}"#))]).unwrap();
    assert_eq!(decoded.bad, []);
    assert_eq!(decoded.batch.column(0), &expected);
}
