//! The contract of a function that has to wait for its answer: it asks a service, a model, another machine.
//!
//! It is called with whole columns, by a task that waits at its edge. Batches are asked about in order, a few of them at a
//! time, and answered in order; nothing of it is state, so after a failure the rows since the last checkpoint are asked
//! about again.

use std::fmt::Debug;
use std::time::Duration;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use async_trait::async_trait;

use crate::error::{BoxError, ConnectorError};

/// How long a call may take that does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A function of SQL that waits for its answer.
#[async_trait]
pub trait AsyncFunction: Debug + Send + Sync {
    /// Its name in SQL, in lower case.
    fn name(&self) -> &str;

    /// The types of its arguments, to which values are cast.
    fn arguments(&self) -> Vec<DataType>;

    /// The type of its value, which may be null.
    fn returns(&self) -> DataType;

    /// Whether the same arguments always have the same value. Only such a function may be called over a result that
    /// changes: what is taken back must be what was given.
    fn deterministic(&self) -> bool {
        false
    }

    /// How long a call may take before it counts as failed.
    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    /// The values for `rows` rows, from a column an argument: one a row, in the same order.
    ///
    /// # Errors
    /// Any error ends the job; it starts again from its last checkpoint where the error may pass.
    async fn call(&self, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef, CallError>;
}

/// A call that failed.
#[derive(Debug)]
pub struct CallError {
    /// Whether trying again may help.
    pub retryable: bool,
    /// Why.
    pub source: BoxError,
}

impl CallError {
    /// An error that trying again does not mend.
    pub fn fatal(source: impl Into<BoxError>) -> Self {
        CallError { retryable: false, source: source.into() }
    }

    /// An error that may pass.
    pub fn retryable(source: impl Into<BoxError>) -> Self {
        CallError { retryable: true, source: source.into() }
    }
}

/// Calls a function, and checks that its answer is one value a row of the type that it promised.
///
/// # Errors
/// Names the function.
pub async fn call(
    function: &dyn AsyncFunction,
    arguments: &[ArrayRef],
    rows: usize,
) -> Result<ArrayRef, ConnectorError> {
    let failed = |error: CallError| ConnectorError {
        connector: "function",
        thing: function.name().to_owned(),
        step: format!("answer for {rows} rows"),
        retryable: error.retryable,
        source: error.source,
    };
    let answer = function.call(arguments, rows).await.map_err(failed)?;
    if answer.len() != rows {
        return Err(failed(CallError::fatal(format!("it gave {} values", answer.len()))));
    }
    if *answer.data_type() != function.returns() {
        let (given, promised) = (answer.data_type(), function.returns());
        return Err(failed(CallError::fatal(format!("it gave {given}, and promised {promised}"))));
    }
    Ok(answer)
}
