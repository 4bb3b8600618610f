//! Aggregates over a changelog: the rows of each group are kept, and a group that changed is aggregated anew. Costs what
//! the changed groups hold, and is right for every aggregate, whether or not it can take a row back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, TimestampNanosecondArray};
use arrow::record_batch::RecordBatch;
use headwater_core::{
    Epoch, KeyRange, NO_TIME, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::GroupAggregateNode;

use super::{aggregation, ttl};
use crate::operators::aggregation::Aggregation;
use crate::operators::group_table::GroupTable;
use crate::operators::keyed_rows::KeyedRows;
use crate::operators::storage::Storage;
use headwater_core::changelog::{expand, fold};

/// Keeps the rows of every group.
pub(crate) struct Recompute {
    aggregation: Arc<Aggregation>,
    schema: StreamSchema,
    rows: KeyedRows,
    global: bool,
    /// Whether the one group without keys has had a result.
    begun: bool,
}

impl Recompute {
    /// `input` is the changelog, `schema` the node's output, `hash_columns` those by which rows find this instance.
    pub(crate) fn new(
        node: &GroupAggregateNode,
        input: &StreamSchema,
        schema: StreamSchema,
        hash_columns: Vec<usize>,
        storage: &Storage,
    ) -> Result<Self, OperatorError> {
        let aggregation = aggregation(node)?;
        let rows = KeyedRows::new(node.keys.clone(), input, hash_columns, ttl(node), storage);
        Ok(Recompute { aggregation, schema, rows, global: node.keys.is_empty(), begun: false })
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        let begun = std::mem::replace(&mut self.begun, true);
        let Some(changed) = self.rows.changed()? else {
            return match self.global && !begun {
                true => out.emit(self.results(None, 1)?),
                false => Ok(()),
            };
        };
        let mut changes = Vec::new();
        if begun || !self.global {
            changes.push(self.results(Some(&changed.old), -1)?);
        }
        changes.push(self.results(Some(&changed.new), 1)?);
        let folded = fold(self.schema.full(), &changes, &[self.schema.event_time_index()])?;
        out.emit(folded)?;
        self.rows.put(changed.old, changed.new)
    }

    /// The results of all groups of some rows, each with this weight.
    fn results(&self, rows: Option<&RecordBatch>, weight: i64) -> Result<RecordBatch, OperatorError> {
        let mut table = GroupTable::new(&self.aggregation)?;
        if self.global {
            table.begin_group()?;
        }
        if let Some(rows) = rows {
            table.add(&self.aggregation.rows(&expand(rows)?)?)?;
        }
        let groups = table.into_results()?;
        if groups.count == 0 {
            return Ok(RecordBatch::new_empty(self.schema.full().clone()));
        }
        let (mut columns, mut results) = (groups.keys, groups.results);
        let times = results.pop().ok_or_else(|| OperatorError::plan("a group has no event time"))?;
        columns.extend(results);
        let times = known_times(&times);
        self.schema.changes(columns, times, Int64Array::from_value(weight, groups.count))
    }
}

/// The event times. Only the group without keys can have no rows, and so no time.
fn known_times(times: &ArrayRef) -> ArrayRef {
    if times.null_count() == 0 {
        return times.clone();
    }
    Arc::new(TimestampNanosecondArray::from_value(NO_TIME.nanos(), times.len()))
}

impl Operator for Recompute {
    fn name(&self) -> &str {
        "group-recompute"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        match self.rows.add(&batch)? {
            true => self.flush(out),
            false => Ok(()),
        }
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark == Watermark::END {
            self.flush(out)?;
        }
        self.rows.forget(watermark)?;
        Ok(watermark)
    }

    fn on_flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn on_barrier(&mut self, epoch: Epoch, out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        self.flush(out)?;
        self.rows.snapshot(epoch)
    }

    fn restore_chunk(&mut self, chunk: RestoredChunk, range: KeyRange) -> Result<Option<RestoredChunk>, OperatorError> {
        self.rows.restore(chunk, range)
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        // A checkpoint was preceded by a flush.
        self.begun = true;
        chunks.into_iter().try_for_each(|chunk| self.restore_chunk(chunk, range).map(drop))
    }

    fn state_bytes(&self) -> usize {
        self.rows.size()
    }

    fn spilled_bytes(&self) -> usize {
        self.rows.spilled_bytes()
    }
}
