//! How an error is answered: a status and `{"error": …, "hint": …}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::{QueryError, chain};

/// An error as a response.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    error: String,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Failure { status, error: error.into(), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<QueryError> for Failure {
    /// The handlers ask their own queries, so a failure is the server's.
    fn from(error: QueryError) -> Self {
        Failure { status: StatusCode::INTERNAL_SERVER_ERROR, error: chain(&error), hint: error.hint() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error, "hint": self.hint }))).into_response()
    }
}
