//! The thread that asks what can be asked: built-in sensors, files, chips. What is due together is read together, so
//! that the readings of a round carry one time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Probe, Sample};
use crate::feed::{Outlet, SourceState};
use crate::reading::{Reading, wall_ms};
use crate::settings::BuiltIn;
use crate::stop::Stop;

/// Within it no counter of energy wraps twice, and a power changes little.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);

/// Something that is asked at its interval.
pub(crate) struct Polled {
    pub(crate) sensor: Arc<str>,
    pub(crate) interval: Duration,
    pub(crate) probe: Box<dyn Probe>,
    pub(crate) state: Arc<SourceState>,
    /// What stands in where the box has no such sensor.
    pub(crate) synthetic: Option<BuiltIn>,
}

/// Asks until stopped.
pub(crate) fn run(mut polled: Vec<Polled>, outlet: &Outlet, stop: &Stop) {
    let start = Instant::now();
    let mut due: Vec<Instant> = polled.iter().map(|_| start).collect();
    let mut watch_due = start + WATCH_INTERVAL;
    while let Some(first) = due.iter().min().copied() {
        if stop.wait_until(first.min(watch_due)) {
            return;
        }
        let (now, ts_ms) = (Instant::now(), wall_ms());
        if watch_due <= now {
            polled.iter_mut().for_each(|polled| polled.probe.watch(now));
            watch_due = now + WATCH_INTERVAL;
        }
        let mut readings = Vec::new();
        for (polled, due) in polled.iter_mut().zip(&mut due).filter(|(_, due)| **due <= now) {
            readings.extend(ask(polled, now, ts_ms));
            *due = next_due(*due, polled.interval, now);
        }
        if !readings.is_empty() {
            outlet.send(readings);
        }
    }
}

fn ask(polled: &mut Polled, now: Instant, ts_ms: i64) -> Option<Reading> {
    let sample = match polled.probe.read(now) {
        Ok(sample) => sample,
        Err(error) => {
            polled.state.failed(&error, now);
            return None;
        }
    };
    let sample = match (sample, polled.synthetic) {
        (Sample::Absent, Some(built_in)) => made_up(built_in, ts_ms),
        (sample, _) => sample,
    };
    let (value, unit, method) = match sample {
        Sample::Value { value, unit, method } => (value, unit, method),
        Sample::NotNow => {
            polled.state.worked(0);
            return None;
        }
        Sample::Absent => return None,
    };
    polled.state.worked(1);
    Some(Reading { sensor: Arc::clone(&polled.sensor), value, unit, method, ts_ms })
}

/// One interval after it was due; after the machine slept or a sensor was slow, one interval after now and not many at
/// once.
fn next_due(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}

/// A day's swing around something usual, so that a chart of made-up values moves.
fn made_up(built_in: BuiltIn, ts_ms: i64) -> Sample {
    const DAY_MS: f64 = 86_400_000.0;
    let swing = (ts_ms as f64 / DAY_MS * std::f64::consts::TAU).sin();
    let (middle, reach) = match built_in {
        BuiltIn::CpuTemperature => (45.0, 5.0),
        BuiltIn::Load1m => (0.5, 0.4),
        BuiltIn::MemoryUsed => (1.5e9, 2e8),
        BuiltIn::Power => (6.0, 2.0),
        BuiltIn::GpuPower => (20.0, 5.0),
    };
    Sample::Value { value: middle + reach * swing, unit: built_in.unit().into(), method: "synthetic".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SourceError;

    struct Fixed(Result<Sample, ()>);

    impl Probe for Fixed {
        fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
            self.0.clone().map_err(|()| SourceError::NoRows { path: "x".into() })
        }
    }

    fn polled(sample: Result<Sample, ()>, synthetic: Option<BuiltIn>) -> Polled {
        Polled {
            sensor: "s".into(),
            interval: Duration::from_secs(10),
            probe: Box::new(Fixed(sample)),
            state: SourceState::new("s"),
            synthetic,
        }
    }

    #[test]
    fn a_value_is_made_up_only_where_that_is_asked_for() {
        let ask = |sample, synthetic| ask(&mut polled(sample, synthetic), Instant::now(), 0);
        assert_eq!(ask(Ok(Sample::Absent), None), None);
        let reading = ask(Ok(Sample::Absent), Some(BuiltIn::Load1m)).unwrap();
        assert_eq!((&*reading.method, reading.value), ("synthetic", 0.5));
        assert_eq!(ask(Ok(Sample::NotNow), Some(BuiltIn::Power)), None);
        assert_eq!(ask(Err(()), Some(BuiltIn::Power)), None, "a failure is not painted over");
        let measured = Sample::Value { value: 1.0, unit: "u".into(), method: "m".into() };
        assert_eq!(&*ask(Ok(measured), Some(BuiltIn::Power)).unwrap().method, "m");
    }

    #[test]
    fn a_sensor_that_says_not_now_works() {
        let mut polled = polled(Err(()), None);
        ask(&mut polled, Instant::now(), 0);
        assert_eq!((polled.state.counters().failures, polled.state.counters().is_working), (1, false));
        for (sample, is_working) in [(Sample::Absent, false), (Sample::NotNow, true)] {
            polled.probe = Box::new(Fixed(Ok(sample)));
            assert_eq!(ask(&mut polled, Instant::now(), 0), None);
            let counters = polled.state.counters();
            assert_eq!((counters.readings, counters.failures, counters.is_working), (0, 1, is_working));
        }
    }

    #[test]
    fn a_round_that_is_late_is_not_made_up_for_by_many() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let interval = Duration::from_secs(10);
        assert_eq!(next_due(at(0), interval, at(3)), at(10));
        assert_eq!(next_due(at(0), interval, at(10)), at(20));
        assert_eq!(next_due(at(0), interval, at(3600)), at(3610));
    }
}
