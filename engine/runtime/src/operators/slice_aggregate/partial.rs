//! The half of a window aggregate before an exchange: rows become groups of states, so that fewer of them travel.
//! It keeps nothing over a watermark or a barrier, and knows nothing of windows beyond which slices are past.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::TimestampNanosecondArray;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{Epoch, EventTime, Operator, OperatorError, Output, Snapshot, StreamSchema, Watermark};
use headwater_plan::{Slicing, WindowAggregateNode};

use crate::operators::BATCH_ROWS;
use crate::operators::aggregation::Aggregation;
use crate::operators::group_table::GroupTable;
use crate::operators::window_rows::Coalescer;

use super::check_slicing;
use super::split::split;

/// Aggregates what arrives between two watermarks, by slice.
pub(crate) struct SlicePartial {
    aggregation: Arc<Aggregation>,
    slicing: Slicing,
    schema: StreamSchema,
    slices: BTreeMap<i64, GroupTable>,
    coalescer: Coalescer,
    watermark: EventTime,
    late_rows: u64,
}

impl SlicePartial {
    /// `schema` is the node's output: keys and states.
    pub(crate) fn new(
        node: &WindowAggregateNode,
        slicing: Slicing,
        schema: StreamSchema,
    ) -> Result<Self, OperatorError> {
        check_slicing(&slicing)?;
        Ok(SlicePartial {
            aggregation: Aggregation::new(node)?,
            slicing,
            coalescer: Coalescer::new(schema.full().clone()),
            schema,
            slices: BTreeMap::new(),
            watermark: EventTime::MIN,
            late_rows: 0,
        })
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        for (start, table) in std::mem::take(&mut self.slices) {
            let states = table.into_states()?;
            let times = TimestampNanosecondArray::from_value(start, states.num_rows());
            self.coalescer.push(self.schema.batch(states.columns().to_vec(), Arc::new(times))?, out)?;
        }
        self.coalescer.finish(out)
    }

    /// What is sent carries the start of its slice as its time, so only whole slices can be promised to be past. The
    /// ends of windows are starts of slices: none closes later for it.
    fn promise(&self, watermark: Watermark) -> Watermark {
        match watermark.time {
            EventTime::MAX | EventTime::MIN => watermark,
            EventTime(nanos) => Watermark { time: EventTime(self.slicing.slice_start(nanos)), ..watermark },
        }
    }
}

impl Operator for SlicePartial {
    fn name(&self) -> &str {
        "window-partial"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
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
            let table = match self.slices.entry(start) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(GroupTable::new(&self.aggregation)?),
            };
            table.add(&selection.of(&rows)?)?;
        }
        if self.slices.values().map(GroupTable::len).sum::<usize>() > BATCH_ROWS {
            self.flush(out)?;
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        self.flush(out)?;
        self.watermark = self.watermark.max(watermark.time);
        Ok(self.promise(watermark))
    }

    fn on_barrier(&mut self, _epoch: Epoch, out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        self.flush(out)?;
        Ok(Snapshot::default())
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.slices.values().map(GroupTable::size).sum()
    }
}
