//! Weighted rows that wait, as a sum: what is left of a changelog once its changes are folded.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_core::{OperatorError, StreamSchema};

use super::chunk::Chunk;
use super::state_log::with_weight;
use headwater_core::changelog::{fold, row_weights};

/// Rows that wait may grow to this many times what they were after the last fold.
const GROWTH: usize = 2;
/// Rows that are not worth folding.
const ROWS_MIN: usize = 64 * 1024;

/// Rows with their weights: the visible columns, the event time and the weight.
#[derive(Debug)]
pub(super) struct HeldRows {
    /// The columns.
    pub(super) schema: arrow::datatypes::SchemaRef,
    visible: usize,
    /// The rows.
    pub(super) chunks: Vec<Chunk>,
    rows: usize,
    folded_rows: usize,
}

impl HeldRows {
    /// None yet.
    pub(super) fn new(input: &StreamSchema) -> Self {
        let columns: Vec<_> = input.full().fields().iter().take(input.visible_count() + 1).cloned().collect();
        let schema = with_weight(&arrow::datatypes::Schema::new(columns));
        HeldRows { schema, visible: input.visible_count(), chunks: Vec::new(), rows: 0, folded_rows: 0 }
    }

    /// Takes rows, weighted or not.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), OperatorError> {
        let mut columns = batch.columns()[..=self.visible].to_vec();
        columns.push(Arc::new(row_weights(batch)));
        let rows = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|source| OperatorError::arrow("hold rows", source))?;
        self.rows += rows.num_rows();
        self.chunks.push(Chunk::new(rows));
        if self.rows > GROWTH * self.folded_rows + ROWS_MIN {
            let folded = self.take()?;
            self.folded_rows = folded.num_rows();
            self.put(folded);
        }
        Ok(())
    }

    /// Takes out what the rows add up to.
    pub(super) fn take(&mut self) -> Result<RecordBatch, OperatorError> {
        self.rows = 0;
        let batches: Vec<RecordBatch> = self.chunks.drain(..).map(|chunk| chunk.rows).collect();
        match batches.is_empty() {
            true => Ok(RecordBatch::new_empty(self.schema.clone())),
            false => fold(&self.schema, &batches, &[]),
        }
    }

    /// Puts folded rows back.
    pub(super) fn put(&mut self, folded: RecordBatch) {
        if folded.num_rows() > 0 {
            self.rows += folded.num_rows();
            self.chunks.push(Chunk::new(folded));
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows.get_array_memory_size()).sum()
    }
}
