//! A changelog as rows that others can read: folded, paired by the primary key, and written as `debezium_json` (each
//! change with what was before and after it) or `upsert_json` (the last row of a key, or that it is gone).
//!
//! A batch is folded before anything is written: a row that came and went within it leaves nothing. With a primary
//! key, a row that went and one of the same key that came are one update. Without a key nothing says that two rows are
//! the same thing, so rows are created and deleted.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, StructArray, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use headwater_core::StreamSchema;
use headwater_core::schema::weights;
use headwater_plan::TableError;
use headwater_plan::options::nearest;

/// A change, as rows of the batch that it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    before: Option<u32>,
    after: Option<u32>,
}

/// The rows of one key that went, and those that came.
#[derive(Debug, Default)]
struct KeyRows {
    gone: Vec<u32>,
    come: Vec<u32>,
}

/// The rows of a batch of changes as an upsert says them: one a key.
#[derive(Debug)]
pub(crate) struct Upserts {
    /// The visible columns; of a deleted key, those of its last row.
    pub(crate) rows: RecordBatch,
    /// Whether the key of a row is gone.
    pub(crate) deleted: BooleanArray,
}

/// Folds the changes of one stream. Batches are those of the stream with all their columns; one without weights only
/// adds rows.
#[derive(Clone, Debug)]
pub(crate) struct Changelog {
    visible: SchemaRef,
    key: Vec<usize>,
}

impl Changelog {
    /// The changes of a stream whose rows are told apart by `primary_key`; all by themselves where it is empty.
    ///
    /// # Errors
    /// When a column of the key is not there, or rows cannot be compared.
    pub(crate) fn new(schema: &StreamSchema, primary_key: &[String]) -> Result<Self, TableError> {
        let visible = schema.visible();
        let position = |name: &String| {
            visible.index_of(name).map_err(|_| {
                let error = TableError::new(format!("the query gives no column '{name}' for the primary key"));
                match nearest(name, visible.fields().iter().map(|field| field.name().as_str())) {
                    Some(near) => error.with_column(name).with_hint(format!("did you mean '{near}'?")),
                    None => error.with_column(name),
                }
            })
        };
        let key = primary_key.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        let all: Vec<usize> = (0..visible.fields().len()).collect();
        converter(&visible, &all).map_err(|error| TableError::new(format!("the rows cannot be compared: {error}")))?;
        Ok(Changelog { visible, key })
    }

    /// The columns of [`Changelog::debezium`].
    fn debezium_schema(&self) -> SchemaRef {
        let row = DataType::Struct(nullable(self.visible.fields()));
        Arc::new(Schema::new(vec![
            Field::new("before", row.clone(), true),
            Field::new("after", row, true),
            Field::new("op", DataType::Utf8, false),
        ]))
    }

    /// The changes of a batch as rows of `before`, `after` and `op`: `c` for created, `u` for updated, `d` for deleted.
    ///
    /// # Errors
    /// When Arrow refuses.
    pub(crate) fn debezium(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        self.envelopes(batch, &self.fold(batch)?)
    }

    /// The same, and for every change the visible columns of the row after it, or before it where none is after.
    ///
    /// # Errors
    /// When Arrow refuses.
    pub(crate) fn debezium_with_rows(&self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch), ArrowError> {
        let changes = self.fold(batch)?;
        let rows = self.rows(batch, changes.iter().filter_map(|change| change.after.or(change.before)))?;
        Ok((self.envelopes(batch, &changes)?, rows))
    }

    fn envelopes(&self, batch: &RecordBatch, changes: &[Change]) -> Result<RecordBatch, ArrowError> {
        let count = self.visible.fields().len();
        let fields = nullable(self.visible.fields());
        let rows = StructArray::try_new_with_length(fields, batch.columns()[..count].to_vec(), None, batch.num_rows())?;
        let side = |side: fn(&Change) -> Option<u32>| -> Result<ArrayRef, ArrowError> {
            take(&rows, &changes.iter().map(side).collect::<UInt32Array>(), None)
        };
        let op = |change: &Change| match (change.before, change.after) {
            (None, _) => "c",
            (Some(_), Some(_)) => "u",
            (Some(_), None) => "d",
        };
        let columns: Vec<ArrayRef> = vec![
            side(|change| change.before)?,
            side(|change| change.after)?,
            Arc::new(StringArray::from_iter_values(changes.iter().map(op))),
        ];
        RecordBatch::try_new(self.debezium_schema(), columns)
    }

