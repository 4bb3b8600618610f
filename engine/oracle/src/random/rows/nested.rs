//! Made-up lists and JSON beside the columns of other tables: nulls, empty lists, keys that are missing, values of
//! another kind, and texts that are no JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::super::relation::Column;
use crate::rng::Rng;

/// The columns that are declared after those that every table has.
pub(super) const DECLARED: &str = "l BIGINT[], t TEXT[], o TEXT";
/// How many columns every table has.
const SHARED: usize = 5;

/// The columns that every table has.
pub(in super::super) fn columns() -> Vec<Column> {
    super::columns().into_iter().take(SHARED).collect()
}

/// The rows with lists and JSON for their other columns.
pub(super) fn of(rows: &RecordBatch, rng: &mut Rng) -> Result<RecordBatch, ArrowError> {
    let shared = rows.project(&(0..SHARED).collect::<Vec<_>>())?;
    let (mut numbers, mut objects) = (Vec::new(), Vec::new());
    let mut texts = ListBuilder::new(StringBuilder::new());
    for _ in 0..rows.num_rows() {
        numbers.push(list(rng, |rng| rng.between(-3, 9)));
        texts.append_option(list(rng, |rng| *rng.pick(&["", "a", "ab", "é"])));
        objects.push(json(rng));
    }
    let mut fields: Vec<Arc<Field>> = shared.schema().fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = shared.columns().to_vec();
    fields.push(Arc::new(Field::new("l", DataType::new_list(DataType::Int64, true), true)));
    columns.push(Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(numbers)));
    fields.push(Arc::new(Field::new("t", DataType::new_list(DataType::Utf8, true), true)));
    columns.push(Arc::new(texts.finish()));
    fields.push(Arc::new(Field::new("o", DataType::Utf8, true)));
    columns.push(Arc::new(StringArray::from(objects)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// None to four elements, some of them null; or no list.
fn list<T>(rng: &mut Rng, element: fn(&mut Rng) -> T) -> Option<Vec<Option<T>>> {
    if rng.chance(15) {
        return None;
    }
    let count = rng.below(5);
    Some((0..count).map(|_| if rng.chance(15) { None } else { Some(element(rng)) }).collect())
}

/// An object with some of the keys that queries ask for, or something else.
fn json(rng: &mut Rng) -> Option<String> {
    match rng.below(16) {
        0 => return None,
        1 => return Some((*rng.pick(&["", "no json", "{\"a\":1", "{}", "[1,\"a\",2]", "null", "5"])).to_owned()),
        _ => {}
    }
    let mut members = Vec::new();
    for key in ["a", "b", "f", "l"] {
        if rng.chance(80) {
            members.push(format!("\"{key}\":{}", rng.pick(values(key))));
        }
    }
    rng.shuffle(&mut members);
    Some(format!("{{{}}}", members.join(",")))
}

/// What stands behind a key.
fn values(key: &str) -> &'static [&'static str] {
    match key {
        "a" => &["1", "2", "-3", "\"7\"", "\"a\"", "2.5", "true", "null"],
        "b" => &["{\"c\":\"a\",\"d\":1.25}", "{\"c\":\"é\\n\",\"d\":-2}", "{\"c\":5}", "{}", "3", "null"],
        "f" => &["true", "false", "null", "\"true\""],
        _ => &["[]", "[1]", "[3,\"a\",null]", "[[1],2]", "\"ab\"", "null"],
    }
}
