//! The intensity of the electricity over time: a constant, or a trace from a CSV file. Pure but for reading the file.

use std::path::{Path, PathBuf};

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

/// Carbon intensity over time.
#[derive(Clone, Debug, PartialEq)]
pub enum CarbonSignal {
    /// The same at all times, g/kWh.
    Constant(f64),
    /// Milliseconds since the epoch and g/kWh, ascending in time, never empty. A value holds until the next one; the first
    /// also before it, the last also after it.
    Trace(Vec<(i64, f64)>),
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

impl CarbonSignal {
    /// Reads a CSV file with the columns `timestamp` (`2026-01-31T13:00:00`, UTC where no zone is said) and `g_per_kwh`,
    /// among others or alone, in any order.
    ///
    /// # Errors
    /// [`TraceError`] with the file and the line.
    pub fn from_csv(path: &Path) -> Result<Self, TraceError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| TraceError::Read { path: path.to_owned(), source })?;
        parse(&text, path)
    }

    /// The intensity at a time, g/kWh; nothing for an empty trace.
    pub fn at(&self, now_ms: i64) -> Option<f64> {
        match self {
            Self::Constant(intensity) => Some(*intensity),
            Self::Trace(points) => {
                let later = points.partition_point(|(ts, _)| *ts <= now_ms);
                points.get(later.saturating_sub(1)).map(|(_, intensity)| *intensity)
            }
        }
    }
}

fn parse(text: &str, path: &Path) -> Result<CarbonSignal, TraceError> {
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
        let ts = fields.get(time).and_then(|text| string_to_timestamp_nanos(text).ok());
        let ts = ts.ok_or_else(|| missing("timestamp"))? / 1_000_000;
        let intensity: Option<f64> = fields.get(value).and_then(|text| text.parse().ok());
        let intensity = intensity.filter(|value| value.is_finite()).ok_or_else(|| missing("g_per_kwh"))?;
        if points.last().is_some_and(|(before, _)| *before >= ts) {
            return Err(TraceError::Order { path: path(), line: line_number });
        }
        points.push((ts, intensity));
    }
    if points.is_empty() { Err(TraceError::Empty { path: path() }) } else { Ok(CarbonSignal::Trace(points)) }
}

fn split(line: &str) -> Vec<&str> {
    line.split(',').map(|field| field.trim().trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> Result<CarbonSignal, String> {
        parse(text, Path::new("t.csv")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_holds_until_the_next() {
        let signal = trace("zone,g_per_kwh,timestamp\nDE,100.5,1970-01-01T00:01:00\nDE,300,1970-01-01T00:02:00Z\n\n");
        let signal = signal.unwrap();
        let at = |seconds: i64| signal.at(seconds * 1000);
        assert_eq!([at(0), at(60), at(119), at(120), at(9999)], [100.5, 100.5, 100.5, 300.0, 300.0].map(Some));
        assert_eq!(CarbonSignal::Constant(7.0).at(0), Some(7.0));
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
