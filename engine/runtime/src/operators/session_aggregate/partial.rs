//! The half of a session aggregate before an exchange: each batch's rows become its runs. Keeps nothing.

use std::sync::Arc;
use std::time::Duration;

use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{Operator, OperatorError, Output, StreamSchema};
use headwater_plan::WindowAggregateNode;

use crate::operators::aggregation::Aggregation;

use super::positive;
use super::runs::{Runs, SESSION_LAST};

/// Turns rows into runs.
pub(crate) struct SessionPartial {
    aggregation: Arc<Aggregation>,
    gap: i64,
    schema: StreamSchema,
}

impl SessionPartial {
    /// `schema` is the node's output: keys, states and [`SESSION_LAST`].
    pub(crate) fn new(node: &WindowAggregateNode, gap: Duration, schema: StreamSchema) -> Result<Self, OperatorError> {
        Ok(SessionPartial { aggregation: Aggregation::new(node)?, gap: positive(gap)?, schema })
    }
}

impl Operator for SessionPartial {
    fn name(&self) -> &str {
        "session-partial"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let times = event_times(&batch)?;
        let rows = self.aggregation.rows(&batch)?;
        let runs = Runs::of_rows(&self.aggregation, &rows, times.values(), self.gap)?;
        if runs.count() == 0 {
            return Ok(());
        }
        let last = self.schema.full().index_of(SESSION_LAST).map_err(|e| OperatorError::arrow("send sessions", e))?;
        let last_type = self.schema.full().field(last).data_type();
        let mut columns = runs.states();
        columns.push(cast(runs.last(), last_type).map_err(|e| OperatorError::arrow("send sessions", e))?);
        out.emit(self.schema.batch(columns, runs.first().clone())?)
    }
}
