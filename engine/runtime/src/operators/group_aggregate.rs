//! Aggregates by key without a window: results that are corrected as rows come.
//!
//! [`GroupAggregate`] takes rows, or the states of a [`GroupPartial`] before an exchange, and keeps the states of each
//! group with its last result. Changes are folded in a table of their own; a flush merges it with the stored states of
//! the groups in it, so that it costs what changed. A changelog is the work of [`Recompute`].

mod partial;
mod recompute;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, TimestampNanosecondArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use headwater_core::{
    Epoch, KeyRange, NO_TIME, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
    hash_columns,
};
use headwater_plan::{GroupAggregateNode, Phase};

use super::aggregation::Aggregation;
use super::chunk::ChunkNames;
use super::equality::equal_rows;
use super::group_table::{GroupResults, GroupTable};
use super::retention::Retention;
use super::row_table::{Changes, RowTable, SlotId};
use super::state_log::{StateLog, split_weight};
use super::storage::Storage;
pub(super) use partial::GroupPartial;
pub(super) use recompute::Recompute;

/// The state table: a row a group with its keys, states and last results.
const TABLE: &str = "groups";
/// Groups that may wait for a flush.
const DELTA_GROUPS_MAX: usize = 128 * 1024;

/// The aggregation of a node. Its last aggregate is the greatest event time of a group's rows.
pub(super) fn aggregation(node: &GroupAggregateNode) -> Result<Arc<Aggregation>, OperatorError> {
    Aggregation::of(node.phase, &node.keys, &node.key_fields, &node.aggregates)
}

/// How long a group is kept that no row comes for. The one group without keys always is: there is always a result.
fn ttl(node: &GroupAggregateNode) -> Option<Duration> {
    node.ttl.filter(|_| !node.keys.is_empty())
}

/// Keeps every group's states and last result.
pub(super) struct GroupAggregate {
    aggregation: Arc<Aggregation>,
    schema: StreamSchema,
    stored: SchemaRef,
    delta: Option<GroupTable>,
    groups: RowTable,
    log: StateLog,
    retention: Retention,
    /// Whether the one group without keys has had a result.
    begun: bool,
    windowed: bool,
    /// Before this, windows are forgotten.
    closed: i64,
    late_rows: u64,
}

impl GroupAggregate {
    /// `schema` is the node's output.
    pub(super) fn new(
        node: &GroupAggregateNode,
        schema: StreamSchema,
        storage: &Storage,
    ) -> Result<Self, OperatorError> {
        let aggregation = aggregation(node)?;
        let stored = stored_schema(&aggregation, &schema)?;
        Ok(GroupAggregate {
            delta: None,
            groups: RowTable::new(stored.clone(), storage),
            log: StateLog::new(TABLE, &stored, aggregation.key_indices(), storage.kept()),
            retention: Retention::new(ttl(node)),
            begun: !node.keys.is_empty() || node.phase == Phase::Partial,
            aggregation,
            schema,
            stored,
            windowed: node.windowed,
            closed: i64::MIN,
            late_rows: 0,
        })
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        if !std::mem::replace(&mut self.begun, true) {
            delta(&mut self.delta, &self.aggregation)?.begin_group()?;
        }
        let Some(delta) = self.delta.take() else { return Ok(()) };
        let changed = delta.into_states()?;
        let hashes = self.hashes(&changed)?;
        let old = self.groups.take(&hashes)?.rows;
        // Stored keys are distinct, so the old groups are the first ones of the merged table, in their order.
        let mut merged = GroupTable::new(&self.aggregation)?;
        merged.merge(&old)?;
        merged.merge(&changed)?;
        let states = merged.into_states()?;
        let mut columns = states.columns().to_vec();
        columns.extend(GroupResults::of_states(&self.aggregation, &states)?.results);
        let new = self.lay_out(columns, states.num_rows())?;
        self.emit(&old, &new, out)?;
        self.keep(&old, new)
    }

    /// What is not of windows that are forgotten, and would begin anew. An instance before this one may lag behind.
    fn in_time(&mut self, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let times = headwater_core::schema::event_times(&batch)?;
        if times.values().iter().all(|time| *time >= self.closed) {
            return Ok(batch);
        }
        let mask: BooleanArray = times.values().iter().map(|time| Some(*time >= self.closed)).collect();
        self.late_rows += (batch.num_rows() - mask.true_count()) as u64;
        filter_record_batch(&batch, &mask).map_err(failed)
    }

    fn hashes(&self, rows: &RecordBatch) -> Result<Vec<u64>, OperatorError> {
        let keys = &rows.columns()[..self.aggregation.key_indices().len()];
        hash_columns(keys, rows.num_rows())
    }

