//! What a task waits for: the answers to batches of rows, from functions and from tables elsewhere.
//!
//! Several batches are asked about at a time, and leave in the order in which they came. A watermark leaves when the
//! batches before it have; at a barrier, and at the end, the task waits until all have. So there is nothing to be kept in a
//! checkpoint: what was not answered is read again.

mod cache;
mod calls;
mod lookups;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::record_batch::RecordBatch;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, Stream, StreamExt};
use headwater_core::{ConnectorError, OperatorError, Watermark};
use headwater_plan::{Graph, NodeId, NodeKind};
use tokio_util::task::AbortOnDropHandle;

use crate::tail::TaskError;
use calls::Calls;
use lookups::Lookups;

/// How many batches and watermarks may wait.
const WAITING: usize = 16;

/// The node at the head of a task that waits, and what it waits for.
pub(crate) struct Awaited {
    node: NodeId,
    asked: Arc<Asked>,
    waiting: FuturesOrdered<BoxFuture<'static, Result<Passed, TaskError>>>,
}

/// What leaves, in order.
pub(crate) enum Passed {
    /// Rows with their answers.
    Rows(RecordBatch),
    /// A watermark behind them.
    Watermark(Watermark),
}

/// Who is asked.
enum Asked {
    Functions(Calls),
    Table(Box<Lookups>),
}

impl Asked {
    async fn answer(&self, batch: RecordBatch) -> Result<RecordBatch, TaskError> {
        match self {
            Asked::Functions(calls) => calls.answer(batch).await,
            Asked::Table(lookups) => lookups.answer(batch).await,
        }
    }
}

impl Awaited {
    /// Opens what a node asks; `None` for a node that waits for nothing.
    ///
    /// # Errors
    /// When a table cannot be opened.
    pub(crate) async fn open(graph: &Graph, node: NodeId) -> Result<Option<Self>, ConnectorError> {
        let schema = graph.nodes[node].schema.clone();
        let asked = match &graph.nodes[node].kind {
            NodeKind::Call(call) => Asked::Functions(Calls::new(call.clone(), schema)),
            NodeKind::Lookup(lookup) => {
                Asked::Table(Box::new(Lookups::new(lookup.clone(), schema, lookup.factory.open().await?)?))
            }
            _ => return Ok(None),
        };
        Ok(Some(Awaited { node, asked: Arc::new(asked), waiting: FuturesOrdered::new() }))
    }

    /// The node.
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// Whether more may be asked before an answer has come.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Asks about rows.
    pub(crate) fn ask(&mut self, batch: RecordBatch) {
        let asked = self.asked.clone();
        // By itself, so that an answer is taken also while this task waits for its readers: who answers has a time limit.
        let asking = AbortOnDropHandle::new(tokio::spawn(async move { asked.answer(batch).await }));
        let answer = async move {
            let broken = |error| OperatorError::plan(format!("a call has broken off: {error}"));
            asking.await.map_err(broken)?.map(Passed::Rows)
        };
        self.waiting.push_back(answer.boxed());
    }

    /// Lets a watermark leave behind the rows before it.
    pub(crate) fn pass(&mut self, watermark: Watermark) {
        self.waiting.push_back(std::future::ready(Ok(Passed::Watermark(watermark))).boxed());
    }

    /// The next that may leave; `None` when nothing waits.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Passed, TaskError>>> {
        Pin::new(&mut self.waiting).poll_next(context)
    }

    /// Waits for the next; `None` when nothing waits.
    pub(crate) async fn next(&mut self) -> Option<Result<Passed, TaskError>> {
        self.waiting.next().await
    }
}
