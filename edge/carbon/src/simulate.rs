//! The controller over a trace, hour by hour, and what it is held against: always the best way, the best single way, a
//! mix that knows nothing of carbon, and one that knows the future.
//!
//! Pure: the trace, the kind of forecast and a seed come in. All figures are means over the hours of the trace; grams
//! and energy are of looking alone, as the rest of the camera is the same on all sides.

mod baselines;
mod forecast;
#[cfg(test)]
mod tests;

pub use baselines::{always, best_single, carbon_blind, least_mix, oracle};
pub use forecast::Forecasts;

use crate::controller::Controller;
use crate::deferral::Deferral;
use crate::signal::{Intensity, Origin, Outlook};
use crate::time::HOUR_MS;

/// What a way of control comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Grams of CO₂ equivalent a camera-hour.
    pub grams_per_hour: f64,
    /// Watt-hours a camera-hour.
    pub watts: f64,
    /// Mean accuracy, 0 to 1.
    pub accuracy: f64,
    /// Changes a day.
    pub switches_per_day: f64,
}

/// What is simulated beside the trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// What the controller is told of the time to come.
    pub forecasts: Forecasts,
    /// What sending the results draws while they are sent as they are made, watts.
    pub upload_watts: f64,
    /// How long they may wait for a cleaner hour, hours.
    pub defer_upload_hours_max: f64,
}

/// Runs a controller over intensities of consecutive hours, g/kWh.
pub fn run(mut controller: Controller, trace: &[f64], scenario: &Scenario) -> Outcome {
    let mut outcome = Outcome::default();
    let mut deferral = Deferral::new(scenario.defer_upload_hours_max);
    let mut backlog_hours = 0.0;
    let mut changes = 0;
    for (hour, &intensity) in trace.iter().enumerate() {
        let outlook = outlook(trace, hour, &scenario.forecasts);
        let decision = controller.decide(hour_ms(hour), &outlook, false);
        backlog_hours += 1.0;
        let sent_hours =
            if deferral.waits(hour_ms(hour), &outlook, false) { 0.0 } else { std::mem::take(&mut backlog_hours) };
        let watts = decision.configuration.watts + scenario.upload_watts * sent_hours;
        outcome.watts += watts;
        outcome.grams_per_hour += watts / 1000.0 * intensity;
        outcome.accuracy += decision.configuration.accuracy;
        changes += usize::from(decision.changed);
    }
    let hours = trace.len().max(1) as f64;
    Outcome {
        grams_per_hour: outcome.grams_per_hour / hours,
        watts: outcome.watts / hours,
        accuracy: outcome.accuracy / hours,
        switches_per_day: changes as f64 / hours * 24.0,
    }
}

/// What is known at an hour of the trace.
fn outlook(trace: &[f64], hour: usize, forecasts: &Forecasts) -> Outlook {
    let point = |at: usize, g_per_kwh: f64, origin| Intensity { at_ms: hour_ms(at), g_per_kwh, origin };
    let told = forecasts.told(trace, hour).into_iter().enumerate();
    Outlook {
        current: point(hour, trace[hour], Origin::Measured),
        past: Vec::new(),
        forecast: told.map(|(ahead, grams)| point(hour + 1 + ahead, grams, Origin::Forecast)).collect(),
        source: String::new(),
    }
}

fn hour_ms(hour: usize) -> i64 {
    i64::try_from(hour).unwrap_or(i64::MAX / HOUR_MS).saturating_mul(HOUR_MS)
}
