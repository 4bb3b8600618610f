//! Tumbling and hopping windows, built from slices: each row is aggregated once, into the one slice that it falls
//! into, and a window is the merge of its slices.
//!
//! [`SliceAggregate`] is the phase that gives results; [`SlicePartial`] the one before an exchange. Sessions are
//! another operator, as nothing about them is known before their rows.

mod partial;
mod slice;
mod split;

use std::collections::BTreeMap;
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
pub(super) use partial::SlicePartial;
use slice::Slice;
use split::split;

/// The state table: a chunk holds groups of one slice.
const TABLE: &str = "slices";

/// Aggregates by slice and closes windows as the watermark passes their ends.
pub(super) struct SliceAggregate {
    name: &'static str,
    aggregation: Arc<Aggregation>,
    slicing: Slicing,
    slices: BTreeMap<i64, Slice>,
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
        Ok(SliceAggregate {
            name: if node.phase == Phase::Final { "window-final" } else { "window" },
            aggregation: Aggregation::new(node)?,
            slicing,
            slices: BTreeMap::new(),
            rows: WindowRows::new(schema, node.window_index),
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// The end of the earliest window that is still to be emitted and holds the slice.
    fn next_window_end(&self, slice: i64, emitted: i64) -> i64 {
        let first = self.slicing.first_window_end(slice);
        if first > emitted {
            return first;
        }
        // Ends are as far apart as beginnings.
        let ends = Slicing {
            width: self.slicing.slide,
            slide: self.slicing.slide,
            offset: self.slicing.offset.saturating_add(self.slicing.width),
        };
        ends.slice_start(emitted).saturating_add(self.slicing.slide)
    }

    /// Emits the windows that end at `until` or before, in order of their ends. Walks over the slices that are there,
    /// so a watermark that jumps over years costs nothing.
    fn close_windows(&mut self, until: i64, out: &mut dyn Output) -> Result<(), OperatorError> {
        let mut emitted = self.watermark.nanos();
        while let Some(slice) = self.slices.keys().next().copied() {
            let end = self.next_window_end(slice, emitted);
            if end > until {
                break;
            }
            let start = end.saturating_sub(self.slicing.width);
            let groups = self.close_window(slice, end)?;
            if groups.count > 0 {
                self.rows.push_window(groups, (start, end), out)?;
            }
            self.drop_slices(end);
            emitted = end;
        }
        self.rows.finish(out)
    }

    /// The groups of the window that ends at `end` and whose first slice with rows is `first`.
    fn close_window(&mut self, first: i64, end: i64) -> Result<GroupResults, OperatorError> {
        let window = first..end.max(first);
        let mut in_window = self.slices.range_mut(window.clone());
        let only = in_window.next();
        if let (Some((_, slice)), None) = (only, in_window.next())
            && self.slicing.last_window_end(first) <= end
        {
            return std::mem::take(slice).into_table(&self.aggregation)?.into_results();
        }
        let mut table = GroupTable::new(&self.aggregation)?;
        for (_, slice) in self.slices.range_mut(window) {
            if let Some(states) = slice.seal(&self.aggregation)? {
                table.merge(states)?;
            }
        }
        table.into_results()
    }

    /// Forgets the slices whose last window ended at `end` or before.
    fn drop_slices(&mut self, end: i64) {
        while let Some(entry) = self.slices.first_entry() {
            if self.slicing.last_window_end(*entry.key()) > end {
                break;
            }
            entry.remove();
        }
    }

    fn restore_slices(&mut self, chunk: &RestoredChunk, range: KeyRange) -> Result<(), OperatorError> {
        check_columns(chunk, &slice::chunk_schema(&self.aggregation))?;
        let rows = in_range(&chunk.rows, &self.aggregation.key_indices(), range)?;
        let starts = rows.columns().last().and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let Some(first) = starts.and_then(|starts| starts.values().first().copied()) else { return Ok(()) };
        let start = self.slicing.slice_start(first);
        self.slices.entry(start).or_default().add_chunk(rows);
        Ok(())
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
            self.slices.entry(start).or_default().add(&self.aggregation, &selection.of(&rows)?)?;
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
        let mut chunks = Vec::with_capacity(self.slices.len() + 1);
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        for (start, slice) in &mut self.slices {
            slice.hand_over(&self.aggregation, *start, &mut names, &mut chunks)?;
        }
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
        self.slices.values().map(Slice::size).sum()
    }
}

fn check_slicing(slicing: &Slicing) -> Result<(), OperatorError> {
    if slicing.width > 0 && slicing.slide > 0 {
        return Ok(());
    }
    Err(OperatorError::plan(format!("a window {} ns wide every {} ns", slicing.width, slicing.slide)))
}
