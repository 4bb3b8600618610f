//! What a job is doing, as the adapters tell it: its status with rates and the watermark's lag.

use std::time::{Duration, SystemTime};

use headwater_core::EventTime;
use headwater_runtime::{JobPhase, JobStatus};

use super::rates::{Rates, Side};

/// A job's status and what follows from it and the clock.
#[derive(Clone, Debug)]
pub struct JobReport {
    /// What the job says.
    pub status: JobStatus,
    /// Rows a second of each of `status.sources`.
    pub source_rows_per_second: Vec<f64>,
    /// Rows a second of each of `status.sinks`.
    pub sink_rows_per_second: Vec<f64>,
    /// The watermark, once there is one and as long as the input has not ended.
    pub watermark: Option<EventTime>,
    /// How far it is behind the clock.
    pub watermark_lag: Option<Duration>,
}

impl JobReport {
    pub(super) fn new(status: JobStatus, rates: &Rates, now: SystemTime) -> Self {
        let rate = |side, table: &str| rates.rows_per_second(&status.name, side, table);
        let source_rows_per_second = status.sources.iter().map(|s| rate(Side::Source, &s.table)).collect();
        let sink_rows_per_second = status.sinks.iter().map(|s| rate(Side::Sink, &s.table)).collect();
        let watermark = known_time(status.watermark);
        let watermark_lag = watermark.map(|watermark| lag(watermark, now));
        JobReport { status, source_rows_per_second, sink_rows_per_second, watermark, watermark_lag }
    }

    /// The phase as one lower-case word.
    pub fn phase_name(&self) -> &'static str {
        phase_name(&self.status.phase)
    }

    /// Why the job restarts or has failed.
    pub fn reason(&self) -> Option<&str> {
        match &self.status.phase {
            JobPhase::Restarting { reason } | JobPhase::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}

/// Whether every job runs, and which does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyReport {
    /// All run, or have ended as they should.
    pub ready: bool,
    /// Name and phase of those that do not.
    pub waiting_for: Vec<(String, &'static str)>,
}

impl ReadyReport {
    pub(super) fn of(statuses: &[JobStatus]) -> Self {
        let runs = |phase: &JobPhase| matches!(phase, JobPhase::Running | JobPhase::Finished);
        let waiting_for: Vec<_> = statuses
            .iter()
            .filter(|status| !runs(&status.phase))
            .map(|status| (status.name.clone(), phase_name(&status.phase)))
            .collect();
        // Without any job the server has not begun.
        ReadyReport { ready: waiting_for.is_empty() && !statuses.is_empty(), waiting_for }
    }
}

fn phase_name(phase: &JobPhase) -> &'static str {
    match phase {
        JobPhase::Starting => "starting",
        JobPhase::Running => "running",
        JobPhase::Restarting { .. } => "restarting",
        JobPhase::Finished => "finished",
        JobPhase::Stopped => "stopped",
        JobPhase::Failed { .. } => "failed",
    }
}

/// A time that is neither before everything nor after it.
pub(crate) fn known_time(time: Option<EventTime>) -> Option<EventTime> {
    time.filter(|time| *time != EventTime::MIN && *time != EventTime::MAX)
}

/// How far a time is behind the clock; none when it is ahead.
fn lag(time: EventTime, now: SystemTime) -> Duration {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let behind = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX) - i128::from(time.nanos());
    Duration::from_nanos(u64::try_from(behind.max(0)).unwrap_or(u64::MAX))
}
