//! The last row of each key: makes a changelog of upserts, which say what a row is now and not what it was.
//!
//! What an upsert changes is sent at once, so that it is no later than the watermark that follows it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::changelog::{fold, row_weights};
use headwater_core::key::{HashedMap, hash_bytes};
use headwater_core::{
    Epoch, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::UpsertNode;

use super::keyed_rows::KeyedRows;
use super::storage::Storage;

/// The operator of `NodeKind::Upsert`.
pub(super) struct Upsert {
    key: Vec<usize>,
    /// One row a key.
    rows: KeyedRows,
    schema: StreamSchema,
}

impl Upsert {
    /// `input` is what comes, `schema` the node's output, `hash_columns` those by which rows find this instance.
    pub(super) fn new(
        node: &UpsertNode,
        input: &StreamSchema,
        schema: StreamSchema,
        hash_columns: Vec<usize>,
        storage: &Storage,
    ) -> Self {
        let column =
            |index: &usize| Arc::new(Column::new(input.full().field(*index).name(), *index)) as Arc<dyn PhysicalExpr>;
        let keys = node.key.iter().map(column).collect();
        Upsert { key: node.key.clone(), rows: KeyedRows::new(keys, input, hash_columns, node.ttl, storage), schema }
    }

    /// Rows as they are sent, each with this weight.
    fn output(&self, rows: &RecordBatch, weight: i64) -> Result<RecordBatch, OperatorError> {
        let time = self.schema.event_time_index();
        let weights = Int64Array::from_value(weight, rows.num_rows());
        self.schema.changes(rows.columns()[..time].to_vec(), rows.column(time).clone(), weights)
    }
}

/// Of the rows of each key the last one, where it is one that came.
fn last_rows(schema: &SchemaRef, batches: &[RecordBatch], key: &[usize]) -> Result<RecordBatch, OperatorError> {
    let failed = |source| OperatorError::arrow("find the last row of each key", source);
    let rows = concat_batches(schema, batches).map_err(failed)?;
    let columns: Vec<ArrayRef> = key.iter().map(|index| rows.column(*index).clone()).collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let keys = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns)).map_err(failed)?;
    let mut last: Vec<u32> = Vec::new();
    let mut places: HashedMap<Vec<usize>> = HashedMap::default();
    for row in 0..rows.num_rows() {
        let bytes = keys.row(row);
        let candidates = places.entry(hash_bytes(bytes.as_ref())).or_default();
        match candidates.iter().find(|place| keys.row(last[**place] as usize) == bytes) {
            Some(place) => last[*place] = row as u32,
            None => {
                candidates.push(last.len());
                last.push(row as u32);
            }
        }
    }
    let weights = row_weights(&rows);
    last.retain(|row| weights.value(*row as usize) > 0);
    take_record_batch(&rows, &UInt32Array::from(last)).map_err(failed)
}

impl Operator for Upsert {
    fn name(&self) -> &str {
        "upsert"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let old = self.rows.take(&batch)?;
        let new = last_rows(&old.schema(), &[old.clone(), batch], &self.key)?;
        let changes = [self.output(&old, -1)?, self.output(&new, 1)?];
        out.emit(fold(self.schema.full(), &changes, &[self.schema.event_time_index()])?)?;
        self.rows.put(old, new)
    }

    fn on_watermark(&mut self, watermark: Watermark, _out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        self.rows.forget(watermark)?;
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
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
