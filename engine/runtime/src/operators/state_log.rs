//! State as the sum of weighted changes: at a barrier only what changed is handed over, and what was handed over before
//! is named. When the changes outgrow what they add up to, everything is written anew.

use arrow::array::AsArray;
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use headwater_core::{KeyRange, OperatorError, RestoredChunk, StateChunk, WEIGHT};
use std::sync::Arc;

use super::chunk::{Chunk, ChunkNames, check_columns, in_range};
use headwater_core::changelog::fold;

/// Changes that may wait, beyond what there is, before they are folded.
const PENDING_ROWS_MIN: usize = 64 * 1024;
/// Rows that are not worth writing anew.
const CHUNK_ROWS_MIN: usize = 16 * 1024;

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
    chunks: Vec<Chunk>,
}

impl StateLog {
    /// For rows of `schema`, which has no weight. Where no checkpoints are `kept`, changes are not either.
    pub(super) fn new(table: &'static str, schema: &Schema, hash_columns: Vec<usize>, kept: bool) -> Self {
        let schema = with_weight(schema);
        StateLog { table, schema, hash_columns, kept, pending: Vec::new(), pending_rows: 0, chunks: Vec::new() }
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

    /// The whole state, which has `live` rows: what changed, or `all` of it.
    pub(super) fn hand_over(
        &mut self,
        live: usize,
        names: &mut ChunkNames,
        all: impl FnOnce() -> Result<RecordBatch, OperatorError>,
    ) -> Result<Vec<StateChunk>, OperatorError> {
        if !self.kept {
            return Ok(Vec::new());
        }
        if !self.pending.is_empty() {
            let changes = fold(&self.schema, &self.pending, &[])?;
            self.pending.clear();
            self.pending_rows = 0;
            if changes.num_rows() > 0 {
                self.chunks.push(Chunk::new(changes));
            }
        }
        let rows: usize = self.chunks.iter().map(|chunk| chunk.rows.num_rows()).sum();
        if rows > 2 * live + CHUNK_ROWS_MIN {
            let all = all()?;
            self.chunks = if all.num_rows() > 0 { vec![Chunk::new(all)] } else { Vec::new() };
        }
        Ok(self.chunks.iter_mut().map(|chunk| chunk.hand_over(self.table, names)).collect())
    }

    /// Everything that the chunks of this table add up to within the range: rows with their weights.
    pub(super) fn restore(&mut self, chunks: &[RestoredChunk], range: KeyRange) -> Result<RecordBatch, OperatorError> {
        let mut rows = Vec::new();
        for chunk in chunks.iter().filter(|chunk| chunk.table == self.table) {
            check_columns(chunk, &self.schema)?;
            let within = in_range(&chunk.rows, &self.hash_columns, range)?;
            rows.push(RecordBatch::try_new(self.schema.clone(), within.columns().to_vec()).map_err(failed)?);
        }
        let state = match rows.is_empty() {
            true => RecordBatch::new_empty(self.schema.clone()),
            false => fold(&self.schema, &rows, &[])?,
        };
        if state.num_rows() > 0 {
            self.chunks.push(Chunk::new(state.clone()));
        }
        Ok(state)
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
