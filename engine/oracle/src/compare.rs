//! Two answers as multisets of rows, and how they differ.
//!
//! A changelog is folded first: a row counts as often as its weights sum up to. Rows are equal when their values are:
//! nulls are equal to nulls, timestamps to the last digit; only floating point is given a tolerance, because a sum may
//! be added up in any order.

use std::collections::HashMap;
use std::fmt;

use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use headwater_core::{EVENT_TIME, WEIGHT, schema::weights};
use serde_json::Value;
use std::sync::Arc;

/// Floating point that differs by less than this part of itself is equal.
const TOLERANCE: f64 = 1e-9;
/// Below this numbers differ by as much as it may.
const SMALL: f64 = 1e-3;
/// Rows of each kind that a difference shows.
const SHOWN: usize = 10;
/// Rows that are compared one with another when floating point is among them.
const MATCHED: usize = 3_000;

/// How an answer differs from what it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What is wrong with the columns, where the rows cannot even be compared.
    pub columns: Option<String>,
    /// Rows that should be there, as JSON.
    pub missing: Vec<String>,
    /// Rows that should not.
    pub wrong: Vec<String>,
    /// Rows that were taken back more often than they were given.
    pub overdrawn: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(columns) = &self.columns {
            return write!(f, "{columns}");
        }
        let kinds = [("−", "missing", &self.missing), ("+", "wrong", &self.wrong), ("!", "overdrawn", &self.overdrawn)];
        let counts = kinds.iter().filter(|(_, _, rows)| !rows.is_empty());
        let counts: Vec<String> = counts.map(|(_, name, rows)| format!("{} {name}", rows.len())).collect();
        write!(f, "rows: {}", counts.join(", "))?;
        for (sign, _, rows) in kinds {
            for row in rows.iter().take(SHOWN) {
                write!(f, "\n{sign} {row}")?;
            }
            if rows.len() > SHOWN {
                write!(f, "\n{sign} … and {} more", rows.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// Compares what was found with what is expected. Hidden columns are left out; weights count.
///
/// # Errors
/// When Arrow cannot compare values of a type.
pub(crate) fn compare(expected: &[RecordBatch], found: &[RecordBatch]) -> Result<Option<Difference>, ArrowError> {
    if let (Some(a), Some(b)) = (expected.first(), found.first())
        && let Some(columns) = other_columns(a, b)
    {
        return Ok(Some(Difference { columns: Some(columns), ..Difference::default() }));
    }
    let (expected, found) = (Folded::new(expected)?, Folded::new(found)?);
    let mut difference = Difference::default();
    let (mut missing, mut wrong): (Vec<Place>, Vec<Place>) = (Vec::new(), Vec::new());
    for (row, (count, place)) in &found.rows {
        if *count < 0 {
            difference.overdrawn.push(found.line(*place)?);
        }
        let surplus = (*count).max(0) - expected.rows.get(row).map_or(0, |(count, _)| *count);
        wrong.extend((0..surplus).map(|_| *place));
    }
    for (row, (count, place)) in &expected.rows {
        let lacking = *count - found.rows.get(row).map_or(0, |(count, _)| (*count).max(0));
        missing.extend((0..lacking).map(|_| *place));
    }
    difference.missing = missing.into_iter().map(|place| expected.line(place)).collect::<Result<_, _>>()?;
    difference.wrong = wrong.into_iter().map(|place| found.line(place)).collect::<Result<_, _>>()?;
    match_nearly(&mut difference);
    difference.missing.sort();
    difference.wrong.sort();
    let equal = difference.missing.is_empty() && difference.wrong.is_empty() && difference.overdrawn.is_empty();
    Ok((!equal).then_some(difference))
}

/// A row of some batches: the number of the batch, and of the row in it.
type Place = (usize, usize);

/// Rows by their values, with how often each is there and where one of them is.
struct Folded {
    rows: HashMap<Vec<u8>, (i64, Place)>,
    batches: Vec<RecordBatch>,
}

impl Folded {
    fn new(batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let mut folded = Folded { rows: HashMap::new(), batches: Vec::new() };
        for batch in batches {
            let weights = weights(batch);
            let visible = visible(batch)?;
            let number = folded.batches.len();
            let fields = visible.columns().iter().map(|column| SortField::new(column.data_type().clone()));
            let converter = RowConverter::new(fields.collect())?;
            let rows =
                if visible.num_columns() > 0 { Some(converter.convert_columns(visible.columns())?) } else { None };
            for row in 0..visible.num_rows() {
                let bytes = rows.as_ref().map_or_else(Vec::new, |rows| rows.row(row).data().to_vec());
                let entry = folded.rows.entry(bytes).or_insert((0, (number, row)));
                entry.0 += weights.map_or(1, |weights| weights.value(row));
            }
            folded.batches.push(visible);
        }
        Ok(folded)
    }

    fn line(&self, (batch, row): Place) -> Result<String, ArrowError> {
        line(&self.batches[batch].slice(row, 1))
    }
}

/// The batch without its hidden columns.
pub(crate) fn visible(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let fields = batch.schema_ref().fields().iter().enumerate();
    let visible = fields.filter(|(_, field)| ![EVENT_TIME, WEIGHT].contains(&field.name().as_str()));
    batch.project(&visible.map(|(index, _)| index).collect::<Vec<_>>())
}

/// One row as JSON.
pub(crate) fn line(row: &RecordBatch) -> Result<String, ArrowError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(row)?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).trim_end().to_owned())
}

