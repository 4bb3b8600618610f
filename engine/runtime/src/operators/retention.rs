//! When state is to be looked through for what is too old.

use std::time::Duration;

use headwater_core::EventTime;
use headwater_core::time::saturating_nanos;

/// So many times within a time to live the state is looked through: a row lives at most this fraction too long.
const LOOKS: i64 = 8;

/// A time to live, in event time, and when it was last enforced.
#[derive(Debug)]
pub(super) struct Retention {
    ttl: Option<i64>,
    looked: i64,
}

impl Retention {
    /// Nothing is too old where there is no `ttl`.
    pub(super) fn new(ttl: Option<Duration>) -> Self {
        Retention { ttl: ttl.map(saturating_nanos), looked: i64::MIN }
    }

    /// The event time before which everything is to be forgotten now, if it is time to look.
    pub(super) fn due(&mut self, watermark: EventTime) -> Option<i64> {
        let (ttl, before) = (self.ttl?, self.before(watermark));
        if before == i64::MIN || before.saturating_sub(self.looked) < ttl / LOOKS {
            return None;
        }
        self.looked = before;
        Some(before)
    }

    /// The event time before which everything is old.
    pub(super) fn before(&self, watermark: EventTime) -> i64 {
        match (self.ttl, watermark) {
            // The end of a bounded input makes nothing old.
            (None, _) | (_, EventTime::MAX | EventTime::MIN) => i64::MIN,
            (Some(ttl), watermark) => watermark.nanos().saturating_sub(ttl),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_now_and_then_and_never_for_the_end() {
        let mut retention = Retention::new(Some(Duration::from_nanos(80)));
        assert_eq!(retention.due(EventTime(100)), Some(20));
        assert_eq!(retention.due(EventTime(105)), None);
        assert_eq!(retention.due(EventTime(110)), Some(30));
        assert_eq!(retention.due(EventTime::MAX), None);
        assert_eq!(Retention::new(None).due(EventTime(100)), None);
    }
}
