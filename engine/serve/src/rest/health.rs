//! `/healthz` and `/readyz`: for whoever restarts the server, and for whoever sends it requests.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use super::Shared;

/// The server answers.
pub(super) async fn alive() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

/// Every query runs; 503 with those that do not otherwise.
pub(super) async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let report = shared.service.readiness();
    let waiting: serde_json::Map<_, _> =
        report.waiting_for.into_iter().map(|(name, phase)| (name, json!(phase))).collect();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": report.ready, "waiting_for": waiting })))
}