/// How the columns differ, if they do. Whether one may be null is no difference.
fn other_columns(expected: &RecordBatch, found: &RecordBatch) -> Option<String> {
    let columns = |batch: &RecordBatch| -> Vec<(String, DataType)> {
        let fields = batch.schema_ref().fields().iter();
        let visible = fields.filter(|field| ![EVENT_TIME, WEIGHT].contains(&field.name().as_str()));
        visible.map(|field| (field.name().clone(), plain(field.data_type()))).collect()
    };
    let (expected, found) = (columns(expected), columns(found));
    let types = |columns: &[(String, DataType)]| columns.iter().map(|(_, t)| t.clone()).collect::<Vec<_>>();
    if types(&expected) == types(&found) {
        return None;
    }
    let shown = |columns: &[(String, DataType)]| {
        columns.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect::<Vec<_>>().join(", ")
    };
    Some(format!("the columns are ({}), and should be ({})", shown(&found), shown(&expected)))
}

/// The type with every nested field nullable.
fn plain(data_type: &DataType) -> DataType {
    let field = |field: &Arc<Field>| Arc::new(Field::new(field.name(), plain(field.data_type()), true));
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        DataType::List(item) => DataType::List(field(item)),
        other => other.clone(),
    }
}

/// Takes out pairs of rows that differ only within the tolerance of floating point.
fn match_nearly(difference: &mut Difference) {
    if difference.missing.len() > MATCHED || difference.wrong.len() > MATCHED {
        return;
    }
    let parse =
        |rows: &[String]| -> Vec<Option<Value>> { rows.iter().map(|row| serde_json::from_str(row).ok()).collect() };
    let (missing, mut wrong) = (parse(&difference.missing), parse(&difference.wrong));
    let mut kept = Vec::new();
    for (row, text) in missing.iter().zip(&difference.missing) {
        let near = |other: &Option<Value>| row.as_ref().zip(other.as_ref()).is_some_and(|(a, b)| nearly_equal(a, b));
        match wrong.iter().position(near) {
            Some(index) => {
                wrong.swap_remove(index);
                difference.wrong.swap_remove(index);
            }
            None => kept.push(text.clone()),
        }
    }
    difference.missing = kept;
}

fn nearly_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() && y.is_f64() => {
            let (Some(x), Some(y)) = (x.as_f64(), y.as_f64()) else { return false };
            // A sum that comes to nothing keeps what its parts were rounded by.
            x == y || (x - y).abs() <= TOLERANCE * x.abs().max(y.abs()).max(SMALL)
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| nearly_equal(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|((a, x), (b, y))| a == b && nearly_equal(x, y))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
