//! Rows that are taken back, set off against the rows that they are equal to: what came and went is not in the table.

use std::collections::HashMap;

use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::key::HashedMap;
use headwater_core::{OperatorError, hash_columns};

use super::{RowTable, SlotId};
use crate::operators::equality::{equal_rows, take_all};

/// What of some changes meets rows of the table, and what is left of them.
#[derive(Debug)]
pub(in crate::operators) struct SetOff {
    /// Rows of the table.
    pub(in crate::operators) slots: Vec<SlotId>,
    /// What each of them loses of its weight.
    pub(in crate::operators) weights: Vec<i64>,
    /// What is left of the weight of each change.
    pub(in crate::operators) left: Vec<i64>,
}

/// Changes to a table.
#[derive(Debug)]
pub(in crate::operators) struct Changes {
    /// The rows, in the table's columns.
    pub(in crate::operators) rows: RecordBatch,
    /// The hashes of their keys.
    pub(in crate::operators) hashes: Vec<u64>,
    /// Their weights.
    pub(in crate::operators) weights: Vec<i64>,
    /// Their degrees.
    pub(in crate::operators) degrees: Vec<i64>,
}

impl Changes {
    /// Those for which this holds.
    pub(in crate::operators) fn filter(&self, holds: impl Fn(usize) -> bool) -> Result<Changes, OperatorError> {
        let mask: Vec<bool> = (0..self.weights.len()).map(holds).collect();
        let rows = filter_record_batch(&self.rows, &BooleanArray::from(mask.clone()))
            .map_err(|source| OperatorError::arrow("choose changes", source))?;
        let chosen = |values: &[i64]| kept(values, &mask);
        let (weights, degrees) = (chosen(&self.weights), chosen(&self.degrees));
        Ok(Changes { rows, hashes: kept(&self.hashes, &mask), weights, degrees })
    }

    /// Those that come, then those that go: a row may do both at once. A part without rows is left out.
    pub(in crate::operators) fn by_sign(self) -> Result<Vec<Changes>, OperatorError> {
        if self.weights.iter().all(|weight| *weight > 0) {
            return Ok(vec![self]);
        }
        let parts = [self.filter(|row| self.weights[row] > 0)?, self.filter(|row| self.weights[row] < 0)?];
        Ok(parts.into_iter().filter(|part| !part.weights.is_empty()).collect())
    }
}

fn kept<T: Copy>(values: &[T], mask: &[bool]) -> Vec<T> {
    values.iter().zip(mask).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
}

impl RowTable {
    /// Finds for each change the rows that it takes back, or that were taken back before it came: equal ones of the same
    /// key and the opposite weight for which `same` holds. Of the columns the first `compared` are compared.
    pub(in crate::operators) fn set_off(
        &self,
        changes: &Changes,
        compared: usize,
        same: impl Fn(SlotId, usize) -> bool,
    ) -> Result<SetOff, OperatorError> {
        let mut found = SetOff { slots: Vec::new(), weights: Vec::new(), left: changes.weights.clone() };
        let wanted = |row: &usize| changes.weights[*row] < 0 || self.debts > 0;
        let wanted: Vec<usize> = (0..changes.weights.len()).filter(wanted).collect();
        if wanted.is_empty() {
            return Ok(found);
        }
        let mut hashes: Vec<u64> = wanted.iter().map(|row| changes.hashes[*row]).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let (_, slots) = self.probe(&hashes, |_| false);
        if slots.is_empty() {
            return Ok(found);
        }
        let columns = changes.rows.columns()[..compared].to_vec();
        let stored = self.rows(&slots)?.columns()[..compared].to_vec();
        let pairs = equal_pairs(&columns, &wanted, &stored, slots.len())?;
        let mut open: Vec<i64> = slots.iter().map(|slot| self.weight(*slot)).collect();
        for (row, number) in pairs {
            let (left, open) = (&mut found.left[row], &mut open[number]);
            if *left == 0 || left.signum() != -open.signum() || !same(slots[number], row) {
                continue;
            }
            let taken = left.abs().min(open.abs()) * open.signum();
            *open -= taken;
            *left += taken;
            found.slots.push(slots[number]);
            found.weights.push(taken);
        }
        Ok(found)
    }

    /// Takes weight from rows; those that have none left are gone.
    pub(in crate::operators) fn reduce(&mut self, set_off: &SetOff) -> Result<(), OperatorError> {
        if set_off.slots.is_empty() {
            return Ok(());
        }
        for (slot, weight) in set_off.slots.iter().zip(&set_off.weights) {
            if self.weight(*slot) == *weight {
                self.kill(*slot);
            } else {
                self.slots[*slot as usize].weight -= weight;
            }
        }
        self.sweep()?;
        self.shrink();
        Ok(())
    }

    /// Adds changes up, of which each is of whole rows as they are in the table.
    pub(in crate::operators) fn apply(&mut self, changes: Changes) -> Result<(), OperatorError> {
        for part in changes.by_sign()? {
            let same = |slot: SlotId, row: usize| (self.degree(slot) > 0) == (part.degrees[row] > 0);
            let set_off = self.set_off(&part, part.rows.num_columns(), same)?;
            self.reduce(&set_off)?;
            self.insert_left(part, &set_off.left)?;
        }
        Ok(())
    }

    /// Inserts what is left of changes.
    pub(in crate::operators) fn insert_left(&mut self, changes: Changes, left: &[i64]) -> Result<(), OperatorError> {
        let changes = match left.contains(&0) {
            true => {
                let rest: Vec<i64> = left.iter().copied().filter(|weight| *weight != 0).collect();
                Changes { weights: rest, ..changes.filter(|row| left[row] != 0)? }
            }
            false => Changes { weights: left.to_vec(), ..changes },
        };
        let (weights, degrees) = (&changes.weights, &changes.degrees);
        self.insert(changes.rows, &changes.hashes, |row| weights[row], |row| degrees[row])
    }
}

/// Pairs of a row at `rows` of the first columns and a row of the second ones that are equal.
fn equal_pairs(
    columns: &[ArrayRef],
    rows: &[usize],
    stored: &[ArrayRef],
    count: usize,
) -> Result<Vec<(usize, usize)>, OperatorError> {
    let own = UInt32Array::from_iter_values(rows.iter().map(|row| *row as u32));
    let own = take_all(columns, &own)?;
    let mut by_hash: HashedMap<Vec<u32>> = HashMap::default();
    for (number, hash) in hash_columns(stored, count)?.into_iter().enumerate() {
        by_hash.entry(hash).or_default().push(number as u32);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (number, hash) in hash_columns(&own, rows.len())?.into_iter().enumerate() {
        for other in by_hash.get(&hash).into_iter().flatten() {
            left.push(number as u32);
            right.push(*other);
        }
    }
    let (left, right) = (UInt32Array::from(left), UInt32Array::from(right));
    let equal = equal_rows(&take_all(&own, &left)?, &take_all(stored, &right)?, left.len(), true)?;
    let pairs = left.values().iter().zip(right.values()).zip(equal.values().iter());
    Ok(pairs.filter(|(_, equal)| *equal).map(|((a, b), _)| (rows[*a as usize], *b as usize)).collect())
}
