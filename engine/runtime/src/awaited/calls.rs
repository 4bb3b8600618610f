//! Calls of functions: a column of answers each, behind the columns of the rows.

use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use futures::future::try_join_all;
use headwater_core::{ConnectorError, OperatorError, StreamSchema, function};
use headwater_plan::{Call, CallNode};
use tokio::time::timeout;

use crate::operators::evaluate;
use crate::tail::TaskError;

/// The functions that a node calls.
pub(super) struct Calls {
    node: CallNode,
    schema: StreamSchema,
}

impl Calls {
    /// `schema` is what comes out.
    pub(super) fn new(node: CallNode, schema: StreamSchema) -> Self {
        Calls { node, schema }
    }

    /// The rows with the answers of all functions, which are called at once.
    pub(super) async fn answer(&self, batch: RecordBatch) -> Result<RecordBatch, TaskError> {
        let answers = try_join_all(self.node.calls.iter().map(|call| answer(call, &batch))).await?;
        let visible = self.schema.visible_count() - answers.len();
        let (own, hidden) = batch.columns().split_at(visible);
        let columns = own.iter().cloned().chain(answers).chain(hidden.iter().cloned()).collect();
        let answered = RecordBatch::try_new(self.schema.full().clone(), columns);
        Ok(answered.map_err(|source| OperatorError::arrow("put answers beside their rows", source))?)
    }
}

async fn answer(call: &Call, batch: &RecordBatch) -> Result<ArrayRef, TaskError> {
    let arguments = evaluate::columns(&call.arguments, batch)?;
    let function = call.function.as_ref();
    let limit = function.timeout();
    match timeout(limit, function::call(function, &arguments, batch.num_rows())).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(too_late(function.name(), batch.num_rows(), limit).into()),
    }
}

fn too_late(function: &str, rows: usize, limit: Duration) -> ConnectorError {
    let step = format!("answer for {rows} rows");
    ConnectorError::retryable("function", function, step, format!("no answer after {limit:?}"))
}
