//! A view as the sink of a job: one instance, so that batches and watermarks have one order.
//!
//! Rows are visible before their checkpoint exists; after a crash the view goes back to the last one and the rows that
//! followed come again, so readers see each once in the end. There is nothing to commit.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::sink::{Committer, Sink, SinkContext, SinkFactory, Staged};
use headwater_core::{ConnectorError, Epoch, OperatorError, RestoredChunk, StateChunk, Watermark};
use uuid::Uuid;

use super::{MATERIALIZED_VIEW, View};

/// The table of a view's checkpoint chunks.
const ROWS: &str = "rows";

/// Opens the sink of one view.
#[derive(Debug)]
pub(super) struct ViewSinkFactory {
    pub view: Arc<View>,
}

#[async_trait]
impl SinkFactory for ViewSinkFactory {
    fn parallel(&self) -> bool {
        false
    }

    fn wants_hidden_columns(&self) -> bool {
        true
    }

    async fn open(&self, _context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        let writer = self.view.open_writer();
        Ok(Box::new(ViewSink {
            view: Arc::clone(&self.view),
            writer,
            begun: false,
            instance: Uuid::new_v4(),
            chunks: 0,
        }))
    }

    async fn committer(&self, _job: &str, _node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

struct ViewSink {
    view: Arc<View>,
    writer: u64,
    /// Whether the view is in the state that this instance began with. Until its first call readers see the old one.
    begun: bool,
    /// Makes the names of chunks unique for ever.
    instance: Uuid,
    chunks: u64,
}

impl ViewSink {
    /// An instance that was given no checkpoint begins with an empty view.
    fn begin(&mut self) -> Result<(), ConnectorError> {
        if !std::mem::replace(&mut self.begun, true) {
            self.view.restore(self.writer, Vec::new()).map_err(|error| self.failed("empty the view", error))?;
        }
        Ok(())
    }

    fn failed(&self, step: &str, source: OperatorError) -> ConnectorError {
        ConnectorError::fatal(MATERIALIZED_VIEW, self.view.name(), step, source)
    }
}

#[async_trait]
impl Sink for ViewSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        self.begin()?;
        self.view.write(self.writer, batch).map_err(|error| self.failed("add rows", error))
    }

    async fn on_watermark(&mut self, watermark: Watermark) -> Result<(), ConnectorError> {
        self.begin()?;
        self.view.on_watermark(self.writer, watermark.time).map_err(|error| self.failed("publish rows", error))
    }

    async fn stage(&mut self, _epoch: Epoch, _last: bool) -> Result<Staged, ConnectorError> {
        self.begin()?;
        let (instance, chunks) = (self.instance, &mut self.chunks);
        let next_id = || {
            *chunks += 1;
            format!("{instance}-{chunks}")
        };
        let staged = self.view.stage(self.writer, next_id).map_err(|error| self.failed("stage rows", error))?;
        let chunk = |chunk: super::segments::Chunk| {
            let rows = chunk.rows.map(Into::into);
            StateChunk { table: ROWS.to_owned(), id: chunk.id, rows }
        };
        Ok(Staged { chunks: staged.into_iter().map(chunk).collect(), commit: None })
    }

    async fn restore(&mut self, chunks: Vec<RestoredChunk>) -> Result<(), ConnectorError> {
        self.begun = true;
        let expected = self.view.stream_schema().full().fields().clone();
        for chunk in &chunks {
            if *chunk.rows.schema().fields() != expected {
                let reason = "the columns of the checkpoint are not those of the view".to_owned();
                let error = OperatorError::State { table: chunk.table.clone(), reason };
                return Err(self.failed("restore rows", error));
            }
        }
        let rows = chunks.into_iter().map(|chunk| chunk.rows).collect();
        self.view.restore(self.writer, rows).map_err(|error| self.failed("restore rows", error))
    }
}
