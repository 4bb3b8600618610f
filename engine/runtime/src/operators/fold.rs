//! Folds the changes between two flushes, so that a row which changed a thousand times is sent once.

use arrow::record_batch::RecordBatch;
use headwater_core::{Epoch, Operator, OperatorError, Output, Snapshot, StreamSchema, Watermark};

use headwater_core::changelog::fold;

/// So many changes may wait for a flush.
const PENDING_ROWS_MAX: usize = 256 * 1024;

/// The operator of `NodeKind::Fold`.
pub(super) struct FoldOperator {
    schema: StreamSchema,
    pending: Vec<RecordBatch>,
    rows: usize,
}

impl FoldOperator {
    /// `schema` is that of the changelog.
    pub(super) fn new(schema: StreamSchema) -> Self {
        FoldOperator { schema, pending: Vec::new(), rows: 0 }
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.rows = 0;
        let pending = std::mem::take(&mut self.pending);
        out.emit(fold(self.schema.full(), &pending, &[self.schema.event_time_index()])?)
    }
}

impl Operator for FoldOperator {
    fn name(&self) -> &str {
        "fold"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.rows += batch.num_rows();
        self.pending.push(batch);
        if self.rows > PENDING_ROWS_MAX { self.flush(out) } else { Ok(()) }
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark == Watermark::END {
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
        self.pending.iter().map(RecordBatch::get_array_memory_size).sum()
    }
}
