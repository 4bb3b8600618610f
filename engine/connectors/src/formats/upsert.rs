//! Reads the last row of a key, or that it is gone, as a topic that is compacted has it: the key beside the record, and
//! the row as a JSON object, or nothing, in it.
//!
//! A row comes with the weight +1. Of a key that is gone there is a row with the weight −1 in which only the columns of
//! the key are filled. Those always come of the record's key, by which others are told that it is gone.

mod key;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array, make_comparator};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_core::WEIGHT;
use headwater_plan::TableError;

use self::key::KeyDecoder;
use super::json::{JsonDecoder, TimestampFormat};
use super::{BadRecord, Decoded, Record, UPSERT, unreadable};

/// Says that a table of upserts has no primary key.
pub(crate) fn no_primary_key() -> TableError {
    TableError::new(format!("format '{UPSERT}' needs to know which rows are the same"))
        .with_option("format")
        .with_hint("declare the columns, one of them PRIMARY KEY: CREATE TABLE t (id BIGINT PRIMARY KEY, …)")
}

/// Reads upserts into the declared columns, all of which but the key's may be null, and the weight.
pub(crate) struct UpsertDecoder {
    columns: SchemaRef,
    weighted: SchemaRef,
    /// Where the columns of the key are, in the order in which they were declared as the key.
    key: Vec<usize>,
    keys: KeyDecoder,
    values: JsonDecoder,
}

/// What was read of some contents, of which each is to be one row.
struct Found {
    columns: Vec<ArrayRef>,
    /// Which row each content is, or why it is none.
    rows: Vec<Result<usize, String>>,
}

impl UpsertDecoder {
    /// A decoder into these columns, of records whose key is that of the table.
    ///
    /// # Errors
    /// When there is no key, or one of other columns, and when JSON cannot hold one of the columns' types.
    pub(crate) fn new(
        columns: SchemaRef,
        primary_key: &[String],
        timestamps: TimestampFormat,
    ) -> Result<Self, TableError> {
        if primary_key.is_empty() {
            return Err(no_primary_key());
        }
        let position = |name: &String| {
            columns.index_of(name).map_err(|_| {
                let error = TableError::new(format!("column '{name}' of the primary key is not of the record itself"));
                error.with_column(name).with_hint("the primary key is what the message's key says")
            })
        };
        let key = primary_key.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        let refused = |error: ArrowError| unreadable(UPSERT, &columns, &error);
        let keys = KeyDecoder::new(Arc::new(columns.project(&key).map_err(refused)?))?;
        // The row itself need not repeat its key.
        let of_values = with_nullable(&columns, |index| key.contains(&index));
        let values = JsonDecoder::new(Arc::new(Schema::new(of_values)), timestamps).map_err(refused)?;
        let mut weighted = with_nullable(&columns, |index| !key.contains(&index));
        weighted.push(Field::new(WEIGHT, DataType::Int64, false));
        Ok(UpsertDecoder { weighted: Arc::new(Schema::new(weighted)), columns, key, keys, values })
    }

    /// Reads a run of records.
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let keys = self.keys.decode(records)?;
        let contents: Vec<Record<'_>> = records.iter().filter(|record| !record.is_tombstone).copied().collect();
        let values = one_row_each(&mut self.values, &contents)?;
        let disagrees = self.disagreement(&keys, &values)?;
        let (mut key_rows, mut value_rows): (Vec<u32>, Vec<Option<u32>>) = (Vec::new(), Vec::new());
        let (mut rows, mut bad) = (Vec::with_capacity(records.len()), Vec::new());
        let mut value_of = values.rows.into_iter();
        for (index, (record, key)) in records.iter().zip(keys.rows).enumerate() {
            let value = if record.is_tombstone { None } else { value_of.next() };
            match pair(key, value, &disagrees) {
                Ok((key, value)) => {
                    key_rows.push(key as u32);
                    value_rows.push(value.map(|value| value as u32));
                    rows.push(1);
                }
                Err(reason) => {
                    bad.push(BadRecord { index, reason });
                    rows.push(0);
                }
            }
        }
        let weights = value_rows.iter().map(|value| if value.is_some() { 1 } else { -1 });
        let weights: ArrayRef = Arc::new(Int64Array::from_iter_values(weights));
        let (key_rows, value_rows) = (UInt32Array::from(key_rows), UInt32Array::from(value_rows));
        let column = |index: usize| match self.key.iter().position(|key| *key == index) {
            Some(place) => take(&keys.columns[place], &key_rows, None),
            None => take(&values.columns[index], &value_rows, None),
        };
        let mut columns = (0..self.columns.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
        columns.push(weights);
        Ok(Decoded { batch: RecordBatch::try_new(self.weighted.clone(), columns)?, rows, bad })
    }

    /// Says why a row is not of the key that stands beside it. A key that a row does not have disagrees with none, and
    /// nor does a timestamp, which may be cut in one of the two.
    fn disagreement(
        &self,
        keys: &Found,
        values: &Found,
    ) -> Result<impl Fn(usize, usize) -> Option<String> + use<>, ArrowError> {
        let mut compared = Vec::new();
        for (of_key, index) in keys.columns.iter().zip(&self.key) {
            let of_value = values.columns[*index].clone();
            if !matches!(of_value.data_type(), DataType::Timestamp(..)) {
                let compare = make_comparator(of_key, &of_value, SortOptions::default())?;
                compared.push((self.columns.field(*index).name().clone(), of_value, compare));
            }
        }
        Ok(move |key: usize, value: usize| {
            let differs =
                compared.iter().find(|(_, of_value, compare)| of_value.is_valid(value) && compare(key, value).is_ne());
            differs.map(|(name, ..)| format!("its column {name} is another one than its key says"))
        })
    }
}

/// The row of the key, and that of the content where there is one.
fn pair(
    key: Result<usize, String>,
    value: Option<Result<usize, String>>,
    disagrees: impl Fn(usize, usize) -> Option<String>,
) -> Result<(usize, Option<usize>), String> {
    let (key, value) = (key?, value.transpose()?);
    match value.and_then(|value| disagrees(key, value)) {
        Some(reason) => Err(reason),
        None => Ok((key, value)),
    }
}

/// Reads contents of which each is one object.
fn one_row_each(decoder: &mut JsonDecoder, contents: &[Record<'_>]) -> Result<Found, ArrowError> {
    let Decoded { batch, rows: counts, bad } = decoder.decode(contents)?;
    let mut reasons = bad.into_iter().peekable();
    let mut next = 0;
    let mut rows = Vec::with_capacity(counts.len());
    for (index, count) in counts.into_iter().enumerate() {
        rows.push(match (reasons.next_if(|bad| bad.index == index), count) {
            (Some(bad), _) => Err(bad.reason),
            (None, 1) => Ok(next),
            (None, count) => Err(format!("it is one object, and not {count}")),
        });
        next += count;
    }
    Ok(Found { columns: batch.columns().to_vec(), rows })
}

/// The columns, of which those at some places may be null.
fn with_nullable(columns: &Schema, nullable: impl Fn(usize) -> bool) -> Vec<Field> {
    let field = |(index, field): (usize, &Arc<Field>)| match nullable(index) {
        true => field.as_ref().clone().with_nullable(true),
        false => field.as_ref().clone(),
    };
    columns.fields().iter().enumerate().map(field).collect()
}

#[cfg(test)]
mod tests;
