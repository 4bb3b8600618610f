//! Why a job ended before its time.

use std::sync::Arc;

use headwater_core::{ConnectorError, OperatorError};
use headwater_plan::GraphError;
use headwater_state::StoreError;

/// A job that could not go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JobError {
    /// The graph cannot run.
    #[error("job {job} cannot run")]
    Graph {
        /// The job.
        job: String,
        /// Why.
        source: GraphError,
    },
    /// A source, a sink, a table that is looked up, or a function that waits failed.
    #[error("job {job}: a source, sink, lookup or function failed")]
    Connector {
        /// The job.
        job: String,
        /// Which, and why.
        source: Arc<ConnectorError>,
    },
    /// An operator failed.
    #[error("job {job}: an operator failed")]
    Operator {
        /// The job.
        job: String,
        /// Why.
        source: Arc<OperatorError>,
    },
    /// A checkpoint could not be written or read.
    #[error("job {job}: a checkpoint failed")]
    Store {
        /// The job.
        job: String,
        /// Why.
        source: Arc<StoreError>,
    },
    /// The state has outgrown its bound. The job has ended with a checkpoint that it can go on from.
    #[error(
        "job {job}: its state takes {state_bytes} bytes, and state_memory_max is {bound_bytes}; most of it is in: {largest}. \
         It stopped with a checkpoint that it goes on from: raise state_memory_max or shorten updating_ttl"
    )]
    StateMemory {
        /// The job.
        job: String,
        /// How much the state takes.
        state_bytes: usize,
        /// How much it may take.
        bound_bytes: usize,
        /// What the operator with the most of it does.
        largest: String,
    },
    /// A mistake of ours.
    #[error("job {job}: {what}")]
    Mistake {
        /// The job.
        job: String,
        /// What should never have happened.
        what: String,
    },
}

impl JobError {
    pub(crate) fn connector(job: &str, error: ConnectorError) -> Self {
        JobError::Connector { job: job.to_owned(), source: Arc::new(error) }
    }

    /// An operator, or what it stands on, failed.
    pub fn operator(job: &str, error: OperatorError) -> Self {
        JobError::Operator { job: job.to_owned(), source: Arc::new(error) }
    }

    pub(crate) fn store(job: &str, error: StoreError) -> Self {
        JobError::Store { job: job.to_owned(), source: Arc::new(error) }
    }

    pub(crate) fn mistake(job: &str, what: impl Into<String>) -> Self {
        JobError::Mistake { job: job.to_owned(), what: what.into() }
    }

    /// Whether going on from the last checkpoint may help.
    pub fn retryable(&self) -> bool {
        match self {
            JobError::Connector { source, .. } => source.retryable,
            JobError::Store { source, .. } => matches!(**source, StoreError::Store { .. }),
            JobError::Graph { .. }
            | JobError::Operator { .. }
            | JobError::StateMemory { .. }
            | JobError::Mistake { .. } => false,
        }
    }
}

/// An error and its causes on one line, for a status or a log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
