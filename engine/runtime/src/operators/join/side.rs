//! One side of a join: its rows by key, and what the join says of a row by itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::changelog::fold;
use headwater_core::{KeyRange, OperatorError, RestoredChunk, StateChunk, StreamSchema, hash_columns};

use super::pairs::{any_null, is_set};
use crate::operators::chunk::ChunkNames;
use crate::operators::evaluate;
use crate::operators::row_table::{Changes, RowTable, SlotId};
use crate::operators::state_log::{StateLog, split_weight};
use crate::operators::storage::Storage;

/// What a join says of a row by itself, beside its pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    /// Nothing.
    Nothing,
    /// A row without a match, with nulls for the other side.
    Outer,
    /// A row that has a match.
    Semi,
    /// A row that has none.
    Anti,
    /// The row, and whether it has a match.
    Mark,
}

impl Alone {
    /// Whether anything is said of a row that has a match, or has none.
    pub(super) fn says(self, matched: bool) -> bool {
        match self {
            Alone::Nothing => false,
            Alone::Outer | Alone::Anti => !matched,
            Alone::Semi => matched,
            Alone::Mark => true,
        }
    }

    /// The visible output columns for `rows` rows of side number `side`.
    pub(super) fn columns(
        self,
        own: Vec<ArrayRef>,
        side: usize,
        matched: bool,
        rows: usize,
        output: &StreamSchema,
    ) -> Result<Vec<ArrayRef>, OperatorError> {
        Ok(match self {
            Alone::Outer => {
                let others = output.visible_count().checked_sub(own.len());
                let others =
                    others.ok_or_else(|| OperatorError::plan("a join has fewer columns than one of its sides"))?;
                let first = if side == 0 { own.len() } else { 0 };
                let types = output.full().fields().iter().skip(first).take(others);
                let nulls: Vec<ArrayRef> = types.map(|field| new_null_array(field.data_type(), rows)).collect();
                if side == 0 { own.into_iter().chain(nulls).collect() } else { nulls.into_iter().chain(own).collect() }
            }
            Alone::Mark => {
                let mark: ArrayRef = Arc::new(BooleanArray::from(vec![matched; rows]));
                own.into_iter().chain([mark]).collect()
            }
            Alone::Nothing | Alone::Semi | Alone::Anti => own,
        })
    }
}

/// The state of one side.
pub(super) struct Side {
    /// The keys, over its input.
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    /// What is said of its rows by themselves.
    pub(super) alone: Alone,
    /// Its rows: the visible columns and the event time.
    pub(super) table: RowTable,
    /// How many columns are visible.
    pub(super) visible: usize,
    /// Whether rows are taken back.
    updating: bool,
    log: StateLog,
}

/// Rows that came, with what the join needs of them.
pub(super) struct Arrived {
    /// The visible columns and the event time.
    pub(super) rows: RecordBatch,
    /// The keys.
    pub(super) keys: Vec<ArrayRef>,
    /// The hashes of the keys.
    pub(super) hashes: Vec<u64>,
    /// The weights.
    pub(super) weights: Vec<i64>,
    /// The weight of what each has met.
    pub(super) degrees: Vec<i64>,
    keyless: Option<BooleanArray>,
}

impl Arrived {
    /// Whether a row has a null for a key, and so no match.
    pub(super) fn keyless(&self, row: usize) -> bool {
        is_set(self.keyless.as_ref(), row)
    }
}

impl Side {
    /// A side without rows.
    pub(super) fn new(
        name: &'static str,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        input: &StreamSchema,
        alone: Alone,
        hash_columns: Vec<usize>,
        storage: &Storage,
    ) -> Self {
        let visible = input.visible_count();
        let columns: Vec<_> = input.full().fields().iter().take(visible + 1).cloned().collect();
        let schema = Arc::new(Schema::new(columns));
        let matched = Arc::new(Field::new("_matched", DataType::Boolean, false));
        let stored = schema.fields().iter().cloned().chain([matched]).collect::<Vec<_>>();
        let log = StateLog::new(name, &Schema::new(stored), hash_columns, storage.kept());
        Side { keys, alone, table: RowTable::new(schema, storage), visible, updating: input.is_updating(), log }
    }

    /// Changes without those that add up to nothing.
    pub(super) fn folded(&self, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        if self.updating { fold(&batch.schema(), &[batch], &[self.visible]) } else { Ok(batch) }
    }

    /// Looks at rows, which may have a weight column that is not looked at.
    pub(super) fn arrived(
        &self,
        batch: &RecordBatch,
        weights: Vec<i64>,
        null_equal: bool,
    ) -> Result<Arrived, OperatorError> {
        let keys = evaluate::columns(&self.keys, batch)?;
        let count = batch.num_rows();
        let hashes = hash_columns(&keys, count)?;
        let keyless = if null_equal { None } else { any_null(&keys, count) };
        let columns = batch.columns()[..=self.visible].to_vec();
        let rows = RecordBatch::try_new(self.table.schema().clone(), columns).map_err(failed)?;
        Ok(Arrived { rows, keys, hashes, weights, degrees: vec![0; count], keyless })
    }

