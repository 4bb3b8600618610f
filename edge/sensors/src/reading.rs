//! One value, and wall time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// One value of one sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What was measured, for example `cpu_temperature`.
    pub sensor: Arc<str>,
    /// The value in `unit`; always finite.
    pub value: f64,
    /// The unit, for example `celsius`.
    pub unit: Arc<str>,
    /// How it is known: a file's path, `serial:/dev/ttyUSB0`, `mqtt:broker:1883/topic`, `csv:path`, a method of energy
    /// such as `rapl`, or `synthetic`.
    pub method: Arc<str>,
    /// When it was read, milliseconds since the epoch.
    pub ts_ms: i64,
}

/// Milliseconds since the epoch; a clock set before 1970 reads as 0.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
