//! What can go wrong inside an operator, and inside a connector.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

/// Any error, for a step whose causes are open.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A step of an operator that failed. Any of them ends the job, which then goes on from its last checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// An expression or an aggregate could not be computed.
    #[error("could not {step}")]
    Evaluate {
        /// What was being computed, as a verb and its object.
        step: String,
        /// Why.
        source: DataFusionError,
    },
    /// An Arrow kernel refused.
    #[error("could not {step}")]
    Arrow {
        /// What was being done, as a verb and its object.
        step: String,
        /// Why.
        source: ArrowError,
    },
    /// State could not be put on local disk, or read back from there.
    #[error("could not {step}")]
    Spill {
        /// What was being done, as a verb and its object.
        step: String,
        /// Why.
        source: BoxError,
    },
    /// State of a checkpoint does not fit the operator that reads it.
    #[error("state table {table}: {reason}")]
    State {
        /// The operator's state table.
        table: String,
        /// What does not fit.
        reason: String,
    },
    /// The plan gave the operator something that it must never get.
    #[error("mistake in the plan: {0}")]
    Plan(String),
}

impl OperatorError {
    /// An Arrow error in the named step.
    pub fn arrow(step: impl Into<String>, source: ArrowError) -> Self {
        OperatorError::Arrow { step: step.into(), source }
    }

    /// A DataFusion error in the named step.
    pub fn evaluate(step: impl Into<String>, source: DataFusionError) -> Self {
        OperatorError::Evaluate { step: step.into(), source }
    }

    /// A step with spilled rows that failed.
    pub fn spill(step: impl Into<String>, source: impl Into<BoxError>) -> Self {
        OperatorError::Spill { step: step.into(), source: source.into() }
    }

    /// Something that a plan must never contain.
    pub fn plan(message: impl Into<String>) -> Self {
        OperatorError::Plan(message.into())
    }
}

/// A step of a source or a sink that failed.
#[derive(Debug, thiserror::Error)]
#[error("{connector} {thing}: could not {step}")]
pub struct ConnectorError {
    /// The connector's name in SQL: `kafka`, `filesystem`.
    pub connector: &'static str,
    /// What it was working on: a topic and partition, a path.
    pub thing: String,
    /// What it tried, as a verb and its object.
    pub step: String,
    /// Whether trying again may help (a broker that is away) or not (a record that cannot be read).
    pub retryable: bool,
    /// Why.
    pub source: BoxError,
}

impl ConnectorError {
    /// An error that trying again does not mend.
    pub fn fatal(
        connector: &'static str,
        thing: impl Into<String>,
        step: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        ConnectorError { connector, thing: thing.into(), step: step.into(), retryable: false, source: source.into() }
    }

    /// An error that may pass: the job is started again from its last checkpoint.
    pub fn retryable(
        connector: &'static str,
        thing: impl Into<String>,
        step: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        ConnectorError { retryable: true, ..Self::fatal(connector, thing, step, source) }
    }
}
