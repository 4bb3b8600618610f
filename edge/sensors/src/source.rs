//! Where readings come from. [`polled`] asks what can be asked, in one thread; what speaks of itself has a thread each:
//! [`serial`], [`mqtt`], and [`replay`] of a file.

mod built_in;
mod file;
mod hwmon;
pub(crate) mod mqtt;
pub(crate) mod polled;
pub(crate) mod replay;
#[cfg(test)]
mod running;
pub(crate) mod serial;

use std::sync::Arc;
use std::time::Instant;

use crate::error::SourceError;
use crate::feed::SourceState;
use crate::retry::Backoff;
use crate::stop::Stop;

pub(crate) use built_in::probe as built_in_probe;
pub(crate) use file::FileProbe;
pub(crate) use hwmon::HwmonProbe;

/// Something that gives a value when it is asked.
pub(crate) trait Probe: Send {
    /// The value now.
    fn read(&mut self, now: Instant) -> Result<Sample, SourceError>;

    /// A look between readings, at least every ten seconds, for what cannot be known of a longer time.
    fn watch(&mut self, _now: Instant) {}
}

/// What a probe says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    /// A value in a unit, and how it is known.
    Value { value: f64, unit: Arc<str>, method: Arc<str> },
    /// The box has no such sensor.
    Absent,
    /// There is one, and it says nothing now.
    NotNow,
}

/// Tries until it has ended or is stopped, with a growing delay after failures. The attempt says in its [`Backoff`]
/// when it has come to work.
fn until_stopped(stop: &Stop, state: &SourceState, mut attempt: impl FnMut(&mut Backoff) -> Result<(), SourceError>) {
    let mut backoff = Backoff::default();
    while !stop.is_stopped() {
        let Err(error) = attempt(&mut backoff) else { return };
        let now = Instant::now();
        state.failed(&error, now);
        stop.wait_until(now + backoff.failed());
    }
}
