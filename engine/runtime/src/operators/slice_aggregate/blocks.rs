//! Runs of slices merged in advance, so that a window is put together from few pieces however many slices it has.
//!
//! A block is a run of `2^level` slices whose first number is a multiple of `2^level`. Any window is at most two blocks
//! of each level, so a hop of n slices reads at most `2·log2(n)` pieces where it would read n, and never more rows than
//! the slices have. A block is built from its halves when a window first holds all of it, which adds log2(n) merges
//! over the life of a slice. Nothing is assumed of the aggregates but that states can be merged: no inverse, no order.
//!
//! Compared with two stacks of running merges, which need fewer merges a slide where every key is in every slice,
//! blocks need no more memory than the slices themselves there, are built piece by piece and not a window at once, and
//! take a late row at the price of the blocks above its slice.
//!
//! - **Sparse**: numbers without a slice cost nothing; a block is known by the slices in it, and one with a single slice
//!   is that slice.
//! - **Memory**: a block is kept only where merging made it smaller; otherwise its halves are read. So each level is at
//!   most three quarters of the one below, and all of them at most three times the slices. The first half of a block
//!   is forgotten when the block is built, as windows only move on.
//! - **Derived**: blocks are in no snapshot. After a recovery they are built again from the slices.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use headwater_core::OperatorError;
use headwater_plan::Slicing;

use crate::operators::aggregation::Aggregation;
use crate::operators::group_table::GroupTable;

use super::slices::Slices;

/// A block with no more groups than this is kept even where merging saved nothing: reading two pieces would cost more
/// than it.
const SMALL_ROWS: usize = 256;
/// A block pays when so many windows more than the first one hold it.
const MORE_WINDOWS: i64 = 3;

/// The blocks over the slices of one operator.
pub(super) struct Blocks {
    aggregation: Arc<Aggregation>,
    slicing: Slicing,
    /// Larger blocks would be in too few windows.
    level_max: u32,
    /// Levels from 1 on; blocks by their number on their level.
    levels: Vec<BTreeMap<i128, Block>>,
    bytes: usize,
}

/// What is known of a block.
enum Block {
    /// The states of all its slices, and their bytes in memory.
    Merged(RecordBatch, usize),
    /// Its halves, as merging them saves nothing.
    Apart,
}

/// Which block: its level, and its number among those of the level. On level 0 it is a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BlockId {
    level: u32,
    number: i128,
}

impl BlockId {
    /// The one of this level that holds a slice.
    fn holding(slice: i128, level: u32) -> Self {
        BlockId { level, number: slice >> level }
    }

    /// The smallest one that holds both slices.
    fn holding_both(first: i128, last: i128) -> Self {
        BlockId::holding(first, i128::BITS - (first ^ last).leading_zeros())
    }

    fn slices(self) -> Range<i128> {
        self.number << self.level..(self.number + 1) << self.level
    }

    fn halves(self) -> [BlockId; 2] {
        [0, 1].map(|half| BlockId { level: self.level - 1, number: self.number * 2 + half })
    }
}

impl Blocks {
    /// None yet.
    pub(super) fn new(aggregation: &Arc<Aggregation>, slicing: Slicing) -> Self {
        Blocks {
            aggregation: aggregation.clone(),
            slicing,
            level_max: level_max(&slicing),
            levels: Vec::new(),
            bytes: 0,
        }
    }

    /// Batches of states that together are those of the window `[start, end)`.
    pub(super) fn window(
        &mut self,
        slices: &mut Slices,
        (start, end): (i64, i64),
    ) -> Result<Vec<RecordBatch>, OperatorError> {
        // The last slice may be cut short by the end of time.
        let window = self.slicing.slice_number(start)..self.slicing.slice_number(end.saturating_sub(1)) + 1;
        let mut pieces = Vec::new();
        let mut rest = window.clone();
        while let Some((first, _)) = slices.ends(self.starts(rest.clone())) {
            let first = self.slicing.slice_number(first);
            let inside = |block: &BlockId| {
                let slices = block.slices();
                window.start <= slices.start && slices.end <= window.end
            };
            let around = (1..=self.level_max).map(|level| BlockId::holding(first, level)).take_while(inside).last();
            let block = around.unwrap_or(BlockId::holding(first, 0));
            self.gather(slices, block, &mut pieces)?;
            rest.start = block.slices().end;
        }
        Ok(pieces)
    }

    /// A row came into a slice that blocks may have been built over.
    pub(super) fn invalidate(&mut self, slice_start: i64) {
        let slice = self.slicing.slice_number(slice_start);
        for level in 1..=self.levels.len() as u32 {
            self.forget(BlockId::holding(slice, level));
        }
    }

