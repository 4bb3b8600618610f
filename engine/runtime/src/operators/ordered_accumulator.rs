//! Aggregates that can only take their rows in order (`nth_value(x ORDER BY y)`), over rows that come in any order.
//!
//! Such an accumulator merges states correctly, as each state carries its ordering; only its input must be sorted.
//! So every batch is sorted and aggregated on its own, and its state merged into the whole.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::{SortColumn, lexsort_to_indices, take_arrays};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

/// An accumulator that sorts what it is given.
#[derive(Debug)]
pub(super) struct OrderedAccumulator {
    function: Arc<AggregateFunctionExpr>,
    merged: Box<dyn Accumulator>,
}

impl OrderedAccumulator {
    /// Whether the function needs this.
    pub(super) fn needed_by(function: &AggregateFunctionExpr) -> bool {
        function.order_sensitivity().hard_requires() && !function.order_bys().is_empty()
    }

    /// An empty one.
    pub(super) fn new(function: Arc<AggregateFunctionExpr>) -> Result<Self> {
        let merged = function.create_accumulator()?;
        Ok(OrderedAccumulator { function, merged })
    }

    /// The arguments come first, then the ordering expressions.
    fn sorted(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let first = values.len().saturating_sub(self.function.order_bys().len());
        let columns = values[first..].iter().zip(self.function.order_bys());
        let columns: Vec<_> =
            columns.map(|(values, by)| SortColumn { values: values.clone(), options: Some(by.options) }).collect();
        Ok(take_arrays(values, &lexsort_to_indices(&columns, None)?, None)?)
    }
}

impl Accumulator for OrderedAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut batch = self.function.create_accumulator()?;
        batch.update_batch(&self.sorted(values)?)?;
        let state = batch.state()?.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?;
        self.merged.merge_batch(&state)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.merged.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.merged.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.merged.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merged.merge_batch(states)
    }
}
