//! Several streams as one: rows go through as they come. The merge of the inputs' watermarks is the task's.

use arrow::record_batch::RecordBatch;
use headwater_core::{Operator, OperatorError, Output};

/// Passes everything on.
pub(super) struct UnionOperator;

impl Operator for UnionOperator {
    fn name(&self) -> &str {
        "union"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        out.emit(batch)
    }
}
