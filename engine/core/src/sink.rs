//! The contract of a sink: write, stage at a barrier, and commit once the checkpoint exists.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::error::ConnectorError;
use crate::message::Epoch;
use crate::operator::{RestoredChunk, StateChunk};
use crate::watermark::Watermark;

/// What a sink hands over at a barrier.
#[derive(Debug, Default)]
pub struct Staged {
    /// Rows that are neither visible nor to be made visible yet (a file that is not full), as state.
    pub chunks: Vec<StateChunk>,
    /// What the committer needs to make this epoch's output visible: it goes into the manifest. `None` when there is
    /// nothing to do.
    pub commit: Option<serde_json::Value>,
}

/// A place that rows go to, written by one task.
///
/// # Contract
/// - What was written before `stage` is durable when `stage` returns, in the returned state or behind the returned
///   commit value; an exactly-once sink makes none of it visible.
/// - After a crash a new instance gets the chunks of the last complete checkpoint, and the rows that came after it are
///   written again.
#[async_trait]
pub trait Sink: Send {
    /// Takes rows; the hidden columns have been taken off, unless the factory asked for them.
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError>;

    /// Learns that no row older than `watermark` follows, and that every row before it has been written: a sink that
    /// shows a consistent cut shows it now.
    async fn on_watermark(&mut self, _watermark: Watermark) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Makes everything written so far durable. `last` says that the job stops here: nothing should stay open.
    async fn stage(&mut self, epoch: Epoch, last: bool) -> Result<Staged, ConnectorError>;

    /// Takes back rows that were neither visible nor about to be. Called at most once, before anything else.
    async fn restore(&mut self, _chunks: Vec<RestoredChunk>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// Makes staged output visible, once its checkpoint exists.
#[async_trait]
pub trait Committer: Send + Sync {
    /// Makes visible what the instances of one sink staged for `epoch`. Called again after a crash with the same
    /// values, so a second call must change nothing.
    async fn commit(&self, epoch: Epoch, staged: &[serde_json::Value]) -> Result<(), ConnectorError>;
}

/// Which instance of a sink is being opened.
#[derive(Clone, Debug)]
pub struct SinkContext {
    /// The job, for names that others see (a transactional id).
    pub job: String,
    /// The number of this sink in the job's graph, stable over restarts.
    pub node: usize,
    /// Number of this instance, from 0.
    pub subtask: usize,
    /// How many instances there are.
    pub parallelism: usize,
}

/// Opens a sink. Made when a query is planned; does no I/O until then.
#[async_trait]
pub trait SinkFactory: Debug + Send + Sync {
    /// Whether more than one instance can write at once.
    fn parallel(&self) -> bool {
        true
    }

    /// Whether batches should keep their hidden columns (event time, weight).
    fn wants_hidden_columns(&self) -> bool {
        false
    }

    /// Opens one instance.
    async fn open(&self, context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError>;

    /// What commits; one for all instances. `None` for a sink whose rows are visible as they are written.
    async fn committer(&self, job: &str, node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError>;
}

/// A shared factory.
pub type SinkFactoryRef = Arc<dyn SinkFactory>;
