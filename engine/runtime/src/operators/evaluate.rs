//! Physical expressions over a batch, as arrays. Knows no operator.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::OperatorError;

/// The type of an event time.
pub(super) const NANOSECONDS: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// The expression's value for every row.
pub(crate) fn column(expression: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef, OperatorError> {
    expression
        .evaluate(batch)
        .and_then(|value| value.into_array(batch.num_rows()))
        .map_err(|source| OperatorError::evaluate(format!("evaluate {expression}"), source))
}

/// The values of several expressions.
pub(crate) fn columns(
    expressions: &[Arc<dyn PhysicalExpr>],
    batch: &RecordBatch,
) -> Result<Vec<ArrayRef>, OperatorError> {
    expressions.iter().map(|expression| column(expression, batch)).collect()
}

/// For which rows the expression is true; null is not true.
pub(crate) fn mask(expression: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray, OperatorError> {
    let value = column(expression, batch)?;
    let mask = value
        .as_boolean_opt()
        .ok_or_else(|| OperatorError::plan(format!("{expression} is {}, not true or false", value.data_type())))?;
    Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
}
