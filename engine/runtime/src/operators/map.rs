//! Filters rows and computes columns. The hidden columns go through as they are; nothing is kept.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::{EVENT_TIME, Operator, OperatorError, Output, StreamSchema, WEIGHT};
use headwater_plan::MapNode;

use super::evaluate;

/// The operator of a [`MapNode`].
pub(super) struct MapOperator {
    predicate: Option<Arc<dyn PhysicalExpr>>,
    columns: Vec<Arc<dyn PhysicalExpr>>,
    schema: StreamSchema,
}

impl MapOperator {
    /// `schema` is what comes out.
    pub(super) fn new(node: &MapNode, schema: StreamSchema) -> Self {
        MapOperator { predicate: node.predicate.clone(), columns: node.columns.clone(), schema }
    }

    fn filter(&self, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let Some(predicate) = &self.predicate else { return Ok(batch) };
        let mask = evaluate::mask(predicate, &batch)?;
        if mask.true_count() == batch.num_rows() {
            return Ok(batch);
        }
        filter_record_batch(&batch, &mask).map_err(|source| OperatorError::arrow("filter rows", source))
    }
}

impl Operator for MapOperator {
    fn name(&self) -> &str {
        "map"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let batch = self.filter(batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut columns = evaluate::columns(&self.columns, &batch)?;
        let hidden = [Some(EVENT_TIME), self.schema.is_updating().then_some(WEIGHT)];
        for name in hidden.into_iter().flatten() {
            columns.push(match batch.column_by_name(name) {
                Some(column) => column.clone(),
                // An append-only stream that is to be read as a changelog.
                None if name == WEIGHT => Arc::new(Int64Array::from_value(1, batch.num_rows())),
                None => return Err(OperatorError::plan(format!("a batch has no column {name}"))),
            });
        }
        let mapped = RecordBatch::try_new(self.schema.full().clone(), columns)
            .map_err(|source| OperatorError::arrow("project rows", source))?;
        out.emit(mapped)
    }
}
