//! State as the sum of weighted changes: at a barrier only what changed is handed over, and what was handed over before
//! is named. When the changes outgrow what they add up to, everything is written anew. What has been handed over is not
//! kept here any more.

use arrow::array::AsArray;
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use headwater_core::{ChunkRows, KeyRange, OperatorError, RestoredChunk, StateChunk, WEIGHT};
use std::sync::Arc;

use super::chunk::{ChunkNames, check_columns, in_range};
use super::row_table::{RowTable, SlotId};
use headwater_core::changelog::fold;

/// Changes that may wait, beyond what there is, before they are folded.
const PENDING_ROWS_MIN: usize = 64 * 1024;
/// So many rows are in one chunk where everything is written anew.
const CHUNK_ROWS_MAX: usize = 64 * 1024;
/// Rows that are not worth writing anew.
const CHUNK_ROWS_MIN: usize = 4 * 1024;

/// The changes of one state table.
#[derive(Debug)]
pub(super) struct StateLog {
    table: &'static str,
    schema: SchemaRef,
    /// The columns by which a row finds its instance; empty where all rows are at one.
    hash_columns: Vec<usize>,
    /// Whether there will be checkpoints.
    kept: bool,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    /// Whether the next checkpoint writes everything: names of chunks that were restored are not ours.
    restored: bool,
    /// The rows that were handed over, by chunk; only their number is known any more.
    handed: Vec<(StateChunk, usize)>,
}

impl StateLog {
    /// For rows of `schema`, which has no weight. Where no checkpoints are `kept`, changes are not either.
    pub(super) fn new(table: &'static str, schema: &Schema, hash_columns: Vec<usize>, kept: bool) -> Self {
        let schema = with_weight(schema);
        StateLog {
            table,
            schema,
            hash_columns,
            kept,
            pending: Vec::new(),
            pending_rows: 0,
            restored: false,
            handed: Vec::new(),
        }
    }

    /// The columns of the table with the weight behind them.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether changes are wanted.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Takes changes of a table that has `live` rows.
    pub(super) fn record(&mut self, changes: RecordBatch, live: usize) -> Result<(), OperatorError> {
        if !self.kept || changes.num_rows() == 0 {
            return Ok(());
        }
        self.pending_rows += changes.num_rows();
        self.pending.push(changes);
        if self.pending_rows > 4 * live + PENDING_ROWS_MIN {
            let folded = fold(&self.schema, &self.pending, &[])?;
            self.pending_rows = folded.num_rows();
            self.pending = vec![folded];
        }
        Ok(())
    }

    /// The whole state, which is what the table has: what changed, or all of it. `stored` gives the rows of slots with
    /// their weights.
    pub(super) fn hand_over(
        &mut self,
        table: &RowTable,
        names: &mut ChunkNames,
        stored: impl Fn(&[SlotId]) -> Result<RecordBatch, OperatorError>,
    ) -> Result<Vec<StateChunk>, OperatorError> {
        if !self.kept {
            return Ok(Vec::new());
        }
        let pending = std::mem::take(&mut self.pending);
        self.pending_rows = 0;
        let mut fresh: Vec<ChunkRows> = Vec::new();
        if !self.restored && !pending.is_empty() {
            fresh.push(fold(&self.schema, &pending, &[])?.into());
        }
        drop(pending);
        let handed: usize = self.handed.iter().map(|(_, rows)| rows).sum();
        let rows = handed + fresh.iter().map(ChunkRows::count).sum::<usize>();
        if std::mem::take(&mut self.restored) || rows > 2 * table.len() + CHUNK_ROWS_MIN {
            self.handed.clear();
            fresh.clear();
            for slots in table.slots().chunks(CHUNK_ROWS_MAX) {
                let rows = stored(slots)?;
                // What does not fit in memory does not go through it at once either.
                fresh.push(match table.crowded() {
                    Some(store) => ChunkRows::Spilled(Arc::from(store.write(&rows)?), rows.num_rows()),
                    None => rows.into(),
                });
            }
        }
        let mut chunks: Vec<StateChunk> = self.handed.iter().map(|(chunk, _)| chunk.clone()).collect();
        for rows in fresh.into_iter().filter(|rows| rows.count() > 0) {
            let named = StateChunk { table: self.table.to_owned(), id: names.next(), rows: None };
            self.handed.push((named.clone(), rows.count()));
            chunks.push(StateChunk { rows: Some(rows), ..named });
        }
        Ok(chunks)
    }

    /// Bytes in memory: of what no checkpoint has yet.
    pub(super) fn size(&self) -> usize {
        self.pending.iter().map(RecordBatch::get_array_memory_size).sum()
    }

    /// The changes that a chunk says, within the range: rows with their weights. None when it is of another table.
    pub(super) fn restore(
        &mut self,
        chunk: &RestoredChunk,
        range: KeyRange,
    ) -> Result<Option<RecordBatch>, OperatorError> {
        if chunk.table != self.table {
            return Ok(None);
        }
        check_columns(chunk, &self.schema)?;
        let within = in_range(&chunk.rows, &self.hash_columns, range)?;
        self.restored = true;
        RecordBatch::try_new(self.schema.clone(), within.columns().to_vec()).map(Some).map_err(failed)
    }
}

/// The columns with a weight behind them.
pub(super) fn with_weight(schema: &Schema) -> SchemaRef {
    let weight = Arc::new(Field::new(WEIGHT, arrow::datatypes::DataType::Int64, false));
    let fields = schema.fields().iter().cloned().chain([weight]);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows without their last column, the weight, and the weights.
pub(super) fn split_weight(batch: &RecordBatch) -> Result<(RecordBatch, Vec<i64>), OperatorError> {
    let last = batch.num_columns().saturating_sub(1);
    let weights = batch.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>());
    let weights = weights.ok_or_else(|| OperatorError::plan(format!("rows have no column {WEIGHT}")))?;
    let columns: Vec<usize> = (0..last).collect();
    Ok((batch.project(&columns).map_err(failed)?, weights.values().to_vec()))
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("keep changes of state", source)
}
