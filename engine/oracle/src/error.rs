//! What a check can come to besides agreement.

use std::path::PathBuf;

use headwater_runtime::JobError;
use headwater_sql::Diagnostic;

use crate::compare::Difference;

/// Why a query is not known to be right.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The planner does not take the query.
    #[error("the query cannot run")]
    Refused(Diagnostic),
    /// A file of the test cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The rows of a table cannot be had.
    #[error("table '{table}': {reason}")]
    Input {
        /// The table.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// Batch DataFusion cannot answer the query, so there is nothing to compare with.
    #[error("output '{output}' has no batch answer: {reason}")]
    NoAnswer {
        /// The output.
        output: String,
        /// Why.
        reason: String,
    },
    /// The job failed.
    #[error("{phase}: {reason}")]
    Broke {
        /// What the job was doing.
        phase: String,
        /// Why it failed.
        reason: String,
    },
    /// The answers differ.
    #[error("{phase}: output '{output}' differs")]
    Differs {
        /// What the job was doing.
        phase: String,
        /// The output.
        output: String,
        /// How.
        difference: Box<Difference>,
    },
}

impl Failure {
    /// Whether the query has a wrong answer, rather than none.
    pub fn is_difference(&self) -> bool {
        matches!(self, Failure::Differs { .. } | Failure::Broke { .. })
    }

    pub(crate) fn input(table: &str, reason: impl ToString) -> Self {
        Failure::Input { table: table.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn no_answer(output: &str, reason: impl ToString) -> Self {
        Failure::NoAnswer { output: output.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn broke(phase: &str, error: &JobError) -> Self {
        Failure::Broke { phase: phase.to_owned(), reason: headwater_runtime::error_chain(error) }
    }
}