    /// The last row of every key in a batch, or that it is gone.
    ///
    /// # Errors
    /// When Arrow refuses.
    pub(crate) fn upserts(&self, batch: &RecordBatch) -> Result<Upserts, ArrowError> {
        let changes = self.fold(batch)?;
        let mut latest: Vec<Change> = Vec::with_capacity(changes.len());
        let keys = self.comparable(batch, &self.key)?;
        let mut place: HashMap<&[u8], usize> = HashMap::new();
        for change in changes {
            let Some(row) = change.after.or(change.before) else { continue };
            let index = *place.entry(keys.row(row as usize).data()).or_insert(latest.len());
            match latest.get_mut(index) {
                // A row that is there wins over one that is gone: the key is not gone.
                Some(known) if change.after.is_some() => *known = change,
                Some(_) => {}
                None => latest.push(change),
            }
        }
        let rows = self.rows(batch, latest.iter().filter_map(|change| change.after.or(change.before)))?;
        Ok(Upserts { rows, deleted: latest.iter().map(|change| Some(change.after.is_none())).collect() })
    }

    fn rows(&self, batch: &RecordBatch, rows: impl Iterator<Item = u32>) -> Result<RecordBatch, ArrowError> {
        let visible: Vec<usize> = (0..self.visible.fields().len()).collect();
        take_record_batch(&batch.project(&visible)?, &UInt32Array::from_iter_values(rows))
    }

    fn comparable(&self, batch: &RecordBatch, columns: &[usize]) -> Result<arrow::row::Rows, ArrowError> {
        let arrays: Vec<ArrayRef> = columns.iter().map(|column| Arc::clone(batch.column(*column))).collect();
        converter(&self.visible, columns)?.convert_columns(&arrays)
    }

    /// What is left of a batch when equal rows that came and went have taken each other away.
    fn fold(&self, batch: &RecordBatch) -> Result<Vec<Change>, ArrowError> {
        let rows = 0..u32::try_from(batch.num_rows()).map_err(|error| ArrowError::ComputeError(error.to_string()))?;
        let created = |row| Change { before: None, after: Some(row) };
        let Some(weights) = weights(batch).filter(|weights| weights.values().iter().any(|weight| *weight != 1)) else {
            return Ok(rows.map(created).collect());
        };
        let net = self.net(batch, weights.values())?;
        let mut changes = Vec::with_capacity(net.len());
        if self.key.is_empty() {
            for (row, weight) in net {
                let change = if weight > 0 { created(row) } else { Change { before: Some(row), after: None } };
                changes.extend(std::iter::repeat_n(change, weight.unsigned_abs() as usize));
            }
            return Ok(changes);
        }
        for KeyRows { gone, come } in self.by_key(batch, &net)? {
            let longer = gone.len().max(come.len());
            let change = |index| Change { before: gone.get(index).copied(), after: come.get(index).copied() };
            changes.extend((0..longer).map(change));
        }
        Ok(changes)
    }

    /// Rows that are all different, each with the sum of its weights, which is not 0; in the order of their last change.
    fn net(&self, batch: &RecordBatch, weights: &[i64]) -> Result<Vec<(u32, i64)>, ArrowError> {
        let all: Vec<usize> = (0..self.visible.fields().len()).collect();
        let comparable = self.comparable(batch, &all)?;
        let mut net: HashMap<&[u8], (u32, i64)> = HashMap::with_capacity(batch.num_rows());
        for ((index, row), weight) in (0_u32..).zip(&comparable).zip(weights) {
            let (last, sum) = net.entry(row.data()).or_insert((index, 0));
            *last = index;
            *sum += weight;
        }
        let mut net: Vec<_> = net.into_values().filter(|(_, weight)| *weight != 0).collect();
        net.sort_unstable();
        Ok(net)
    }

    /// For every key, in the order of its first row, the rows that went and those that came.
    fn by_key(&self, batch: &RecordBatch, net: &[(u32, i64)]) -> Result<Vec<KeyRows>, ArrowError> {
        let keys = self.comparable(batch, &self.key)?;
        let mut groups: Vec<KeyRows> = Vec::new();
        let mut place: HashMap<&[u8], usize> = HashMap::new();
        for (row, weight) in net {
            let index = *place.entry(keys.row(*row as usize).data()).or_insert(groups.len());
            if index == groups.len() {
                groups.push(KeyRows::default());
            }
            let KeyRows { gone, come } = &mut groups[index];
            let side = if *weight > 0 { come } else { gone };
            side.extend(std::iter::repeat_n(*row, weight.unsigned_abs() as usize));
        }
        Ok(groups)
    }
}

fn nullable(fields: &Fields) -> Fields {
    fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect()
}

fn converter(schema: &Schema, columns: &[usize]) -> Result<RowConverter, ArrowError> {
    RowConverter::new(columns.iter().map(|column| SortField::new(schema.field(*column).data_type().clone())).collect())
}

#[cfg(test)]
mod tests;
