//! `ListQueries` and `GetQuery`: what the jobs are doing.

use std::time::SystemTime;

use headwater_core::EventTime;
use headwater_proto::v1::{
    Checkpoint, GetQueryResponse, OperatorState, QueryPhase, QuerySummary, SinkProgress, SourceProgress,
};
use headwater_runtime::JobPhase;
use prost_types::{Duration, Timestamp};

use crate::service::JobReport;

/// A line of the list.
pub(super) fn summary(report: &JobReport) -> QuerySummary {
    let status = &report.status;
    QuerySummary {
        name: status.name.clone(),
        phase: phase(&status.phase).into(),
        reason: report.reason().unwrap_or_default().to_owned(),
        source_rows_per_second: report.source_rows_per_second.iter().sum(),
        sink_rows_per_second: report.sink_rows_per_second.iter().sum(),
        watermark: report.watermark.and_then(timestamp),
        watermark_lag: report.watermark_lag.and_then(|lag| Duration::try_from(lag).ok()),
        late_rows: status.late_rows,
        state_bytes: status.state_bytes as u64,
        spilled_bytes: status.spilled_bytes as u64,
        restarts: status.restarts,
    }
}

/// All about one query.
pub(super) fn details(report: &JobReport) -> GetQueryResponse {
    let status = &report.status;
    let sources = status.sources.iter().zip(&report.source_rows_per_second);
    let sinks = status.sinks.iter().zip(&report.sink_rows_per_second);
    GetQueryResponse {
        summary: Some(summary(report)),
        graph: status.explain.clone(),
        sources: sources
            .map(|(source, rate)| SourceProgress {
                table: source.table.clone(),
                rows: source.rows,
                rows_per_second: *rate,
                bad_records: source.bad_records,
                dropped_rows: source.dropped_rows,
                lag_rows: source.lag_rows,
                watermark: source.watermark.and_then(timestamp),
            })
            .collect(),
        sinks: sinks
            .map(|(sink, rate)| SinkProgress { table: sink.table.clone(), rows: sink.rows, rows_per_second: *rate })
            .collect(),
        operators: status
            .operators
            .iter()
            .map(|operator| OperatorState {
                node: operator.node as u64,
                description: operator.description.clone(),
                state_bytes: operator.state_bytes as u64,
                spilled_bytes: operator.spilled_bytes as u64,
            })
            .collect(),
        checkpoint: status.epoch.map(|epoch| Checkpoint {
            epoch,
            completed_at: status.checkpoint_at.map(clock_timestamp),
            duration: status.checkpoint_duration.and_then(|duration| Duration::try_from(duration).ok()),
        }),
    }
}

/// A time as protobuf says it; none for the ends of time.
pub(super) fn timestamp(time: EventTime) -> Option<Timestamp> {
    let known = time != EventTime::MIN && time != EventTime::MAX;
    let seconds = time.nanos().div_euclid(1_000_000_000);
    // A remainder below 10⁹ fits.
    let nanos = time.nanos().rem_euclid(1_000_000_000) as i32;
    known.then_some(Timestamp { seconds, nanos })
}

fn clock_timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(time)
}

fn phase(phase: &JobPhase) -> QueryPhase {
    match phase {
        JobPhase::Starting => QueryPhase::Starting,
        JobPhase::Running => QueryPhase::Running,
        JobPhase::Restarting { .. } => QueryPhase::Restarting,
        JobPhase::Finished => QueryPhase::Finished,
        JobPhase::Stopped => QueryPhase::Stopped,
        JobPhase::Failed { .. } => QueryPhase::Failed,
    }
}
