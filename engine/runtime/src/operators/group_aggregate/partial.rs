//! The half of a group aggregate before an exchange: rows become groups of states, so that fewer of them travel. Keeps
//! nothing over a flush or a barrier.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use headwater_core::{Epoch, NO_TIME, Operator, OperatorError, Output, Snapshot, StreamSchema, Watermark};
use headwater_plan::GroupAggregateNode;

use super::{aggregation, delta};
use crate::operators::BATCH_ROWS;
use crate::operators::aggregation::Aggregation;
use crate::operators::group_table::GroupTable;

/// So many rows are worth waiting for before their groups are sent on.
const ROWS_MAX: usize = 8 * BATCH_ROWS;

/// Aggregates what arrives between two flushes.
pub(crate) struct GroupPartial {
    aggregation: Arc<Aggregation>,
    schema: StreamSchema,
    delta: Option<GroupTable>,
    rows: usize,
    windowed: bool,
}

impl GroupPartial {
    /// `schema` is the node's output: keys and states.
    pub(crate) fn new(node: &GroupAggregateNode, schema: StreamSchema) -> Result<Self, OperatorError> {
        Ok(GroupPartial { aggregation: aggregation(node)?, schema, delta: None, rows: 0, windowed: node.windowed })
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        let Some(table) = self.delta.take() else { return Ok(()) };
        self.rows = 0;
        let states = table.into_states()?;
        for offset in (0..states.num_rows()).step_by(BATCH_ROWS) {
            let part = states.slice(offset, BATCH_ROWS.min(states.num_rows() - offset));
            out.emit(self.schema.batch(part.columns().to_vec(), latest(&part)?)?)?;
        }
        Ok(())
    }
}

/// The event time of states: that of the latest row in each, which is the last state.
fn latest(states: &RecordBatch) -> Result<ArrayRef, OperatorError> {
    let times = states.columns().last().and_then(|times| times.as_primitive_opt::<TimestampNanosecondType>());
    let times = times.ok_or_else(|| OperatorError::plan("the last state of a group is not its event time"))?;
    let known = times.iter().map(|time| time.unwrap_or(NO_TIME.nanos()));
    Ok(Arc::new(TimestampNanosecondArray::from_iter_values(known)))
}

impl Operator for GroupPartial {
    fn name(&self) -> &str {
        "group-partial"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let rows = self.aggregation.rows(&batch)?;
        let table = delta(&mut self.delta, &self.aggregation)?;
        table.add(&rows)?;
        self.rows += rows.count;
        if table.len() > BATCH_ROWS || self.rows > ROWS_MAX {
            self.flush(out)?;
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if self.windowed || watermark == Watermark::END {
            self.flush(out)?;
        }
        Ok(watermark)
    }

    fn on_flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn on_barrier(&mut self, _epoch: Epoch, out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        self.flush(out)?;
        Ok(Snapshot::default())
    }

    fn state_bytes(&self) -> usize {
        self.delta.as_ref().map_or(0, GroupTable::size)
    }
}
