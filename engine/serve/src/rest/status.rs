//! `/api/status`: cameras and queries as the page shows them, once a second.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use headwater_core::EventTime;
use serde::Serialize;

use super::Shared;
use super::reply::Failure;
use crate::service::{JobReport, LatestFrame, known_time, now};

#[derive(Serialize)]
struct StatusBody {
    /// Seconds since 1970 by the server's clock: ages are counted from it.
    now: f64,
    version: &'static str,
    ready: bool,
    cameras: Vec<LatestFrame>,
    queries: Vec<QueryBody>,
}

#[derive(Serialize)]
struct QueryBody {
    name: String,
    phase: &'static str,
    reason: Option<String>,
    /// Milliseconds since 1970.
    watermark_ms: Option<i64>,
    watermark_lag_s: Option<f64>,
    source_rows_per_second: f64,
    sink_rows_per_second: f64,
    state_bytes: usize,
    spilled_bytes: usize,
    late_rows: u64,
    restarts: u64,
    epoch: Option<u64>,
    /// How long the last checkpoint took.
    checkpoint_ms: Option<f64>,
    sources: Vec<EndBody>,
    sinks: Vec<EndBody>,
    /// Those that hold something.
    operators: Vec<OperatorBody>,
}

/// What an operator holds.
#[derive(Serialize)]
struct OperatorBody {
    /// Its line in the graph.
    description: String,
    state_bytes: usize,
    spilled_bytes: usize,
}

/// A table at one end of a query.
#[derive(Serialize)]
struct EndBody {
    table: String,
    rows: u64,
    rows_per_second: f64,
    /// Rows that wait in the log, of a source that can know.
    lag_rows: Option<u64>,
}

pub(super) async fn status(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    let cameras = shared.service.latest_frames().await?;
    Ok(Json(StatusBody {
        now: now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        version: env!("CARGO_PKG_VERSION"),
        ready: shared.service.readiness().ready,
        cameras,
        queries: shared.service.job_reports().into_iter().map(QueryBody::from).collect(),
    }))
}

impl From<JobReport> for QueryBody {
    fn from(report: JobReport) -> Self {
        let (phase, reason) = (report.phase_name(), report.reason().map(str::to_owned));
        let status = report.status;
        let sources = status.sources.into_iter().zip(&report.source_rows_per_second).map(|(source, rate)| EndBody {
            table: source.table,
            rows: source.rows,
            rows_per_second: *rate,
            lag_rows: source.lag_rows,
        });
        let sinks = status.sinks.into_iter().zip(&report.sink_rows_per_second).map(|(sink, rate)| EndBody {
            table: sink.table,
            rows: sink.rows,
            rows_per_second: *rate,
            lag_rows: None,
        });
        let holding = status.operators.into_iter().filter(|held| held.state_bytes + held.spilled_bytes > 0);
        let operators = holding.map(|held| OperatorBody {
            description: held.description,
            state_bytes: held.state_bytes,
            spilled_bytes: held.spilled_bytes,
        });
        QueryBody {
            name: status.name,
            phase,
            reason,
            watermark_ms: known_time(report.watermark).map(millis),
            watermark_lag_s: report.watermark_lag.map(|lag| lag.as_secs_f64()),
            source_rows_per_second: report.source_rows_per_second.iter().sum(),
            sink_rows_per_second: report.sink_rows_per_second.iter().sum(),
            state_bytes: status.state_bytes,
            spilled_bytes: status.spilled_bytes,
            late_rows: status.late_rows,
            restarts: status.restarts,
            epoch: status.epoch,
            checkpoint_ms: status.checkpoint_duration.map(|duration: Duration| duration.as_secs_f64() * 1e3),
            sources: sources.collect(),
            sinks: sinks.collect(),
            operators: operators.collect(),
        }
    }
}

fn millis(time: EventTime) -> i64 {
    time.nanos().div_euclid(1_000_000)
}
