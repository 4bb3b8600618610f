//! SQL window functions over all rows of a partition so far: a partition that changed is computed anew, and what is
//! different is sent.
//!
//! Where the reader only looks at the first few ranks and no row is ever taken back, only those rows are kept: a row
//! that has fallen behind them never comes back.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use headwater_core::{
    Epoch, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::KeyedWindowFunctionNode;

use super::keyed_rows::KeyedRows;
use super::storage::Storage;
use super::window_function::{Functions, PartitionOrder};
use headwater_core::changelog::{expand, fold};

/// Evaluates window functions whenever their partitions change.
pub(super) struct KeyedWindowFunction {
    functions: Functions,
    rows: KeyedRows,
    visible: usize,
    /// The greatest rank that matters.
    bound: Option<u64>,
    /// Whether rows that are beyond the bound can be forgotten.
    trims: bool,
    schema: StreamSchema,
}

impl KeyedWindowFunction {
    /// `input` is what comes, `schema` the node's output, `hash_columns` those by which rows find this instance.
    pub(super) fn new(
        node: &KeyedWindowFunctionNode,
        input: &StreamSchema,
        schema: StreamSchema,
        hash_columns: Vec<usize>,
        storage: &Storage,
    ) -> Result<Self, OperatorError> {
        let first = node.functions.first().ok_or_else(|| OperatorError::plan("a node without window functions"))?;
        let visible = input.visible_count();
        let order = PartitionOrder::new(&node.functions, input.full(), None, visible)?;
        let bound = node.bound.map(|bound| bound as u64).filter(|_| node.ranks.len() == node.functions.len());
        Ok(KeyedWindowFunction {
            rows: KeyedRows::new(first.partition_by().to_vec(), input, hash_columns, node.ttl, storage),
            functions: Functions::new(node.functions.clone(), node.ranks.clone(), order),
            visible,
            trims: bound.is_some() && !input.is_updating(),
            bound,
            schema,
        })
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        let Some(changed) = self.rows.changed()? else { return Ok(()) };
        let (old, _) = self.results(&changed.old, -1)?;
        let (new, kept) = self.results(&changed.new, 1)?;
        out.emit(fold(self.schema.full(), &[old, new], &[self.schema.event_time_index()])?)?;
        self.rows.put(changed.old, kept.unwrap_or(changed.new))
    }

    /// The results for all rows of some keys, each with this weight; and the rows that are to be kept, where some are
    /// not.
    fn results(&self, rows: &RecordBatch, weight: i64) -> Result<(RecordBatch, Option<RecordBatch>), OperatorError> {
        let rows = expand(rows)?;
        if rows.num_rows() == 0 {
            return Ok((RecordBatch::new_empty(self.schema.full().clone()), None));
        }
        let (mut rows, mut results) = self.functions.evaluate(&rows)?;
        if let Some(bound) = self.bound {
            let within = |row: usize| {
                results
                    .iter()
                    .any(|ranks| ranks.as_primitive_opt::<UInt64Type>().is_some_and(|r| r.value(row) <= bound))
            };
            let mask: BooleanArray = (0..rows.num_rows()).map(|row| Some(within(row))).collect();
            rows = filter_record_batch(&rows, &mask).map_err(failed)?;
            results = results
                .iter()
                .map(|ranks| arrow::compute::filter(ranks, &mask))
                .collect::<Result<_, _>>()
                .map_err(failed)?;
        }
        let mut columns = rows.columns()[..self.visible].to_vec();
        columns.extend(results);
        let weights = Int64Array::from_value(weight, rows.num_rows());
        let output = self.schema.changes(columns, rows.column(self.visible).clone(), weights)?;
        Ok((output, self.trims.then(|| ones(&rows)).transpose()?))
    }
}

/// Expanded rows, each with weight 1.
fn ones(rows: &RecordBatch) -> Result<RecordBatch, OperatorError> {
    let mut columns = rows.columns().to_vec();
    if let Some(last) = columns.last_mut() {
        *last = Arc::new(Int64Array::from_value(1, rows.num_rows()));
    }
    RecordBatch::try_new(rows.schema(), columns).map_err(failed)
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("rank rows", source)
}

impl Operator for KeyedWindowFunction {
    fn name(&self) -> &str {
        "window-function-updating"
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

    fn state_bytes(&self) -> usize {
        self.rows.size()
    }

    fn spilled_bytes(&self) -> usize {
        self.rows.spilled_bytes()
    }
}
