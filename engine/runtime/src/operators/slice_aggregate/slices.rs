//! The slices that are open, by where they begin, and how many bytes they hold. A change costs what it changes: nothing
//! here walks over all of them but a snapshot, which names each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_core::{OperatorError, StateChunk};

use crate::operators::aggregation::Aggregation;
use crate::operators::chunk::ChunkNames;

use super::slice::Slice;

/// Open slices.
pub(super) struct Slices {
    aggregation: Arc<Aggregation>,
    slices: BTreeMap<i64, Slice>,
    bytes: usize,
}

impl Slices {
    /// None yet.
    pub(super) fn new(aggregation: &Arc<Aggregation>) -> Self {
        Slices { aggregation: aggregation.clone(), slices: BTreeMap::new(), bytes: 0 }
    }

    /// Where the earliest slice begins.
    pub(super) fn first(&self) -> Option<i64> {
        self.slices.keys().next().copied()
    }

    /// Where the earliest and the latest of those that begin in `range` do.
    pub(super) fn ends(&self, range: Range<i64>) -> Option<(i64, i64)> {
        let mut starts = self.slices.range(range.start..range.end.max(range.start)).map(|(start, _)| *start);
        let first = starts.next()?;
        Some((first, starts.next_back().unwrap_or(first)))
    }

    /// Changes a slice; begins it where there is none.
    pub(super) fn change<R>(
        &mut self,
        start: i64,
        change: impl FnOnce(&mut Slice, &Arc<Aggregation>) -> Result<R, OperatorError>,
    ) -> Result<R, OperatorError> {
        let slice = self.slices.entry(start).or_default();
        let before = slice.size();
        let changed = change(slice, &self.aggregation);
        self.bytes = (self.bytes + slice.size()).saturating_sub(before);
        changed
    }

    /// The groups of a slice as one batch of states; costs nothing when no row came since the last time.
    pub(super) fn sealed(&mut self, start: i64) -> Result<Option<RecordBatch>, OperatorError> {
        self.change(start, |slice, aggregation| Ok(slice.seal(aggregation)?.cloned()))
    }

    /// Takes a slice out.
    pub(super) fn take(&mut self, start: i64) -> Option<Slice> {
        let slice = self.slices.remove(&start)?;
        self.bytes = self.bytes.saturating_sub(slice.size());
        Some(slice)
    }

    /// Puts all that begin in `range` into the one at its start.
    pub(super) fn fold(&mut self, range: Range<i64>) -> Result<(), OperatorError> {
        let into = range.start;
        while let Some((_, last)) = self.ends(range.clone()).filter(|(_, last)| *last > into) {
            let Some(other) = self.take(last) else { break };
            self.change(into, |slice, _| slice.absorb(other))?;
        }
        Ok(())
    }

    /// Names all chunks in a snapshot, with the rows of those that are new.
    pub(super) fn hand_over(
        &mut self,
        names: &mut ChunkNames,
        snapshot: &mut Vec<StateChunk>,
    ) -> Result<(), OperatorError> {
        snapshot.reserve(self.slices.len());
        self.bytes = 0;
        for (start, slice) in &mut self.slices {
            slice.hand_over(&self.aggregation, *start, names, snapshot)?;
            self.bytes += slice.size();
        }
        Ok(())
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}