    /// Drops the blocks that begin before a time at which no window begins any more.
    pub(super) fn drop_before(&mut self, time: i64) {
        let first = self.slicing.slice_number(time);
        for (level, blocks) in (1..).zip(&mut self.levels) {
            while let Some(entry) = blocks.first_entry().filter(|entry| entry.key() << level < first) {
                self.bytes -= entry.remove().size();
            }
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    /// The pieces of a block; builds it where that was not done yet.
    fn gather(
        &mut self,
        slices: &mut Slices,
        block: BlockId,
        pieces: &mut Vec<RecordBatch>,
    ) -> Result<(), OperatorError> {
        let Some((first, last)) = slices.ends(self.starts(block.slices())) else { return Ok(()) };
        let Some(block) = self.around(first, last) else {
            pieces.extend(slices.sealed(first)?);
            return Ok(());
        };
        let known = match self.level(block.level).get(&block.number) {
            Some(Block::Merged(states, _)) => {
                pieces.push(states.clone());
                return Ok(());
            }
            Some(Block::Apart) => true,
            None => false,
        };
        let begin = pieces.len();
        for half in block.halves() {
            self.gather(slices, half, pieces)?;
        }
        if !known {
            self.build(slices, block, begin, pieces)?;
        }
        Ok(())
    }

    /// Merges the pieces from `begin` on, which are those of a block's halves, where that makes them smaller.
    fn build(
        &mut self,
        slices: &Slices,
        block: BlockId,
        begin: usize,
        pieces: &mut Vec<RecordBatch>,
    ) -> Result<(), OperatorError> {
        let mut table = GroupTable::new(&self.aggregation)?;
        pieces[begin..].iter().try_for_each(|piece| table.merge(piece))?;
        let merged = table.into_states()?;
        let apart: usize = pieces[begin..].iter().map(used_bytes).sum();
        if merged.num_rows() > SMALL_ROWS && used_bytes(&merged) > apart / 4 * 3 {
            self.keep(block, Block::Apart);
            return Ok(());
        }
        self.retire(slices, block.halves()[0]);
        pieces.truncate(begin);
        pieces.push(merged.clone());
        let bytes = merged.get_array_memory_size();
        self.keep(block, Block::Merged(merged, bytes));
        Ok(())
    }

    /// Drops a block that was put into a larger one with what follows it, and its own first halves. Their second halves
    /// stay: a window that begins in between reads those.
    fn retire(&mut self, slices: &Slices, block: BlockId) {
        let Some((first, last)) = slices.ends(self.starts(block.slices())) else { return };
        let Some(block) = self.around(first, last) else { return };
        if let Some(Block::Apart) = self.forget(block) {
            self.retire(slices, block.halves()[0]);
        }
    }

    /// The smallest block around two slices that begin at these times; `None` when they are the same.
    fn around(&self, first: i64, last: i64) -> Option<BlockId> {
        let (first, last) = (self.slicing.slice_number(first), self.slicing.slice_number(last));
        (first != last).then(|| BlockId::holding_both(first, last))
    }

    fn keep(&mut self, id: BlockId, block: Block) {
        self.forget(id);
        self.bytes += block.size();
        self.level(id.level).insert(id.number, block);
    }

    fn forget(&mut self, id: BlockId) -> Option<Block> {
        let block = self.level(id.level).remove(&id.number)?;
        self.bytes -= block.size();
        Some(block)
    }

    fn level(&mut self, level: u32) -> &mut BTreeMap<i128, Block> {
        let index = (level as usize).saturating_sub(1);
        if self.levels.len() <= index {
            self.levels.resize_with(index + 1, BTreeMap::new);
        }
        &mut self.levels[index]
    }

    /// Where slices of these numbers begin.
    fn starts(&self, numbers: Range<i128>) -> Range<i64> {
        let start = |number: i128| {
            let nanos = number * i128::from(self.slicing.slice_width()) + i128::from(self.slicing.offset);
            i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
        };
        start(numbers.start)..start(numbers.end)
    }
}

impl Block {
    fn size(&self) -> usize {
        match self {
            Block::Merged(_, bytes) => *bytes,
            Block::Apart => 0,
        }
    }
}

/// The largest level whose blocks are in enough windows. A slide of m slices means that a block of b slices is in
/// `(n - b) / m` windows and one more, of those that are n slices wide.
fn level_max(slicing: &Slicing) -> u32 {
    let (width, slide) = (slicing.width / slicing.slice_width(), slicing.slide / slicing.slice_width());
    let pays = |level: &u32| width.checked_sub(1 << level).is_some_and(|more| more / slide >= MORE_WINDOWS);
    (1..i64::BITS - 1).take_while(pays).last().unwrap_or(0)
}

/// The bytes of what is in a batch, whatever room its buffers have left.
fn used_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &dyn Array| {
        let used = column.to_data().get_slice_memory_size();
        used.unwrap_or_else(|_| column.get_array_memory_size())
    };
    batch.columns().iter().map(|column| bytes(column.as_ref())).sum()
}

#[cfg(test)]
mod tests;
