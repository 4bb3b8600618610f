//! `ORDER BY … LIMIT` over a bounded input: all rows wait for the end, and come out in order.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use headwater_core::{
    Epoch, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::OrderNode;

use super::chunk::{ChunkNames, check_columns};
use super::evaluate;
use super::held_rows::HeldRows;
use headwater_core::changelog::{expand, fold};

/// The state table: all rows so far.
const TABLE: &str = "rows";

/// The operator of an [`OrderNode`]; one instance.
pub(super) struct Order {
    node: OrderNode,
    rows: HeldRows,
    schema: StreamSchema,
}

impl Order {
    /// `input` may be a changelog; `schema`, the node's output, is none.
    pub(super) fn new(node: &OrderNode, input: &StreamSchema, schema: StreamSchema) -> Self {
        Order { node: node.clone(), rows: HeldRows::new(input), schema }
    }

    fn emit(&mut self, out: &mut dyn Output) -> Result<(), OperatorError> {
        let time = self.schema.visible_count();
        let rows = self.rows.take()?;
        let rows = expand(&fold(&self.rows.schema, &[rows], &[time])?)?;
        let mut order = self.order(&rows)?;
        order.drain(..self.node.skip.min(order.len()));
        order.truncate(self.node.fetch.unwrap_or(usize::MAX));
        let rows = take_record_batch(&rows, &UInt32Array::from(order)).map_err(failed)?;
        out.emit(self.schema.batch(rows.columns()[..time].to_vec(), rows.column(time).clone())?)
    }

    fn order(&self, rows: &RecordBatch) -> Result<Vec<u32>, OperatorError> {
        let mut by = Vec::new();
        for expression in &self.node.by {
            let values = evaluate::column(&expression.expr, rows)?;
            by.push(SortColumn { values, options: Some(expression.options) });
        }
        // What the order does not tell apart goes by everything else, so that a second run gives the same.
        by.extend(ties(rows, self.schema.visible_count())?.map(|values| SortColumn { values, options: None }));
        if by.is_empty() || rows.num_rows() == 0 {
            return Ok((0..rows.num_rows() as u32).collect());
        }
        Ok(lexsort_to_indices(&by, None).map_err(failed)?.values().to_vec())
    }
}

/// The visible columns as one of comparable bytes.
fn ties(rows: &RecordBatch, visible: usize) -> Result<Option<ArrayRef>, OperatorError> {
    let columns: Vec<ArrayRef> = rows.columns()[..visible].to_vec();
    let fields: Vec<SortField> = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    if columns.is_empty() || !RowConverter::supports_fields(&fields) {
        return Ok(None);
    }
    let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns)).map_err(failed)?;
    Ok(Some(std::sync::Arc::new(rows.try_into_binary().map_err(failed)?)))
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("sort rows", source)
}

impl Operator for Order {
    fn name(&self) -> &str {
        "order"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        self.rows.add(&batch)
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark == Watermark::END {
            self.emit(out)?;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let chunks = self.rows.chunks.iter_mut().map(|chunk| chunk.hand_over(TABLE, &mut names)).collect();
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, _range: KeyRange) -> Result<(), OperatorError> {
        for chunk in chunks.iter().filter(|chunk| chunk.table == TABLE) {
            check_columns(chunk, &self.rows.schema)?;
            let columns = chunk.rows.columns().to_vec();
            self.rows.put(RecordBatch::try_new(self.rows.schema.clone(), columns).map_err(failed)?);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.rows.size()
    }
}
