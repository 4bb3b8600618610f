//! Intensities that need nobody: a constant, and a trace from a CSV file.

use std::path::{Path, PathBuf};

use super::{Intensity, Origin, Provider, SignalError};
use crate::time::{HOUR_MS, parse_ms};

/// The same intensity at all times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    /// Grams of CO₂ equivalent a kilowatt-hour.
    pub g_per_kwh: f64,
}

/// Intensities of a file, in memory. The past of the file is measured, what lies after now is its forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    name: String,
    points: Vec<(i64, f64)>,
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("reading the carbon trace {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The first line does not have the columns.
    #[error("the carbon trace {} has no columns timestamp and g_per_kwh in its first line", path.display())]
    Columns { path: PathBuf },
    /// A line cannot be read.
    #[error("line {line} of the carbon trace {} has no {what}", path.display())]
    Line { path: PathBuf, line: usize, what: &'static str },
    /// A line is older than the one before.
    #[error("line {line} of the carbon trace {} is not later than the line before", path.display())]
    Order { path: PathBuf, line: usize },
    /// There is no line but the first.
    #[error("the carbon trace {} has no values", path.display())]
    Empty { path: PathBuf },
}

/// How far a file is told around a time, hours: back and ahead.
const TOLD_HOURS: (i64, i64) = (48, 72);

impl Provider for Constant {
    fn name(&self) -> &str {
        "the constant in the settings"
    }

    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        Ok(vec![Intensity { at_ms: now_ms, g_per_kwh: self.g_per_kwh, origin: Origin::Measured }])
    }
}

impl Trace {
    /// Reads a CSV file with the columns `timestamp` (`2026-01-31T13:00:00`, UTC where no zone is said) and
    /// `g_per_kwh`, among others or alone, in any order.
    ///
    /// # Errors
    /// [`TraceError`] with the file and the line.
    pub fn from_csv(path: &Path) -> Result<Self, TraceError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| TraceError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of such a file; `path` is its name in errors.
    ///
    /// # Errors
    /// [`TraceError`] with the file and the line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TraceError> {
        let path = || path.to_owned();
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let header: Vec<&str> = lines.next().map(|(_, line)| split(line)).unwrap_or_default();
        let column = |name: &str| header.iter().position(|found| found.eq_ignore_ascii_case(name));
        let (Some(time), Some(value)) = (column("timestamp"), column("g_per_kwh")) else {
            return Err(TraceError::Columns { path: path() });
        };
        let mut points: Vec<(i64, f64)> = Vec::new();
        for (index, line) in lines {
            let line_number = index + 1;
            let missing = |what| TraceError::Line { path: path(), line: line_number, what };
            let fields = split(line);
            let at_ms = fields.get(time).and_then(|text| parse_ms(text)).ok_or_else(|| missing("timestamp"))?;
            let intensity: Option<f64> = fields.get(value).and_then(|text| text.parse().ok());
            let intensity = intensity.filter(|value| value.is_finite() && *value >= 0.0);
            let intensity = intensity.ok_or_else(|| missing("g_per_kwh"))?;
            if points.last().is_some_and(|(before, _)| *before >= at_ms) {
                return Err(TraceError::Order { path: path(), line: line_number });
            }
            points.push((at_ms, intensity));
        }
        if points.is_empty() {
            return Err(TraceError::Empty { path: path() });
        }
        Ok(Self { name: format!("the trace {}", path().display()), points })
    }

    /// All points: milliseconds since the epoch and g/kWh, ascending, at least one.
    pub fn points(&self) -> &[(i64, f64)] {
        &self.points
    }
}

impl Provider for Trace {
    fn name(&self) -> &str {
        &self.name
    }

    /// The points around now. A value holds until the next one; the first holds before it too, the last after it.
    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        let (back, ahead) = TOLD_HOURS;
        let (from_ms, until_ms) = (now_ms.saturating_sub(back * HOUR_MS), now_ms.saturating_add(ahead * HOUR_MS));
        let begun = self.points.partition_point(|(at_ms, _)| *at_ms <= now_ms);
        let current = begun.saturating_sub(1);
        let first = self.points.partition_point(|(at_ms, _)| *at_ms < from_ms).min(current);
        let told =
            self.points.iter().enumerate().skip(first).take_while(|(_, (at_ms, _))| *at_ms <= until_ms.max(now_ms));
        let mut points: Vec<Intensity> =
            told.map(|(index, &(at_ms, g_per_kwh))| intensity(index, current, at_ms, g_per_kwh)).collect();
        // It holds however long ago it began, and before it began: a file does not go stale.
        match points.iter_mut().find(|point| point.origin == Origin::Measured && point.at_ms == self.points[current].0)
        {
            Some(point) => point.at_ms = now_ms,
            None => points
                .insert(0, Intensity { at_ms: now_ms, g_per_kwh: self.points[current].1, origin: Origin::Measured }),
        }
        Ok(super::in_order(points))
    }
}

fn intensity(index: usize, current: usize, at_ms: i64, g_per_kwh: f64) -> Intensity {
    let origin = if index <= current { Origin::Measured } else { Origin::Forecast };
    Intensity { at_ms, g_per_kwh, origin }
}

fn split(line: &str) -> Vec<&str> {
    line.split(',').map(|field| field.trim().trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> Result<Trace, String> {
        Trace::parse(text, Path::new("t.csv")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_holds_until_the_next_and_what_follows_is_forecast() {
        let text = "zone,g_per_kwh,timestamp\nDE,100.5,1970-01-01T00:01:00\nDE,300,1970-01-01T00:02:00Z\n\n";
        let mut trace = trace(text).unwrap();
        let mut told = |seconds: i64| {
            let points = trace.fetch(seconds * 1000).unwrap();
            points.iter().map(|point| (point.at_ms / 1000, point.g_per_kwh, point.origin)).collect::<Vec<_>>()
        };
        let (measured, forecast) = (Origin::Measured, Origin::Forecast);
        assert_eq!(told(0), [(0, 100.5, measured), (120, 300.0, forecast)]);
        assert_eq!(told(119), [(119, 100.5, measured), (120, 300.0, forecast)]);
        assert_eq!(told(120), [(60, 100.5, measured), (120, 300.0, measured)]);
        assert_eq!(told(999_999), [(999_999, 300.0, measured)]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = |text| trace(text).unwrap_err();
        assert_eq!(
            error("timestamp,x\n"),
            "the carbon trace t.csv has no columns timestamp and g_per_kwh in its first line"
        );
        assert_eq!(error("timestamp,g_per_kwh\n"), "the carbon trace t.csv has no values");
        let bad_time = "timestamp,g_per_kwh\n2026-01-01T00:00:00,1\nnoon,2\n";
        assert_eq!(error(bad_time), "line 3 of the carbon trace t.csv has no timestamp");
        let bad_value = "timestamp,g_per_kwh\n2026-01-01T00:00:00,NaN\n";
        assert_eq!(error(bad_value), "line 2 of the carbon trace t.csv has no g_per_kwh");
        let unordered = "timestamp,g_per_kwh\n2026-01-01T00:00:00,1\n2026-01-01T00:00:00,2\n";
        assert_eq!(error(unordered), "line 3 of the carbon trace t.csv is not later than the line before");
    }
}
