//! What tests say of the grid.

use super::{Intensity, Origin, Outlook};
use crate::time::HOUR_MS;

/// What is measured at a time, and forecast for the hours behind it.
pub(crate) fn outlook(at_ms: i64, g_per_kwh: f64, forecast: &[f64]) -> Outlook {
    let point = |at_ms, g_per_kwh, origin| Intensity { at_ms, g_per_kwh, origin };
    let ahead = forecast.iter().enumerate();
    Outlook {
        current: point(at_ms, g_per_kwh, Origin::Measured),
        past: Vec::new(),
        forecast: ahead.map(|(i, &grams)| point(at_ms + (i as i64 + 1) * HOUR_MS, grams, Origin::Forecast)).collect(),
        source: "a test".to_owned(),
    }
}
