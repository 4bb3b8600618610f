//! Answers that differ in one way each, and what is said of them.

use arrow::array::{Float64Array, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::Schema;
use headwater_core::StreamSchema;

use super::*;

fn rows(ids: &[Option<i64>], values: &[f64]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("x", DataType::Float64, true)]);
    let (ids, values) = (Int64Array::from(ids.to_vec()), Float64Array::from(values.to_vec()));
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(values)]).unwrap()
}

fn changes(ids: &[i64], weights: &[i64]) -> RecordBatch {
    let visible = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
    let schema = StreamSchema::updating(&visible);
    let times = TimestampNanosecondArray::from(vec![0; ids.len()]);
    let columns: Vec<arrow::array::ArrayRef> =
        vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(times), Arc::new(Int64Array::from(weights.to_vec()))];
    RecordBatch::try_new(schema.full().clone(), columns).unwrap()
}

fn ids(ids: &[i64]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(ids.to_vec()))]).unwrap()
}

#[test]
fn order_and_batches_do_not_matter_and_duplicates_do() {
    let whole = rows(&[Some(1), None, Some(1)], &[1.0, 2.0, 1.0]);
    let (first, rest) = (whole.slice(2, 1), whole.slice(0, 2));
    assert_eq!(compare(std::slice::from_ref(&whole), &[first, rest]).unwrap(), None);
    let once = rows(&[Some(1), None], &[1.0, 2.0]);
    let difference = compare(&[whole], &[once]).unwrap().unwrap();
    assert_eq!(difference.missing, [r#"{"id":1,"x":1.0}"#]);
    assert!(difference.wrong.is_empty());
}

#[test]
fn floating_point_is_equal_within_the_tolerance_and_no_further() {
    let a = rows(&[Some(1), Some(1)], &[0.1 + 0.2, 5.0]);
    assert_eq!(compare(std::slice::from_ref(&a), &[rows(&[Some(1), Some(1)], &[5.0, 0.3])]).unwrap(), None);
    assert_eq!(compare(&[rows(&[None], &[0.0])], &[rows(&[None], &[-0.0])]).unwrap(), None);
    let difference = compare(&[a], &[rows(&[Some(1), Some(1)], &[5.0, 0.300_001])]).unwrap().unwrap();
    assert_eq!(difference.missing.len() + difference.wrong.len(), 2);
}

#[test]
fn a_changelog_is_folded_by_weight() {
    let found = [changes(&[1, 2], &[1, 1]), changes(&[1, 3], &[-1, 2])];
    assert_eq!(compare(&[ids(&[3, 2, 3])], &found).unwrap(), None);
}

#[test]
fn a_row_taken_back_too_often_is_a_difference_by_itself() {
    let difference = compare(&[ids(&[1])], &[changes(&[1, 2], &[1, -1])]).unwrap().unwrap();
    assert_eq!(difference.overdrawn, [r#"{"id":2}"#]);
    assert!(difference.missing.is_empty() && difference.wrong.is_empty());
    assert!(difference.to_string().contains("1 overdrawn"));
}

#[test]
fn other_types_are_named() {
    let difference = compare(&[ids(&[1])], &[rows(&[Some(1)], &[1.0])]).unwrap().unwrap();
    assert_eq!(difference.to_string(), "the columns are (id Int64, x Float64), and should be (id Int64)");
}
