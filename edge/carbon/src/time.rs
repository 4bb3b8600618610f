//! Instants as the providers write them, to and from milliseconds since the epoch. No clock is read here.

use chrono::format::ParseErrorKind;
use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Milliseconds in an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Milliseconds in an hour, for fractions of it.
pub(crate) fn hours(duration_ms: i64) -> f64 {
    duration_ms as f64 / HOUR_MS as f64
}

/// Reads ISO 8601 with or without seconds and zone, `T` or a blank before the time, or a date alone; UTC where no zone
/// is said.
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_millis());
    }
    for zoned in ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        match DateTime::parse_from_str(&text.replace('Z', "+00:00"), zoned) {
            Ok(instant) => return Some(instant.timestamp_millis()),
            // The form is right and the day is none: another form does not mend it.
            Err(error) if error.kind() == ParseErrorKind::OutOfRange => return None,
            Err(_) => {}
        }
    }
    for bare in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(instant) = NaiveDateTime::parse_from_str(text, bare) {
            return Some(instant.and_utc().timestamp_millis());
        }
    }
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?;
    Some(midnight.and_utc().timestamp_millis())
}

/// `2026-01-31T13:00Z`, the form of URLs.
pub(crate) fn minute_text(at_ms: i64) -> String {
    format_as(at_ms, "%Y-%m-%dT%H:%MZ")
}

/// `202601311300`, the form of ENTSO-E's parameters.
pub(crate) fn compact_text(at_ms: i64) -> String {
    format_as(at_ms, "%Y%m%d%H%M")
}

fn format_as(at_ms: i64, pattern: &str) -> String {
    // An instant that chrono cannot say is some hundred thousand years away; the epoch is as good an answer.
    DateTime::from_timestamp_millis(at_ms).unwrap_or_default().format(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_the_providers_use_is_the_same_instant() {
        let forms = [
            "2018-05-15T12:00Z",
            "2018-05-15T12:00:00Z",
            "2018-05-15T12:00:00.000Z",
            "2018-05-15T12:00:00+00:00",
            "2018-05-15T14:00+02:00",
            "2018-05-15T12:00:00",
            "2018-05-15 12:00:00",
            "2018-05-15 14:00:00+02:00",
            " 2018-05-15T12:00 ",
        ];
        for form in forms {
            assert_eq!(parse_ms(form), Some(1_526_385_600_000), "{form}");
        }
        assert_eq!(parse_ms("2018-05-15"), Some(1_526_342_400_000));
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in ["", "noon", "2018-13-01T00:00Z", "2018-02-30T00:00Z", "1526385600", "2018-05-15T25:00Z"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_to_the_minute() {
        assert_eq!(minute_text(1_526_385_659_999), "2018-05-15T12:00Z");
        assert_eq!(compact_text(1_526_385_659_999), "201805151200");
        assert_eq!(minute_text(i64::MAX), "1970-01-01T00:00Z");
    }
}
