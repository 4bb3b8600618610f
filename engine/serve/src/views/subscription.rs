//! Following a view: a snapshot first, then every change; a subscriber that falls behind gets a fresh snapshot instead
//! of a queue without bound.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
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
}

impl Subscription {
    pub(super) fn new(view: Arc<View>) -> Self {
        Subscription { view, changes: None, progress: None }
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
        let Some(changes) = &mut self.changes else { return self.begin() };
        match changes.recv().await {
            Ok(Change::Rows(rows)) => Ok(ViewEvent::Rows(self.view.stream_schema().strip(&rows)?)),
            Ok(Change::Progress { watermark, retained_from }) => Ok(ViewEvent::Progress { watermark, retained_from }),
            // The sender lives in the view that this holds, so it is never closed.
            Ok(Change::Restored) | Err(RecvError::Lagged(_) | RecvError::Closed) => self.begin(),
        }
    }

    fn begin(&mut self) -> Result<ViewEvent, OperatorError> {
        let (snapshot, changes) = self.view.snapshot_and_changes()?;
        self.changes = Some(changes);
        self.progress = Some((snapshot.watermark, snapshot.retained_from));
        Ok(ViewEvent::Snapshot(snapshot))
    }
}