    fn lay_out(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, OperatorError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.stored.clone(), columns, &options).map_err(failed)
    }

    /// Takes back the old results that are not the new ones, and sends those.
    fn emit(&self, old: &RecordBatch, new: &RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let count = old.num_rows();
        let (before, after) = (self.results(old), self.results(&new.slice(0, count)));
        let same = equal_rows(&before, &after, count, true)?;
        let changed = not(&same).map_err(failed)?;
        if self.schema.is_updating() && changed.true_count() > 0 {
            // The correction is as old as what corrects it.
            let times = new.slice(0, count).columns().last().cloned();
            let mut columns = old.columns().to_vec();
            if let (Some(last), Some(times)) = (columns.last_mut(), times) {
                *last = times;
            }
            let old = RecordBatch::try_new(old.schema(), columns).map_err(failed)?;
            out.emit(self.output(&filter_record_batch(&old, &changed).map_err(failed)?, -1)?)?;
        }
        let fresh = BooleanArray::from_iter((0..new.num_rows()).map(|row| Some(row >= count || changed.value(row))));
        out.emit(self.output(&filter_record_batch(new, &fresh).map_err(failed)?, 1)?)
    }

    /// The columns of the results but for the last, the event time.
    fn results(&self, stored: &RecordBatch) -> Vec<ArrayRef> {
        let first = self.aggregation.state_schema().fields().len();
        stored.columns()[first..stored.num_columns() - 1].to_vec()
    }

    fn output(&self, stored: &RecordBatch, weight: i64) -> Result<RecordBatch, OperatorError> {
        let mut columns = stored.columns()[..self.aggregation.key_indices().len()].to_vec();
        columns.extend(self.results(stored));
        let times = times(stored)?;
        self.schema.changes(columns, times, Int64Array::from_value(weight, stored.num_rows()))
    }

    fn keep(&mut self, old: &RecordBatch, new: RecordBatch) -> Result<(), OperatorError> {
        if self.log.is_kept() {
            let live = self.groups.len() + new.num_rows();
            let changes = [weighted(self.log.schema(), old, -1)?, weighted(self.log.schema(), &new, 1)?];
            changes.into_iter().try_for_each(|change| self.log.record(change, live))?;
        }
        let hashes = self.hashes(&new)?;
        self.groups.insert(new, &hashes, |_| 1, |_| 0)
    }
}

impl Operator for GroupAggregate {
    fn name(&self) -> &str {
        "group"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let batch = if self.windowed { self.in_time(batch)? } else { batch };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.aggregation.rows(&batch)?;
        let table = delta(&mut self.delta, &self.aggregation)?;
        table.add(&rows)?;
        if table.len() > DELTA_GROUPS_MAX {
            self.flush(out)?;
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if self.windowed || watermark == Watermark::END {
            self.flush(out)?;
        }
        if self.windowed {
            self.closed = self.closed.max(self.retention.before(watermark.time));
        }
        if let Some(before) = self.retention.due(watermark.time) {
            let forgotten = self.groups.take_aged(before)?;
            self.log.record(weighted(self.log.schema(), &forgotten.rows, -1)?, self.groups.len())?;
        }
        Ok(watermark)
    }

    fn on_flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn on_barrier(&mut self, epoch: Epoch, out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        self.flush(out)?;
        let (groups, schema) = (&self.groups, self.log.schema().clone());
        let stored = |slots: &[SlotId]| weighted(&schema, &groups.rows(slots)?, 1);
        let chunks = self.log.hand_over(groups, &mut ChunkNames::of(epoch), stored)?;
        Ok(Snapshot { chunks })
    }

    fn restore_chunk(&mut self, chunk: RestoredChunk, range: KeyRange) -> Result<Option<RestoredChunk>, OperatorError> {
        let Some(changes) = self.log.restore(&chunk, range)? else { return Ok(Some(chunk)) };
        let (rows, weights) = split_weight(&changes)?;
        let rows = self.lay_out(rows.columns().to_vec(), rows.num_rows())?;
        let (hashes, degrees) = (self.hashes(&rows)?, vec![0; weights.len()]);
        self.groups.apply(Changes { rows, hashes, weights, degrees })?;
        Ok(None)
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        chunks.into_iter().try_for_each(|chunk| self.restore_chunk(chunk, range).map(drop))?;
        self.begun |= self.groups.len() > 0;
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.groups.size() + self.log.size() + self.delta.as_ref().map_or(0, GroupTable::size)
    }

    fn spilled_bytes(&self) -> usize {
        self.groups.spilled_bytes()
    }
}

/// The table of what changed since the last flush.
fn delta<'a>(
    delta: &'a mut Option<GroupTable>,
    aggregation: &Arc<Aggregation>,
) -> Result<&'a mut GroupTable, OperatorError> {
    Ok(match delta {
        Some(table) => table,
        none => none.insert(GroupTable::new(aggregation)?),
    })
}

/// Keys, states, then results; the last of them is the event time.
fn stored_schema(aggregation: &Aggregation, output: &StreamSchema) -> Result<SchemaRef, OperatorError> {
    let visible = output.visible();
    let results = visible.fields().iter().skip(aggregation.key_indices().len());
    if results.len() + 1 != aggregation.functions().len() {
        return Err(OperatorError::plan("a group's results are not its aggregates without the event time"));
    }
    let result =
        |(index, field): (usize, &Arc<Field>)| Field::new(format!("_result_{index}"), field.data_type().clone(), true);
    let results: Vec<Field> = results.enumerate().map(result).collect();
    let time = Field::new(headwater_core::EVENT_TIME, super::evaluate::NANOSECONDS, true);
    Ok(aggregation.state_schema_with(results.into_iter().chain([time])))
}

/// The last column as event times. A result of no rows has none.
fn times(stored: &RecordBatch) -> Result<ArrayRef, OperatorError> {
    let times = headwater_core::schema::event_times(stored)?;
    Ok(match times.null_count() {
        0 => Arc::new(times.clone()),
        _ => Arc::new(TimestampNanosecondArray::from_iter_values(
            times.iter().map(|time| time.unwrap_or(NO_TIME.nanos())),
        )),
    })
}

/// Rows with one weight.
fn weighted(schema: &SchemaRef, rows: &RecordBatch, weight: i64) -> Result<RecordBatch, OperatorError> {
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_value(weight, rows.num_rows())));
    RecordBatch::try_new(schema.clone(), columns).map_err(failed)
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("keep the results of groups", source)
}
