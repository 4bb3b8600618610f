//! The order in which rows arrive, and how they are cut and dealt out. Pure but for the seed.
//!
//! No order made here makes a row late: when a row arrives, no row before it has allowed a watermark behind it. That is
//! what a watermark promises, and late rows would be left out of one answer and not of the other. A table whose own
//! order breaks the promise is fed in order of time. The changes of one row, which are of one time, keep their order and
//! are all in one partition: nothing is taken back before it has come.

use std::collections::{HashMap, VecDeque};

use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::feed::Delivery;
use crate::input::Table;
use crate::rng::Rng;

/// How rows arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they were read, where that makes none of them late.
    Given,
    /// In any order that makes none of them late.
    Shuffled,
}

/// Rows that are behind the watermark of rows before them.
pub(crate) fn late_rows(table: &Table) -> usize {
    let Some(times) = &table.times else { return 0 };
    let mut watermark = i64::MIN;
    let mut late = 0;
    for (time, allows) in times.iter().zip(&table.watermarks) {
        late += usize::from(time.is_some_and(|time| time < watermark));
        watermark = watermark.max(allows.unwrap_or(i64::MIN));
    }
    late
}

/// The rows of a table, dealt out to so many partitions in small batches.
pub(crate) fn deal(table: &Table, order: Order, partitions: usize, rng: &mut Rng) -> Result<Delivery, ArrowError> {
    let mut dealt: Vec<Vec<u64>> = vec![Vec::new(); partitions.max(1)];
    let mut together: HashMap<usize, usize> = HashMap::new();
    for row in arrival(table, order, rng) {
        let any = rng.below(dealt.len());
        let partition = match &table.changed {
            Some(changed) => *together.entry(changed[row]).or_insert(any),
            None => any,
        };
        dealt[partition].push(row as u64);
    }
    let largest = [1, 3, 10, 40][rng.below(4)].max(table.rows.num_rows() / 50);
    let mut delivery = Delivery { partitions: Vec::new(), seed: rng.any() };
    for rows in dealt {
        let rows = take_record_batch(&table.rows, &UInt64Array::from(rows))?;
        delivery.partitions.push(cut(&rows, largest, rng));
    }
    Ok(delivery)
}

/// The numbers of the rows in the order of their arrival.
fn arrival(table: &Table, order: Order, rng: &mut Rng) -> Vec<usize> {
    let rows = drawn(table, order, rng);
    match &table.changed {
        Some(changed) => in_turn(rows, changed),
        None => rows,
    }
}

/// The same order, with the changes of each row in their own where there are any of it. They are of one time, so that
/// none is late in another's place.
fn in_turn(mut changes: Vec<usize>, changed: &[usize]) -> Vec<usize> {
    let mut turns: Vec<VecDeque<usize>> = vec![VecDeque::new(); changed.len()];
    for (change, row) in changed.iter().enumerate() {
        turns[*row].push_back(change);
    }
    for place in &mut changes {
        if let Some(next) = turns[changed[*place]].pop_front() {
            *place = next;
        }
    }
    changes
}

/// Any order that makes no row late, or that in which the rows were read.
fn drawn(table: &Table, order: Order, rng: &mut Rng) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..table.rows.num_rows()).collect();
    let Some(times) = &table.times else {
        if order == Order::Shuffled {
            rng.shuffle(&mut rows);
        }
        return rows;
    };
    if order == Order::Given && late_rows(table) == 0 {
        return rows;
    }
    // A row comes up to the least lag after its time. If it comes before another, its own time less the lag, which is
    // the watermark that it allows, is at most the other's time.
    let lag = if order == Order::Shuffled { least_lag(table) } else { 0 };
    let first = times.iter().flatten().min().copied().unwrap_or(0);
    let mut keyed: Vec<(i64, usize)> = Vec::with_capacity(rows.len());
    for row in rows {
        let time = times[row].unwrap_or(first);
        keyed.push((time.saturating_add(rng.between(0, lag)), row));
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// How far the watermark that a row allows is behind the row, at least.
fn least_lag(table: &Table) -> i64 {
    let times = table.times.iter().flatten();
    let lags =
        times.zip(&table.watermarks).filter_map(|(time, allows)| Some(time.as_ref()?.saturating_sub((*allows)?)));
    lags.min().unwrap_or(0).max(0)
}

/// Batches of 1 to `largest` rows.
fn cut(rows: &RecordBatch, largest: usize, rng: &mut Rng) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < rows.num_rows() {
        let length = (1 + rng.below(largest)).min(rows.num_rows() - start);
        batches.push(rows.slice(start, length));
        start += length;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_row_come_in_their_order_wherever_they_were_put() {
        // Of changes 0 to 5 the first, the third and the last are of one row, the second and the fifth of another.
        let changed = [0, 1, 0, 2, 1, 0];
        assert_eq!(in_turn(vec![5, 4, 3, 2, 1, 0], &changed), [0, 1, 3, 2, 4, 5]);
        assert_eq!(in_turn(vec![0, 1, 2, 3, 4, 5], &changed), [0, 1, 2, 3, 4, 5]);
    }
}
