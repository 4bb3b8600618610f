//! Materialized views: rows of a continuous query kept in memory, to be read at once and to be followed.
//!
//! A view is a sink with readers. Where its rows only come they are bounded by a retention in event time and by a number
//! of rows; a changelog is kept as what it adds up to, and bounds itself. Both survive a restart in the job's
//! checkpoints. Readers get snapshots ([`View::snapshot`]) or follow the
//! changes ([`View::subscribe`]).
//!
//! | file | what |
//! |---|---|
//! | `view` | one view: its state behind a lock, publishing, snapshots |
//! | `segments` | the rows: retention, compaction, checkpoint chunks; pure |
//! | `subscription` | following a view with bounded lag |
//! | `sink` | the view as the sink of a job |
//! | `connectors` | the connector `materialized_view` for the planner |
//!
//! Not here: SQL over views, which is [`crate::service`].

mod connectors;
mod segments;
mod sink;
mod subscription;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use headwater_core::StreamSchema;

pub use connectors::{MATERIALIZED_VIEW, ViewConnectors};
pub use subscription::{Subscription, ViewEvent};
pub use view::{View, ViewSnapshot};

/// What a view keeps and when it shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSettings {
    /// Rows older than this, counted back from the view's watermark, are let go.
    pub retention: Duration,
    /// At most this many rows are kept; the oldest go first.
    pub rows_max: usize,
    /// Rows are seen as soon as they are written, not when the watermark has passed them: fresher, but a reader may
    /// see one row of a window and not yet the next.
    pub eager: bool,
}

impl Default for ViewSettings {
    fn default() -> Self {
        ViewSettings { retention: Duration::from_secs(3600), rows_max: 1_000_000, eager: false }
    }
}

/// The views of a server, by name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct ViewRegistry {
    views: Arc<RwLock<BTreeMap<String, Arc<View>>>>,
}

impl ViewRegistry {
    /// A registry without views.
    pub fn new() -> Self {
        Self::default()
    }

    /// The view of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<Arc<View>> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names of all views, sorted.
    pub fn names(&self) -> Vec<String> {
        self.views.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The view of this name, schema and settings: the one that is there if it is the same, a new and empty one
    /// otherwise. Planning a query twice so makes one view.
    pub fn register(&self, name: &str, schema: &StreamSchema, settings: ViewSettings) -> Arc<View> {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        match views.get(name) {
            Some(view) if view.stream_schema() == schema && view.settings() == settings => Arc::clone(view),
            _ => {
                let view = Arc::new(View::new(name, schema.clone(), settings));
                views.insert(name.to_owned(), Arc::clone(&view));
                view
            }
        }
    }
}

#[cfg(test)]
mod tests;
