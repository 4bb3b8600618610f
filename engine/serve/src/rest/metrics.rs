//! `/metrics`: what the jobs and the cameras are doing, for Prometheus.
//!
//! The jobs count for themselves; a scrape writes their counters down as they are, so nothing stays behind of a job
//! that is gone.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use super::Shared;
use super::reply::Failure;
use crate::service::{JobReport, LatestFrame};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Count<L> = Family<L, Counter>;
type Level<L> = Family<L, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    query: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    query: String,
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    query: String,
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperatorLabels {
    query: String,
    /// The operator's number in the graph.
    node: u64,
    /// What it does.
    operator: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CameraLabels {
    device: String,
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    let cameras = shared.service.latest_frames().await?;
    let text = exposition(&shared.service.job_reports(), &cameras)
        .map_err(|_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "could not write the metrics"))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// Everything in the OpenMetrics text format.
fn exposition(reports: &[JobReport], cameras: &[LatestFrame]) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("headwater");
    registry.register("build", "The program", Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION") }));
    register_ends(&mut registry, reports);
    register_times(&mut registry, reports);
    register_state(&mut registry, reports);
    let people = Level::<CameraLabels>::default();
    for latest in cameras {
        let camera = latest.camera_id.clone().unwrap_or_default();
        let labels = CameraLabels { device: latest.device_id.clone(), camera };
        people.get_or_create(&labels).set(latest.persons_detected as f64);
    }
    registry.register("people_in_view", "People in the newest frame of a camera", people);
    let mut exposition = String::new();
    text::encode(&mut exposition, &registry)?;
    Ok(exposition)
}

/// The ends of the queries: what their sources read and their sinks wrote.
fn register_ends(registry: &mut Registry, reports: &[JobReport]) {
    let (read, bad, waiting) = (Count::default(), Count::default(), Level::<SourceLabels>::default());
    let written = Count::default();
    for report in reports {
        let query = || report.status.name.clone();
        for source in &report.status.sources {
            let labels = SourceLabels { query: query(), source: source.table.clone() };
            read.get_or_create(&labels).inc_by(source.rows);
            bad.get_or_create(&labels).inc_by(source.bad_records);
            if let Some(rows) = source.lag_rows {
                waiting.get_or_create(&labels).set(rows as f64);
            }
        }
        for sink in &report.status.sinks {
            written.get_or_create(&SinkLabels { query: query(), sink: sink.table.clone() }).inc_by(sink.rows);
        }
    }
    registry.register("source_rows", "Rows that a source has read", read);
    registry.register(
        "source_bad_records",
        "Records that could not be read: dropped, or sent to a dead-letter table",
        bad,
    );
    registry.register("source_lag_rows", "Rows that wait in the log after what was read", waiting);
    registry.register("sink_rows", "Rows that a sink has written", written);
}

/// Where the queries' time is.
fn register_times(registry: &mut Registry, reports: &[JobReport]) {
    let (watermark, lag) = (Level::default(), Level::default());
    let (epoch, duration) = (Level::default(), Level::default());
    for report in reports {
        let labels = QueryLabels { query: report.status.name.clone() };
        let set = |family: &Level<QueryLabels>, value: Option<f64>| {
            if let Some(value) = value {
                family.get_or_create(&labels).set(value);
            }
        };
        set(&watermark, report.watermark.map(|time| time.seconds()));
        set(&lag, report.watermark_lag.map(|lag| lag.as_secs_f64()));
        set(&epoch, report.status.epoch.map(|epoch| epoch as f64));
        set(&duration, report.status.checkpoint_duration.map(|duration| duration.as_secs_f64()));
    }
    registry.register("watermark_seconds", "The watermark, in seconds since 1970", watermark);
    registry.register("watermark_lag_seconds", "How far the watermark is behind the clock", lag);
    registry.register("checkpoint_epoch", "Number of the last complete checkpoint", epoch);
    registry.register("checkpoint_duration_seconds", "How long the last checkpoint took", duration);
}

/// Late rows by the source that they came from, so that a query's are their sum. Those that an operator counted which
/// several sources feed are under no name.
fn late_rows(family: &Count<SourceLabels>, report: &JobReport) {
    let status = &report.status;
    let count = |source: &str, rows| {
        let labels = SourceLabels { query: status.name.clone(), source: source.to_owned() };
        family.get_or_create(&labels).inc_by(rows);
    };
    for source in &status.sources {
        count(&source.table, source.late_rows);
    }
    let named: u64 = status.sources.iter().map(|source| source.late_rows).sum();
    // There from the start, where it may grow: a counter that appears has no rate.
    if status.sources.len() != 1 {
        count("", status.late_rows.saturating_sub(named));
    }
}

/// What the queries hold, and what went wrong.
fn register_state(registry: &mut Registry, reports: &[JobReport]) {
    let (late, restarts) = (Count::default(), Count::<QueryLabels>::default());
    let (state, by_operator, spilled) = (Level::<QueryLabels>::default(), Level::default(), Level::default());
    for report in reports {
        let labels = QueryLabels { query: report.status.name.clone() };
        late_rows(&late, report);
        restarts.get_or_create(&labels).inc_by(report.status.restarts);
        state.get_or_create(&labels).set(report.status.state_bytes as f64);
        for operator in &report.status.operators {
            let (query, node) = (labels.query.clone(), operator.node as u64);
            let labels = OperatorLabels { query, node, operator: operator.name.clone() };
            by_operator.get_or_create(&labels).set(operator.state_bytes as f64);
            spilled.get_or_create(&labels).set(operator.spilled_bytes as f64);
        }
    }
    registry.register("late_rows", "Rows that came too late for any window", late);
    registry.register("restarts", "How often a query went on from a checkpoint after a failure", restarts);
    registry.register("state_bytes", "Bytes of state in memory, materialized views included", state);
    registry.register("operator_state_bytes", "Bytes of state in memory, by operator", by_operator);
    registry.register("operator_spilled_bytes", "Bytes of state on local disk, by operator", spilled);
}
