//! Tumbling, hopping and cumulating windows, built from slices: each row is aggregated once, into the one slice that
//! it falls into, and a window is the merge of its slices.
//!
//! What a window costs when it closes is its result and what changed since the one before, not how many slices it has:
//! a hop reads [`Blocks`] of slices merged in advance; a window that grows adds its newest slice to the one that holds
//! all before.
//!
//! [`SliceAggregate`] is the phase that gives results; [`SlicePartial`] the one before an exchange. Sessions are
//! another operator, as nothing about them is known before their rows.

mod blocks;
mod partial;
mod slice;
mod slices;
mod split;

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::{Phase, Slicing, WindowAggregateNode};

use super::aggregation::Aggregation;
use super::chunk::{ChunkNames, StoredWatermark, check_columns, in_range};
use super::group_table::{GroupResults, GroupTable};
use super::window_rows::WindowRows;
use blocks::Blocks;
pub(super) use partial::SlicePartial;
use slices::Slices;
use split::split;

/// The state table: a chunk holds groups of one slice.
const TABLE: &str = "slices";

/// Aggregates by slice and closes windows as the watermark passes their ends.
pub(super) struct SliceAggregate {
    name: &'static str,
    aggregation: Arc<Aggregation>,
    slicing: Slicing,
    slices: Slices,
    blocks: Blocks,
    rows: WindowRows,
    /// Every window that ends here or before has been emitted.
    watermark: EventTime,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

impl SliceAggregate {
    /// `schema` is the node's output.
    pub(super) fn new(
        node: &WindowAggregateNode,
        slicing: Slicing,
        schema: StreamSchema,
    ) -> Result<Self, OperatorError> {
        check_slicing(&slicing)?;
        let aggregation = Aggregation::new(node)?;
        Ok(SliceAggregate {
            name: if node.phase == Phase::Final { "window-final" } else { "window" },
            slices: Slices::new(&aggregation),
            blocks: Blocks::new(&aggregation, slicing),
            aggregation,
            slicing,
            rows: WindowRows::new(schema, node.window_index),
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// Emits the windows that end at `until` or before, in order of their ends. Walks over the slices that are there,
    /// so a watermark that jumps over years costs nothing.
    fn close_windows(&mut self, until: i64, out: &mut dyn Output) -> Result<(), OperatorError> {
        let mut emitted = self.watermark.nanos();
        while let Some(slice) = self.slices.first() {
            let end = self.slicing.next_window_end(slice, emitted);
            if end > until {
                break;
            }
            let window = (self.slicing.window_start(end), end);
            let groups = match self.slicing.step {
                None => self.close_hop(slice, window)?,
                Some(_) => self.close_step(window)?,
            };
            if groups.count > 0 {
                self.rows.push_window(groups, window, out)?;
            }
            self.drop_slices(window);
            emitted = end;
        }
        self.rows.finish(out)
    }

    /// The groups of a window of fixed width whose first slice with rows is `first`.
    fn close_hop(&mut self, first: i64, (start, end): (i64, i64)) -> Result<GroupResults, OperatorError> {
        let only = self.slices.ends(first..end).is_some_and(|(_, last)| last == first);
        if only && self.slicing.last_window_end(first) <= end {
            return self.slices.take(first).unwrap_or_default().into_table(&self.aggregation)?.into_results();
        }
        let mut table = GroupTable::new(&self.aggregation)?;
        for states in self.blocks.window(&mut self.slices, (start, end))? {
            table.merge(&states)?;
        }
        table.into_results()
    }

    /// The groups of a window that grows. What it holds is put together in one slice at its start, which the next
    /// step adds to; a late row finds its own slice as before, and comes in with it.
    fn close_step(&mut self, (start, end): (i64, i64)) -> Result<GroupResults, OperatorError> {
        self.slices.fold(start..end)?;
        if self.slicing.last_window_end(start) <= end {
            return self.slices.take(start).unwrap_or_default().into_table(&self.aggregation)?.into_results();
        }
        match self.slices.sealed(start)? {
            Some(states) => GroupResults::of_states(&self.aggregation, &states),
            None => GroupTable::new(&self.aggregation)?.into_results(),
        }
    }

    /// Forgets the slices whose last window was this one or one before it.
    fn drop_slices(&mut self, (start, end): (i64, i64)) {
        while let Some(first) = self.slices.first().filter(|first| self.slicing.last_window_end(*first) <= end) {
            self.slices.take(first);
        }
        self.blocks.drop_before(start.saturating_add(self.slicing.slide));
    }

    fn restore_slices(&mut self, chunk: &RestoredChunk, range: KeyRange) -> Result<(), OperatorError> {
        check_columns(chunk, &slice::chunk_schema(&self.aggregation))?;
        let rows = in_range(&chunk.rows, &self.aggregation.key_indices(), range)?;
        let starts = rows.columns().last().and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let Some(first) = starts.and_then(|starts| starts.values().first().copied()) else { return Ok(()) };
        let start = self.slicing.slice_start(first);
        self.slices.change(start, |slice, _| {
            slice.add_chunk(rows);
            Ok(())
        })
    }
}

impl Operator for SliceAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        let parts = split(event_times(&batch)?, &self.slicing);
        let rows = self.aggregation.rows(&batch)?;
        for (start, selection) in parts {
            if !self.slicing.in_any_window(start) {
                continue;
            }
            if self.slicing.last_window_end(start) <= self.watermark.nanos() {
                self.late_rows += selection.count(rows.count) as u64;
                continue;
            }
            if start < self.watermark.nanos() {
                self.blocks.invalidate(start);
            }
            let selected = selection.of(&rows)?;
            self.slices.change(start, |slice, aggregation| slice.add(aggregation, &selected))?;
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time > self.watermark {
            self.close_windows(watermark.time.nanos(), out)?;
            self.watermark = watermark.time;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::from_iter(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        self.slices.hand_over(&mut names, &mut chunks)?;
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        self.watermark = StoredWatermark::restored(&chunks);
        let slices = chunks.iter().filter(|chunk| chunk.table == TABLE);
        slices.into_iter().try_for_each(|chunk| self.restore_slices(chunk, range))
    }

    /// Rows in [`Phase::Single`]; in [`Phase::Final`] groups of them, which can only be late when an input that was
    /// idle wakes up behind the others.
    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.slices.size() + self.blocks.size()
    }
}

fn check_slicing(slicing: &Slicing) -> Result<(), OperatorError> {
    let steps = slicing.step.is_none_or(|step| step > 0 && slicing.width % step == 0 && slicing.slide == slicing.width);
    if slicing.width > 0 && slicing.slide > 0 && steps {
        return Ok(());
    }
    Err(OperatorError::plan(format!("there are no such windows: {slicing:?}")))
}
