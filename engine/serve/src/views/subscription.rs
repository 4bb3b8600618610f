//! Following a view: a snapshot first, then every change; a subscriber that falls behind gets a fresh snapshot instead
//! of a queue without bound.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_core::changelog::{expand, negated};
use headwater_core::{EventTime, OperatorError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::view::{Change, View, ViewSnapshot};

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum ViewEvent {
    /// What the view holds; replaces everything told before.
    Snapshot(ViewSnapshot),
    /// Rows that became visible, without hidden columns.
    Rows(RecordBatch),
    /// Rows that are in the view no longer, without hidden columns: a row that is corrected goes before it comes.
    Removed(RecordBatch),
    /// Every row older than the watermark has been told; rows older than `retained_from` are no longer in the view.
    Progress {
        /// How far time is.
        watermark: EventTime,
        /// What the view has let go.
        retained_from: EventTime,
    },
}

/// One reader that follows a view. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    view: Arc<View>,
    /// None before the first snapshot, and when the next event must be one.
    changes: Option<broadcast::Receiver<Change>>,
    /// Told after a snapshot, so that a subscriber knows at once how far time is.
    progress: Option<(EventTime, EventTime)>,
    /// Rows that came in place of those that were told last.
    came: Option<RecordBatch>,
}

impl Subscription {
    pub(super) fn new(view: Arc<View>) -> Self {
        Subscription { view, changes: None, progress: None, came: None }
    }

    /// The view that is followed.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Waits for what happens next. Cancel-safe. Never ends by itself: a view lives as long as its server.
    ///
    /// # Errors
    /// As [`View::snapshot`].
    pub async fn next(&mut self) -> Result<ViewEvent, OperatorError> {
        if let Some((watermark, retained_from)) = self.progress.take() {
            return Ok(ViewEvent::Progress { watermark, retained_from });
        }
        if let Some(rows) = self.came.take() {
            return Ok(ViewEvent::Rows(rows));
        }
        let Some(changes) = &mut self.changes else { return self.begin() };
        match changes.recv().await {
            Ok(Change::Rows(rows)) => self.rows(&rows),
            Ok(Change::Progress { watermark, retained_from }) => Ok(ViewEvent::Progress { watermark, retained_from }),
            // The sender lives in the view that this holds, so it is never closed.
            Ok(Change::Restored) | Err(RecvError::Lagged(_) | RecvError::Closed) => self.begin(),
        }
    }

    /// What went, then what came.
    fn rows(&mut self, changes: &RecordBatch) -> Result<ViewEvent, OperatorError> {
        let schema = self.view.stream_schema();
        if !schema.is_updating() {
            return Ok(ViewEvent::Rows(schema.strip(changes)?));
        }
        let removed = schema.strip(&expand(&negated(changes)?)?)?;
        let came = schema.strip(&expand(changes)?)?;
        if removed.num_rows() == 0 {
            return Ok(ViewEvent::Rows(came));
        }
        self.came = (came.num_rows() > 0).then_some(came);
        Ok(ViewEvent::Removed(removed))
    }

    fn begin(&mut self) -> Result<ViewEvent, OperatorError> {
        let (snapshot, changes) = self.view.snapshot_and_changes()?;
        self.changes = Some(changes);
        self.progress = Some((snapshot.watermark, snapshot.retained_from));
        Ok(ViewEvent::Snapshot(snapshot))
    }
}
