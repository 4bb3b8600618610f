//! `/api/people`: people in view of each camera over time, for the page's chart.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::reply::Failure;
use crate::service::now;

/// The view behind it keeps no more than this.
const MINUTES_MAX: u32 = 60;
/// A line has at most this many points.
const POINTS_MAX: u32 = 600;

#[derive(Deserialize)]
pub(super) struct Span {
    /// How far back to look from now; 10 when unsaid, at most an hour.
    minutes: Option<u32>,
    /// Only steps from this second on (since 1970), for a reader that has the earlier ones.
    since: Option<i64>,
}

/// `{now, step, cameras: [{device_id, camera_id, seconds, people}]}`; times in seconds since 1970.
pub(super) async fn people(
    State(shared): State<Shared>,
    span: Result<Query<Span>, QueryRejection>,
) -> Result<impl IntoResponse, Failure> {
    let Query(span) = span.map_err(|rejection| {
        Failure::new(StatusCode::BAD_REQUEST, rejection.body_text()).with_hint("as in /api/people?minutes=10")
    })?;
    let minutes = span.minutes.unwrap_or(10).clamp(1, MINUTES_MAX);
    let step = (minutes * 60).div_ceil(POINTS_MAX);
    let now = now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let from = i64::try_from(now.as_secs()).unwrap_or(i64::MAX) - i64::from(minutes) * 60;
    let cameras = shared.service.people_over_time(from.max(span.since.unwrap_or(from)), step).await?;
    Ok(Json(json!({ "now": now.as_secs_f64(), "step": step, "cameras": cameras })))
}