    /// Keeps rows, and lets go of those that are taken back; those without a key will never be looked for.
    pub(super) fn insert(&mut self, arrived: Arrived) -> Result<(), OperatorError> {
        let Arrived { rows, hashes, weights, degrees, keyless, .. } = arrived;
        let mut changes = Changes { rows, hashes, weights, degrees };
        if let Some(keyless) = keyless {
            changes = changes.filter(|row| !keyless.value(row))?;
        }
        for part in changes.by_sign()? {
            // What takes a row back need not be as old as the row.
            let set_off = self.table.set_off(&part, self.visible, |_, _| true)?;
            self.record_gone(&set_off.slots, &set_off.weights)?;
            self.table.reduce(&set_off)?;
            if self.log.is_kept() {
                let left = part.filter(|row| set_off.left[row] != 0)?;
                let matched = left.degrees.iter().map(|degree| *degree > 0);
                let weights = set_off.left.iter().copied().filter(|weight| *weight != 0);
                let come = self.stored(&left.rows, matched, weights)?;
                self.log.record(come, self.table.len() + left.rows.num_rows())?;
            }
            self.table.insert_left(part, &set_off.left)?;
        }
        Ok(())
    }

    /// Writes down that rows lose some of their weight.
    fn record_gone(&mut self, slots: &[SlotId], weights: &[i64]) -> Result<(), OperatorError> {
        if slots.is_empty() || !self.log.is_kept() {
            return Ok(());
        }
        let matched = slots.iter().map(|slot| self.table.degree(*slot) > 0);
        let gone = self.stored(&self.table.rows(slots)?, matched, weights.iter().map(|weight| -weight))?;
        self.log.record(gone, self.table.len())
    }

    /// Removes rows for good.
    pub(super) fn forget(&mut self, slots: &[SlotId]) -> Result<(), OperatorError> {
        let weights: Vec<i64> = slots.iter().map(|slot| self.table.weight(*slot)).collect();
        self.record_gone(slots, &weights)?;
        self.table.remove(slots)
    }

    /// Learns that rows in these slots have a match now that had none, or the other way round.
    pub(super) fn turned(&mut self, slots: &[SlotId], rows: &RecordBatch, now: bool) -> Result<(), OperatorError> {
        if self.log.is_kept() && !slots.is_empty() {
            for (matched, sign) in [(!now, -1), (now, 1)] {
                let weights = slots.iter().map(|slot| sign * self.table.weight(*slot));
                let change = self.stored(rows, slots.iter().map(|_| matched), weights)?;
                self.log.record(change, self.table.len())?;
            }
        }
        Ok(())
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.table.size() + self.log.size()
    }

    /// The state at a barrier.
    pub(super) fn hand_over(&mut self, names: &mut ChunkNames) -> Result<Vec<StateChunk>, OperatorError> {
        let (table, schema) = (&self.table, self.log.schema().clone());
        let stored = |slots: &[SlotId]| {
            let mut columns = table.rows(slots)?.columns().to_vec();
            columns.push(flags(slots.iter().map(|slot| table.degree(*slot) > 0)));
            columns.push(Arc::new(Int64Array::from_iter_values(slots.iter().map(|slot| table.weight(*slot)))));
            RecordBatch::try_new(schema.clone(), columns).map_err(failed)
        };
        self.log.hand_over(table, names, stored)
    }

    /// Takes back what a chunk says, without degrees beyond whether a row had a match. False when it is of another table.
    pub(super) fn restore(
        &mut self,
        chunk: &RestoredChunk,
        range: KeyRange,
        null_equal: bool,
    ) -> Result<bool, OperatorError> {
        let Some(changes) = self.log.restore(chunk, range)? else { return Ok(false) };
        let (stored, weights) = split_weight(&changes)?;
        let matched = stored.columns().last().and_then(|column| column.as_boolean_opt());
        let degrees = matched.map(|column| column.values().iter().map(i64::from).collect()).unwrap_or_default();
        let Arrived { rows, hashes, .. } = self.arrived(&stored, weights.clone(), null_equal)?;
        self.table.apply(Changes { rows, hashes, weights, degrees })?;
        Ok(true)
    }

    /// Whether each row that was restored had a match, in order of the slots: what it met may have been forgotten since.
    pub(super) fn take_matched(&mut self) -> Vec<bool> {
        let slots = self.table.slots();
        let matched = slots.iter().map(|slot| self.table.degree(*slot) > 0).collect();
        slots.iter().for_each(|slot| self.table.add_degree(*slot, -self.table.degree(*slot)));
        matched
    }

    fn stored(
        &self,
        rows: &RecordBatch,
        matched: impl Iterator<Item = bool>,
        weights: impl Iterator<Item = i64>,
    ) -> Result<RecordBatch, OperatorError> {
        let mut columns = rows.columns().to_vec();
        columns.push(flags(matched));
        columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        RecordBatch::try_new(self.log.schema().clone(), columns).map_err(failed)
    }
}

fn flags(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values.collect::<Vec<_>>()))
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("keep the rows of a join", source)
}
