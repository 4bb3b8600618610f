//! Holds the watermark back, so that rows which come late by no more than the delay come in time for what is behind.
//! Keeps nothing: rows go straight on.

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use headwater_core::time::saturating_nanos;
use headwater_core::{EventTime, Operator, OperatorError, Output, Watermark};

/// The operator of `NodeKind::Delay`.
pub(super) struct Delay {
    nanos: i64,
}

impl Delay {
    pub(super) fn new(by: Duration) -> Self {
        Delay { nanos: saturating_nanos(by) }
    }
}

impl Operator for Delay {
    fn name(&self) -> &str {
        "delay"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        out.emit(batch)
    }

    fn on_watermark(&mut self, watermark: Watermark, _out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        let time = match watermark.time {
            // Nothing comes before the beginning, and nothing after the end.
            EventTime::MIN | EventTime::MAX => watermark.time,
            time => EventTime(time.nanos().saturating_sub(self.nanos)),
        };
        Ok(Watermark { time, ..watermark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl Output for Nowhere {
        fn emit(&mut self, _batch: RecordBatch) -> Result<(), OperatorError> {
            Ok(())
        }
    }

    #[test]
    fn time_is_held_back_but_at_its_ends() {
        let mut delay = Delay::new(Duration::from_nanos(40));
        let mut leaving = |watermark| delay.on_watermark(watermark, &mut Nowhere).unwrap();
        assert_eq!(leaving(Watermark::at(EventTime(100))), Watermark::at(EventTime(60)));
        assert_eq!(leaving(Watermark::idle_at(EventTime(10))), Watermark::idle_at(EventTime(-30)));
        assert_eq!(leaving(Watermark::START), Watermark::START);
        assert_eq!(leaving(Watermark::END), Watermark::END);
    }
}
