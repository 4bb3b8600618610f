//! What the grid's electricity costs the climate: points in time from a constant, a file or a service, and the follower
//! that makes the present and the outlook of them.
//!
//! A [`Provider`] asks once and blocks while it does; the agent gives it a thread. The [`Follower`] is pure: it takes
//! what a provider answered and the time, and says what holds now, when to ask next and what to tell people. When
//! nothing fresh is known it falls back to the annual factor of the zone, and says so.
//!
//! Not here: what is done about an intensity; that is the controller's.

mod annual;
mod electricity_maps;
mod entsoe;
mod error;
mod factors;
mod follower;
mod http;
#[cfg(test)]
pub(crate) mod made_up;
mod secret;
mod settings;
mod trace;
mod uk;
mod watttime;

pub use annual::Annual;
pub use error::SignalError;
pub use follower::{Follower, FollowerOptions, Notice, Outlook};
pub use secret::{Secret, SecretError};
pub use settings::{ElectricityMapsSettings, EntsoeSettings, SourceSettings, UkSettings, WattTimeSettings};
pub use trace::{Trace, TraceError};

/// The intensity from a time on, until the next point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intensity {
    /// From when, milliseconds since the epoch.
    pub at_ms: i64,
    /// Grams of CO₂ equivalent a kilowatt-hour.
    pub g_per_kwh: f64,
    /// How it is known.
    pub origin: Origin,
}

/// How an intensity is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From what was generated, or read from a file.
    Measured,
    /// Made up by the provider for want of measurements.
    Estimated,
    /// Said before its time.
    Forecast,
    /// The zone's mean over a year, for want of anything better.
    Annual,
}

impl Origin {
    /// Its name in logs, metrics and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Estimated => "estimated",
            Self::Forecast => "forecast",
            Self::Annual => "annual",
        }
    }
}

/// Somebody who knows intensities.
///
/// # Contract
/// - The points ascend strictly in time, are finite and not negative, and there is at least one.
/// - Points up to `now_ms` are the past as far as it was published; later ones are forecasts, as far as there are any.
/// - A call blocks, but not longer than the timeout of its settings.
/// - No error carries a token or a password.
pub trait Provider: Send {
    /// Who is asked about what, for people.
    fn name(&self) -> &str;

    /// Asks for what is known around a time, milliseconds since the epoch.
    ///
    /// # Errors
    /// [`SignalError`], which says whether and when it is worth asking again.
    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError>;
}

/// Brings points into the order of the contract: the later of two at one time wins, what is no intensity is left out.
fn in_order(mut points: Vec<Intensity>) -> Vec<Intensity> {
    points.retain(|point| point.g_per_kwh.is_finite() && point.g_per_kwh >= 0.0);
    points.sort_by_key(|point| point.at_ms);
    // Of equal times the last one said is kept: the sort is stable, so it is the later of the run.
    points.reverse();
    points.dedup_by_key(|point| point.at_ms);
    points.reverse();
    points
}
