//! Event time: when a thing happened, as the data says it. Nothing here knows what time it is.

use std::fmt;
use std::time::Duration;

use arrow::array::temporal_conversions::timestamp_ns_to_datetime;

/// A point in event time, in nanoseconds since 1970-01-01T00:00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before everything: where a watermark stands when nothing has been read.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// After everything: where a watermark goes when a bounded input has ended.
    pub const MAX: EventTime = EventTime(i64::MAX);

    /// A point in time from milliseconds since the epoch, kept within the range that nanoseconds can say.
    pub fn from_millis(millis: i64) -> Self {
        EventTime(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, for a metric.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This much later, or the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        EventTime(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// This much earlier, or the beginning of time.
    pub fn minus(self, duration: Duration) -> Self {
        EventTime(self.0.saturating_sub(saturating_nanos(duration)))
    }
}

/// A duration in nanoseconds, at most `i64::MAX`.
pub fn saturating_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EventTime::MIN => f.write_str("-∞"),
            EventTime::MAX => f.write_str("∞"),
            EventTime(nanos) => match timestamp_ns_to_datetime(nanos) {
                Some(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S%.f")),
                None => write!(f, "{nanos}ns"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(EventTime::MAX.plus(Duration::from_secs(1)), EventTime::MAX);
        assert_eq!(EventTime::MIN.minus(Duration::from_secs(1)), EventTime::MIN);
        assert_eq!(EventTime(0).plus(Duration::MAX), EventTime::MAX);
        assert_eq!(EventTime::from_millis(i64::MAX), EventTime::MAX);
    }

    #[test]
    fn shows_as_a_reader_would_write_it() {
        assert_eq!(EventTime::from_millis(1_500).to_string(), "1970-01-01T00:00:01.500");
        assert_eq!(EventTime::MIN.to_string(), "-∞");
    }
}
