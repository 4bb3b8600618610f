//! The rows of each key, kept so that whatever is computed over them can be computed anew when they change: what comes
//! is gathered, and at a flush the keys that changed give up their rows before and after.

use arrow::record_batch::RecordBatch;
use headwater_core::{Epoch, KeyRange, OperatorError, RestoredChunk, Snapshot, StreamSchema, Watermark, hash_columns};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::Int64Array;
use datafusion::physical_expr::PhysicalExpr;

use super::chunk::ChunkNames;
use super::evaluate;
use super::retention::Retention;
use super::row_table::{Changes, RowTable, SlotId, Taken};
use super::state_log::{StateLog, split_weight};
use super::storage::Storage;
use headwater_core::changelog::{fold, negated, row_weights};

/// The state table: a row a row, with its weight.
const TABLE: &str = "rows";
/// So many rows may wait for a flush.
const PENDING_ROWS_MAX: usize = 256 * 1024;

/// All rows by key.
pub(super) struct KeyedRows {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    time_index: usize,
    table: RowTable,
    log: StateLog,
    retention: Retention,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
}

/// The rows of the keys that changed, with weights, folded.
pub(super) struct Changed {
    /// Before the changes.
    pub(super) old: RecordBatch,
    /// After them.
    pub(super) new: RecordBatch,
}

impl KeyedRows {
    /// For rows of `input`; `hash_columns` are those by which they find their instance.
    pub(super) fn new(
        keys: Vec<Arc<dyn PhysicalExpr>>,
        input: &StreamSchema,
        hash_columns: Vec<usize>,
        ttl: Option<Duration>,
        storage: &Storage,
    ) -> Self {
        let columns: Vec<_> = input.full().fields().iter().take(input.visible_count() + 1).cloned().collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(columns));
        KeyedRows {
            keys,
            time_index: input.event_time_index(),
            log: StateLog::new(TABLE, &schema, hash_columns, storage.kept()),
            table: RowTable::new(schema, storage),
            retention: Retention::new(ttl),
            pending: Vec::new(),
            pending_rows: 0,
        }
    }

    /// Takes rows, weighted or not. True when it is time to flush.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<bool, OperatorError> {
        let mut columns = batch.columns()[..=self.time_index].to_vec();
        columns.push(Arc::new(row_weights(batch)));
        let rows = RecordBatch::try_new(self.log.schema().clone(), columns).map_err(failed)?;
        self.pending_rows += rows.num_rows();
        self.pending.push(rows);
        Ok(self.pending_rows > PENDING_ROWS_MAX)
    }

    /// The keys that changed since the last flush; nothing when none did. [`KeyedRows::put`] has to follow.
    pub(super) fn changed(&mut self) -> Result<Option<Changed>, OperatorError> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let beside = [self.time_index];
        let changes = fold(self.log.schema(), &std::mem::take(&mut self.pending), &beside)?;
        self.pending_rows = 0;
        let old = self.take(&changes)?;
        let new = fold(self.log.schema(), &[old.clone(), changes], &beside)?;
        Ok(Some(Changed { old, new }))
    }

    /// Takes out the rows of the keys that these rows are of, with weights; there may be others whose keys have the same
    /// hash. [`KeyedRows::put`] has to follow.
    pub(super) fn take(&mut self, rows: &RecordBatch) -> Result<RecordBatch, OperatorError> {
        let mut hashes = self.hashes(rows)?;
        hashes.sort_unstable();
        hashes.dedup();
        let Taken { rows, weights } = self.table.take(&hashes)?;
        weighted(self.log.schema(), &rows, weights)
    }

    /// Puts the rows of changed keys back: what they were, and what of them is to be kept.
    pub(super) fn put(&mut self, old: RecordBatch, new: RecordBatch) -> Result<(), OperatorError> {
        if self.log.is_kept() {
            let live = self.table.len() + new.num_rows();
            self.log.record(negated(&old)?, live)?;
            self.log.record(new.clone(), live)?;
        }
        self.insert(&new)
    }

    fn insert(&mut self, weighted: &RecordBatch) -> Result<(), OperatorError> {
        let hashes = self.hashes(weighted)?;
        let (rows, weights) = split_weight(weighted)?;
        let rows = RecordBatch::try_new(self.table.schema().clone(), rows.columns().to_vec()).map_err(failed)?;
        self.table.insert(rows, &hashes, |row| weights[row], |_| 0)
    }

    fn hashes(&self, rows: &RecordBatch) -> Result<Vec<u64>, OperatorError> {
        hash_columns(&evaluate::columns(&self.keys, rows)?, rows.num_rows())
    }

    /// Forgets the keys that have not changed for too long.
    pub(super) fn forget(&mut self, watermark: Watermark) -> Result<(), OperatorError> {
        let Some(before) = self.retention.due(watermark.time) else { return Ok(()) };
        let Taken { rows, weights } = self.table.take_aged(before)?;
        let forgotten = negated(&weighted(self.log.schema(), &rows, weights)?)?;
        self.log.record(forgotten, self.table.len())
    }

    /// The state at a barrier; whoever owns it has flushed before.
    pub(super) fn snapshot(&mut self, epoch: Epoch) -> Result<Snapshot, OperatorError> {
        let (table, schema) = (&self.table, self.log.schema().clone());
        let stored = |slots: &[SlotId]| {
            let weights = slots.iter().map(|slot| table.weight(*slot)).collect();
            weighted(&schema, &table.rows(slots)?, weights)
        };
        let chunks = self.log.hand_over(table, &mut ChunkNames::of(epoch), stored)?;
        Ok(Snapshot { chunks })
    }

    /// Takes back what a chunk of a checkpoint says; gives it back when it is of another table.
    pub(super) fn restore(
        &mut self,
        chunk: RestoredChunk,
        range: KeyRange,
    ) -> Result<Option<RestoredChunk>, OperatorError> {
        let Some(weighted) = self.log.restore(&chunk, range)? else { return Ok(Some(chunk)) };
        let hashes = self.hashes(&weighted)?;
        let (rows, weights) = split_weight(&weighted)?;
        let rows = RecordBatch::try_new(self.table.schema().clone(), rows.columns().to_vec()).map_err(failed)?;
        let degrees = vec![0; weights.len()];
        self.table.apply(Changes { rows, hashes, weights, degrees })?;
        Ok(None)
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let pending: usize = self.pending.iter().map(RecordBatch::get_array_memory_size).sum();
        self.table.size() + self.log.size() + pending
    }

    /// Bytes of what is spilled.
    pub(super) fn spilled_bytes(&self) -> usize {
        self.table.spilled_bytes()
    }
}

fn weighted(
    schema: &arrow::datatypes::SchemaRef,
    rows: &RecordBatch,
    weights: Vec<i64>,
) -> Result<RecordBatch, OperatorError> {
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(Int64Array::from(weights)));
    RecordBatch::try_new(schema.clone(), columns).map_err(failed)
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("keep rows by key", source)
}
