//! The rows of closed windows: keys with their window, then the aggregates, in batches of a good size.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray, TimestampNanosecondArray};
use arrow::compute::{BatchCoalescer, cast};
use arrow::datatypes::{DataType, SchemaRef, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::{OperatorError, Output, StreamSchema};

use super::BATCH_ROWS;
use super::group_table::GroupResults;

/// Joins small batches and cuts big ones. Order is kept.
pub(super) struct Coalescer(BatchCoalescer);

impl Coalescer {
    /// For batches of this schema.
    pub(super) fn new(schema: SchemaRef) -> Self {
        Coalescer(BatchCoalescer::new(schema, BATCH_ROWS))
    }

    /// Takes rows; emits whatever is full.
    pub(super) fn push(&mut self, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.0.push_batch(batch).map_err(|source| OperatorError::arrow("join batches", source))?;
        self.emit_full(out)
    }

    /// Emits the rest.
    pub(super) fn finish(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.0.finish_buffered_batch().map_err(|source| OperatorError::arrow("join batches", source))?;
        self.emit_full(out)
    }

    fn emit_full(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        while let Some(batch) = self.0.next_completed_batch() {
            out.emit(batch)?;
        }
        Ok(())
    }
}

/// Builds the output of a window aggregate.
pub(super) struct WindowRows {
    schema: StreamSchema,
    window_index: Option<usize>,
    coalescer: Coalescer,
}

impl WindowRows {
    /// `schema` is the node's output; the window's struct goes in among the keys at `window_index`.
    pub(super) fn new(schema: StreamSchema, window_index: Option<usize>) -> Self {
        let coalescer = Coalescer::new(schema.full().clone());
        WindowRows { schema, window_index, coalescer }
    }

    /// The groups of one window, `[start, end)` in nanoseconds.
    pub(super) fn push_window(
        &mut self,
        groups: GroupResults,
        (start, end): (i64, i64),
        out: &mut dyn Output,
    ) -> Result<(), OperatorError> {
        let constant = |nanos| TimestampNanosecondArray::from_value(nanos, groups.count);
        self.push(groups.keys, groups.results, constant(start), constant(end), out)
    }

    /// Groups of which each has its own window.
    pub(super) fn push(
        &mut self,
        mut keys: Vec<ArrayRef>,
        results: Vec<ArrayRef>,
        starts: TimestampNanosecondArray,
        ends: TimestampNanosecondArray,
        out: &mut dyn Output,
    ) -> Result<(), OperatorError> {
        let event_times = ends.unary::<_, TimestampNanosecondType>(|end| end.saturating_sub(1));
        if let Some(index) = self.window_index {
            if index > keys.len() {
                return Err(OperatorError::plan(format!("a window at column {index} of {}", keys.len())));
            }
            keys.insert(index, self.window(index, starts, ends)?);
        }
        keys.extend(results);
        self.coalescer.push(self.schema.batch(keys, Arc::new(event_times))?, out)
    }

    /// Emits what is left.
    pub(super) fn finish(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        self.coalescer.finish(out)
    }

    fn window(
        &self,
        index: usize,
        starts: TimestampNanosecondArray,
        ends: TimestampNanosecondArray,
    ) -> Result<ArrayRef, OperatorError> {
        let field = self.schema.full().field(index);
        let DataType::Struct(fields) = field.data_type() else {
            return Err(OperatorError::plan(format!("the window {} is no struct", field.name())));
        };
        let [start, end] = fields.as_ref() else {
            return Err(OperatorError::plan(format!("the window {} is no pair of times", field.name())));
        };
        let build = || {
            let columns = vec![cast(&starts, start.data_type())?, cast(&ends, end.data_type())?];
            StructArray::try_new(fields.clone(), columns, None)
        };
        Ok(Arc::new(build().map_err(|source| OperatorError::arrow("build a window", source))?))
    }
}
