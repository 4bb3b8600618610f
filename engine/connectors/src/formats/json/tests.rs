//! Reading, writing, and what is said of records that cannot be read.

use arrow::datatypes::TimeUnit;

use super::*;

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let place = DataType::Struct(vec![Field::new("at", time.clone(), true)].into());
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("ts", time, true),
        Field::new("place", place, true),
    ]))
}

fn records<'a>(lines: &[&'a str]) -> Vec<Record<'a>> {
    lines.iter().map(|line| Record::from(line.as_bytes())).collect()
}

fn decode(lines: &[&str], timestamps: TimestampFormat) -> Decoded {
    JsonDecoder::new(schema(), timestamps).unwrap().decode(&records(lines)).unwrap()
}

fn written(batch: &RecordBatch, timestamps: TimestampFormat) -> String {
    String::from_utf8(encode_lines(batch, timestamps).unwrap()).unwrap()
}

#[test]
fn timestamps_are_read_with_and_without_zone_and_written_without() {
    let lines = [
        r#"{"id": 1, "ts": "2023-09-18T14:00:00", "place": {"at": "2023-09-18T14:00:00.25Z"}}"#,
        r#"{"id": 2, "ts": "2023-09-18T14:00:00+02:00", "else": [1]}"#,
        r#"{"id": 3, "ts": "2023-09-18 14:00:00.000000001"}"#,
    ];
    let decoded = decode(&lines, TimestampFormat::Rfc3339);
    assert_eq!((decoded.rows, decoded.bad), (vec![1, 1, 1], vec![]));
    let expected = concat!(
        r#"{"id":1,"ts":"2023-09-18T14:00:00","place":{"at":"2023-09-18T14:00:00.250"}}"#,
        "\n",
        r#"{"id":2,"ts":"2023-09-18T12:00:00","place":null}"#,
        "\n",
        r#"{"id":3,"ts":"2023-09-18T14:00:00.000000001","place":null}"#,
        "\n"
    );
    assert_eq!(written(&decoded.batch, TimestampFormat::Rfc3339), expected);
}

#[test]
fn milliseconds_go_in_and_out() {
    let line = r#"{"id":1,"ts":1695045600250,"place":{"at":1695045600000}}"#;
    let decoded = decode(&[line], TimestampFormat::UnixMillis);
    assert_eq!(decoded.batch.schema(), schema());
    assert_eq!(written(&decoded.batch, TimestampFormat::UnixMillis), format!("{line}\n"));
    assert!(written(&decoded.batch, TimestampFormat::Rfc3339).contains("\"2023-09-18T14:00:00.250\""));
}

#[test]
fn a_bad_record_is_named_and_the_others_are_read() {
    let lines = [r#"{"id": 1}"#, r#"{"id": "one"}"#, r#"{"ts": null}"#, r#"{"id": 2"#, "7", r#"{"id": 4}"#];
    let decoded = decode(&lines, TimestampFormat::Rfc3339);
    assert_eq!(decoded.rows, [1, 0, 0, 0, 0, 1]);
    let reasons: Vec<_> = decoded.bad.iter().map(|bad| (bad.index, bad.reason.as_str())).collect();
    assert_eq!(reasons[0].0, 1);
    assert!(reasons[0].1.contains("one"), "{reasons:?}");
    assert_eq!(reasons[1], (2, "column id is missing or null and is declared NOT NULL"));
    assert_eq!(reasons[2].0, 3);
    assert_eq!(reasons[3].0, 4);
    assert_eq!(decoded.batch.num_rows(), 2);
}

#[test]
fn an_object_cut_in_two_does_not_join_with_the_next_record() {
    let decoded = decode(&[r#"{"id":"#, r#" 1}"#], TimestampFormat::Rfc3339);
    assert_eq!(decoded.rows, [0, 0]);
    assert_eq!(decoded.bad.len(), 2);
}

#[test]
fn runs_longer_than_the_tape_keep_every_row() {
    let line = r#"{"id": 1}"#;
    let several = format!("{line}\n{line}\n");
    let mut lines = vec![several.as_str(); TAPE_ROWS];
    lines.push("");
    let decoded = decode(&lines, TimestampFormat::Rfc3339);
    assert_eq!(decoded.batch.num_rows(), 2 * TAPE_ROWS);
    assert!(decoded.rows[..TAPE_ROWS].iter().all(|rows| *rows == 2));
    assert_eq!(decoded.rows[TAPE_ROWS], 0);
}

#[test]
fn unstructured_keeps_the_text() {
    let one = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]));
    let decoded = UnstructuredDecoder::new(one).unwrap().decode(&records(&[r#"{"b": [1, 2]}"#, "{oops"])).unwrap();
    assert_eq!(decoded.rows, [1, 0]);
    let column = decoded.batch.column(0);
    assert_eq!(arrow::array::AsArray::as_string::<i32>(column).value(0), r#"{"b": [1, 2]}"#);
    assert_eq!(decoded.bad[0].index, 1);
}

#[test]
fn a_column_that_json_cannot_hold_is_named() {
    let interval = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("pause", interval, true)];
    let format = crate::formats::RecordFormat::Json(JsonOptions::default());
    let error = format.decoder(&Arc::new(Schema::new(fields))).err().unwrap();
    assert_eq!((error.message.as_str(), error.column.as_deref()), ("json has no form for an INTERVAL", Some("pause")));
}
