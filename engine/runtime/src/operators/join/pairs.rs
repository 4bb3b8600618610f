//! The pairs of a join: rows of both sides with equal keys for which the condition holds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::and;
use arrow::compute::kernels::cmp::gt;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::schema::event_time_field;
use headwater_core::{OperatorError, StreamSchema};
use headwater_plan::JoinNode;

use super::rows_at;
use super::side::{Arrived, Side};
use crate::operators::equality::equal_rows;
use crate::operators::evaluate;
use crate::operators::row_table::SlotId;

/// What makes a pair of two rows.
#[derive(Debug)]
pub(super) struct Pairing {
    /// Whether a null key equals a null key.
    pub(super) null_equal: bool,
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// The left visible columns, the right ones, and the event time.
    schema: SchemaRef,
}

/// Pairs of rows that came with rows of the other side.
#[derive(Debug)]
pub(super) struct Pairs {
    /// Which side the slots are of.
    pub(super) other: usize,
    /// The numbers of the rows that came.
    pub(super) own_rows: Vec<u32>,
    /// The rows of the other side.
    pub(super) slots: Vec<SlotId>,
    /// The visible columns of the left rows, then of the right ones.
    pub(super) columns: Vec<ArrayRef>,
    /// The greater of both event times.
    pub(super) times: ArrayRef,
}

impl Pairs {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl Pairing {
    /// The pairing of a node over inputs with these schemas.
    pub(super) fn new(node: &JoinNode, left: &StreamSchema, right: &StreamSchema) -> Result<Self, OperatorError> {
        if node.left_keys.len() != node.right_keys.len() {
            return Err(OperatorError::plan("a join has keys on one side only"));
        }
        let nullable = |schema: &StreamSchema| {
            let visible = schema.visible();
            visible.fields().iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))).collect::<Vec<_>>()
        };
        let mut fields = nullable(left);
        fields.extend(nullable(right));
        fields.push(Arc::new(event_time_field()));
        let (null_equal, condition) = (node.null_equal, node.condition.clone());
        Ok(Pairing { null_equal, condition, schema: Arc::new(Schema::new(fields)) })
    }

    /// The true pairs among those that a probe found.
    pub(super) fn pairs(
        &self,
        input: usize,
        arrived: &Arrived,
        (own_rows, slots): (Vec<u32>, Vec<SlotId>),
        other: &Side,
    ) -> Result<Pairs, OperatorError> {
        let own = rows_at(&arrived.rows, &own_rows)?;
        let found = other.table.rows(&slots)?;
        let own_index = UInt32Array::from(own_rows);
        let own_keys = crate::operators::equality::take_all(&arrived.keys, &own_index)?;
        let found_keys = evaluate::columns(&other.keys, &found)?;
        let mut mask = equal_rows(&own_keys, &found_keys, own.num_rows(), self.null_equal)?;
        let combined = self.combine(input, &own, &found)?;
        if let Some(condition) = &self.condition {
            let holds = evaluate::mask(condition, &combined)?;
            mask = and(&mask, &holds).map_err(failed)?;
        }
        let (combined, own_rows, slots) = match mask.true_count() == own.num_rows() {
            true => (combined, own_index.values().to_vec(), slots),
            false => {
                let combined = arrow::compute::filter_record_batch(&combined, &mask).map_err(failed)?;
                (combined, chosen(own_index.values(), &mask), chosen(&slots, &mask))
            }
        };
        let last = combined.num_columns() - 1;
        let (columns, times) = (combined.columns()[..last].to_vec(), combined.column(last).clone());
        Ok(Pairs { other: 1 - input, own_rows, slots, columns, times })
    }

    fn combine(&self, input: usize, own: &RecordBatch, found: &RecordBatch) -> Result<RecordBatch, OperatorError> {
        let (left, right) = if input == 0 { (own, found) } else { (found, own) };
        let visible = |batch: &RecordBatch| batch.columns()[..batch.num_columns() - 1].to_vec();
        let times = |batch: &RecordBatch| batch.column(batch.num_columns() - 1).clone();
        let mut columns = visible(left);
        columns.extend(visible(right));
        columns.push(greater(&times(left), &times(right))?);
        let options = RecordBatchOptions::new().with_row_count(Some(own.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(failed)
    }
}

/// The greater of two times, row by row.
pub(super) fn greater(a: &ArrayRef, b: &ArrayRef) -> Result<ArrayRef, OperatorError> {
    let first = gt(a, b).map_err(failed)?;
    match first.true_count() {
        0 => Ok(b.clone()),
        count if count == a.len() => Ok(a.clone()),
        _ => zip(&first, a, b).map_err(failed),
    }
}

fn chosen(values: &[u32], mask: &BooleanArray) -> Vec<u32> {
    values.iter().zip(mask.values().iter()).filter(|(_, keep)| *keep).map(|(value, _)| *value).collect()
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("pair the rows of a join", source)
}

/// The rows for which any key is null.
pub(super) fn any_null(keys: &[ArrayRef], rows: usize) -> Option<BooleanArray> {
    if keys.iter().all(|key| key.logical_null_count() == 0) {
        return None;
    }
    let nulls: Vec<_> = keys.iter().filter_map(|key| key.logical_nulls()).collect();
    Some((0..rows).map(|row| Some(nulls.iter().any(|nulls| nulls.is_null(row)))).collect())
}

/// Whether the mask says so of a row.
pub(super) fn is_set(mask: Option<&BooleanArray>, row: usize) -> bool {
    mask.is_some_and(|mask| mask.value(row))
}
