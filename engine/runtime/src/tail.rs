//! The end of a task: where its rows go, and what it hands over at a barrier.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::record_batch::RecordBatch;
use headwater_core::{Barrier, ConnectorError, Epoch, Message, OperatorError, Sink, Staged, StreamSchema, Watermark};
use headwater_plan::NodeId;

use crate::channel::ReaderGone;
use crate::exchange::{OutEdge, SendError};
use crate::status::InstanceBoard;

/// Why a task ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// A neighbour is gone; it has told why.
    #[error("a neighbouring task is gone")]
    Cancelled,
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error(transparent)]
    Connector(#[from] ConnectorError),
}

impl From<ReaderGone> for TaskError {
    fn from(_: ReaderGone) -> Self {
        TaskError::Cancelled
    }
}

impl From<SendError> for TaskError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Gone(gone) => gone.into(),
            SendError::Operator(error) => error.into(),
        }
    }
}

/// Where a task's rows go.
pub(crate) enum Tail {
    /// To the tasks that read them.
    Edges(Vec<OutEdge>),
    /// Into a sink.
    Sink(SinkTail),
}

/// A sink at the end of a chain.
pub(crate) struct SinkTail {
    pub(crate) node: NodeId,
    pub(crate) sink: Box<dyn Sink>,
    /// The input's schema, to take the hidden columns off; `None` where the sink wants them.
    pub(crate) strip: Option<StreamSchema>,
    pub(crate) board: Arc<InstanceBoard>,
}

impl Tail {
    /// Sends rows on, in order.
    pub(crate) async fn send(&mut self, batches: &mut Vec<RecordBatch>) -> Result<(), TaskError> {
        for batch in batches.drain(..) {
            match self {
                Tail::Edges(edges) => send_to_all(edges, batch).await?,
                Tail::Sink(sink) => sink.write(batch).await?,
            }
        }
        Ok(())
    }

    pub(crate) async fn watermark(&mut self, watermark: Watermark) -> Result<(), TaskError> {
        match self {
            Tail::Edges(edges) => broadcast(edges, &Message::Watermark(watermark)).await,
            Tail::Sink(sink) => {
                sink.board.watermark.store(watermark.time.nanos(), Ordering::Relaxed);
                Ok(sink.sink.on_watermark(watermark).await?)
            }
        }
    }

    /// Passes a barrier on, or stages what the sink holds.
    pub(crate) async fn barrier(&mut self, barrier: Barrier) -> Result<Option<(NodeId, Staged)>, TaskError> {
        match self {
            Tail::Edges(edges) => broadcast(edges, &Message::Barrier(barrier)).await.map(|()| None),
            Tail::Sink(sink) => sink.stage(barrier.epoch, barrier.stop).await.map(Some),
        }
    }

    /// Passes the end on, or stages the last of what the sink holds.
    pub(crate) async fn end(&mut self, epoch: Epoch) -> Result<Option<(NodeId, Staged)>, TaskError> {
        match self {
            Tail::Edges(edges) => broadcast(edges, &Message::End).await.map(|()| None),
            Tail::Sink(sink) => sink.stage(epoch, true).await.map(Some),
        }
    }
}

impl SinkTail {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), TaskError> {
        self.board.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        let batch = match &self.strip {
            Some(schema) => schema.strip(&batch)?,
            None => batch,
        };
        Ok(self.sink.write(batch).await?)
    }

    async fn stage(&mut self, epoch: Epoch, last: bool) -> Result<(NodeId, Staged), TaskError> {
        Ok((self.node, self.sink.stage(epoch, last).await?))
    }
}

async fn send_to_all(edges: &mut [OutEdge], batch: RecordBatch) -> Result<(), TaskError> {
    for edge in edges {
        edge.send(batch.clone()).await?;
    }
    Ok(())
}

async fn broadcast(edges: &[OutEdge], message: &Message) -> Result<(), TaskError> {
    for edge in edges {
        edge.broadcast(message).await?;
    }
    Ok(())
}
