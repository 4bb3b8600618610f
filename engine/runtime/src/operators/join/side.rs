//! One side of a join: its rows by key, and what the join says of a row by itself.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::changelog::fold;
use headwater_core::{KeyRange, OperatorError, RestoredChunk, StateChunk, StreamSchema, hash_columns};

use super::pairs::{any_null, is_set};
use super::rows_at;
use crate::operators::chunk::ChunkNames;
use crate::operators::equality::equal_rows;
use crate::operators::evaluate;
use crate::operators::row_table::{RowTable, SlotId};
use crate::operators::state_log::{StateLog, split_weight};

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
        kept: bool,
    ) -> Self {
        let visible = input.visible_count();
        let columns: Vec<_> = input.full().fields().iter().take(visible + 1).cloned().collect();
        let schema = Arc::new(Schema::new(columns));
        let matched = Arc::new(Field::new("_matched", DataType::Boolean, false));
        let stored = schema.fields().iter().cloned().chain([matched]).collect::<Vec<_>>();
        let log = StateLog::new(name, &Schema::new(stored), hash_columns, kept);
        Side { keys, alone, table: RowTable::new(schema), visible, updating: input.is_updating(), log }
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

    /// Keeps rows; those without a key will never be looked for, and those that take back a row which is there go with
    /// it.
    pub(super) fn insert(&mut self, mut arrived: Arrived) -> Result<(), OperatorError> {
        if self.updating {
            self.cancel(&mut arrived)?;
        }
        let keyless = arrived.keyless.take();
        let stays = |row: usize| !is_set(keyless.as_ref(), row) && arrived.weights[row] != 0;
        let stays: Vec<u32> = (0..arrived.weights.len()).filter(|row| stays(*row)).map(|row| row as u32).collect();
        let Arrived { mut rows, mut hashes, mut weights, mut degrees, .. } = arrived;
        if stays.len() < weights.len() {
            rows = rows_at(&rows, &stays)?;
            hashes = chosen(&hashes, &stays);
            weights = chosen(&weights, &stays);
            degrees = chosen(&degrees, &stays);
        }
        if self.log.is_kept() {
            let matched = degrees.iter().map(|degree| *degree > 0);
            let changes = self.stored(&rows, matched, weights.iter().copied())?;
            self.log.record(changes, self.table.len() + rows.num_rows())?;
        }
        self.table.insert(rows, &hashes, |row| weights[row], |row| degrees[row])
    }

    /// Takes weights that add up to nothing from rows that came and from equal ones that are there. Rows are equal
    /// whatever their event time: what takes a row back is younger than the row.
    fn cancel(&mut self, arrived: &mut Arrived) -> Result<(), OperatorError> {
        if arrived.weights.iter().all(|weight| *weight > 0) && !self.table.has_debts() {
            return Ok(());
        }
        let (numbers, slots) = self.table.probe(&arrived.hashes, |row| arrived.keyless(row));
        let opposite = |(number, slot): &(u32, SlotId)| {
            arrived.weights[*number as usize].signum() != self.table.weight(*slot).signum()
        };
        let (numbers, slots): (Vec<u32>, Vec<SlotId>) = numbers.into_iter().zip(slots).filter(opposite).unzip();
        let there = self.table.rows(&slots)?;
        let came = rows_at(&arrived.rows, &numbers)?;
        let visible = |rows: &RecordBatch| rows.columns()[..self.visible].to_vec();
        let equal = equal_rows(&visible(&came), &visible(&there), slots.len(), true)?;
        let (mut pairs, mut changes, mut matched) = (Vec::new(), Vec::new(), Vec::new());
        for pair in (0..slots.len()).filter(|pair| equal.value(*pair)) {
            let (weight, slot) = (&mut arrived.weights[numbers[pair] as usize], slots[pair]);
            let less = weight.abs().min(self.table.weight(slot).abs()) * weight.signum();
            if less != 0 {
                *weight -= less;
                self.table.add_weight(slot, less);
                pairs.push(pair as u32);
                changes.push(less);
                matched.push(self.table.degree(slot) > 0);
            }
        }
        if self.log.is_kept() && !pairs.is_empty() {
            let change = self.stored(&rows_at(&there, &pairs)?, matched.into_iter(), changes.into_iter())?;
            self.log.record(change, self.table.len())?;
        }
        self.table.sweep();
        Ok(())
    }

    /// Removes rows for good.
    pub(super) fn forget(&mut self, slots: &[SlotId]) -> Result<(), OperatorError> {
        if slots.is_empty() {
            return Ok(());
        }
        if self.log.is_kept() {
            let matched = slots.iter().map(|slot| self.table.degree(*slot) > 0);
            let weights = slots.iter().map(|slot| -self.table.weight(*slot));
            let gone = self.stored(&self.table.rows(slots)?, matched, weights)?;
            self.log.record(gone, self.table.len())?;
        }
        self.table.remove(slots);
        Ok(())
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

    /// The state at a barrier.
    pub(super) fn hand_over(&mut self, names: &mut ChunkNames) -> Result<Vec<StateChunk>, OperatorError> {
        let (table, schema) = (&self.table, self.log.schema().clone());
        let all = || {
            let slots = table.slots();
            let mut columns = table.rows(&slots)?.columns().to_vec();
            columns.push(flags(slots.iter().map(|slot| table.degree(*slot) > 0)));
            columns.push(Arc::new(Int64Array::from_iter_values(slots.iter().map(|slot| table.weight(*slot)))));
            RecordBatch::try_new(schema, columns).map_err(failed)
        };
        self.log.hand_over(table.len(), names, all)
    }

    /// Takes back the rows of a checkpoint, without their degrees; gives whether each had a match, in order of the slots.
    /// What it met may have been forgotten since.
    pub(super) fn restore(
        &mut self,
        chunks: &[RestoredChunk],
        range: KeyRange,
        null_equal: bool,
    ) -> Result<Vec<bool>, OperatorError> {
        let (stored, weights) = split_weight(&self.log.restore(chunks, range)?)?;
        let matched = stored.columns().last().and_then(|column| column.as_boolean_opt());
        let matched = matched.map(|column| column.values().iter().collect()).unwrap_or_default();
        let Arrived { rows, hashes, .. } = self.arrived(&stored, weights.clone(), null_equal)?;
        self.table.insert(rows, &hashes, |row| weights[row], |_| 0)?;
        Ok(matched)
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

fn chosen<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| values[*row as usize]).collect()
}

fn flags(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values.collect::<Vec<_>>()))
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("keep the rows of a join", source)
}
