//! What a caller may choose for tracking and for counting. The defaults suit people before a fixed camera.

use serde::Deserialize;

use crate::TrackError;

/// A track that is kept for longer than this is no track but a guess.
const LOST_MS_MAX: i64 = 60_000;

/// How sightings become tracks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrackOptions {
    /// Sightings from this confidence on are matched first and may begin a track once they reach
    /// [`confidence_start`](Self::confidence_start). 0 to 1.
    pub confidence_high: f32,
    /// Sightings between this and [`confidence_high`](Self::confidence_high) only carry on a track that was seen a moment
    /// ago: a person who is half hidden. The detector must be asked for them. 0 to 1.
    pub confidence_low: f32,
    /// A track begins with this confidence or more, 0 to 1.
    pub confidence_start: f32,
    /// A sighting continues a track that it overlaps by at least this, as intersection over union of the two boxes after
    /// both were widened by what the forecast may be off. 0 to 1.
    pub overlap_min: f32,
    /// The same for sightings of low confidence.
    pub overlap_low_min: f32,
    /// A sighting that shares this part of the smaller box with a thing seen in the same frame begins no track: it is a
    /// second box of the same thing. 0 to 1, and 1 begins one always.
    pub duplicate_cover: f32,
    /// A thing is believed, and given its id, when it has been seen twice and for this long. 0 believes at first sight.
    pub confirm_ms: i64,
    /// A thing that has not been seen for this long has ended. At most a minute.
    pub lost_ms: i64,
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self {
            confidence_high: 0.40,
            confidence_low: 0.25,
            confidence_start: 0.45,
            overlap_min: 0.20,
            overlap_low_min: 0.40,
            duplicate_cover: 0.85,
            confirm_ms: 250,
            lost_ms: 2500,
        }
    }
}

impl TrackOptions {
    /// Checks every option.
    ///
    /// # Errors
    /// The first one that is out of its range, by name and value.
    pub fn validate(&self) -> Result<(), TrackError> {
        let fractions = [
            ("confidence_high", self.confidence_high),
            ("confidence_low", self.confidence_low),
            ("confidence_start", self.confidence_start),
            ("overlap_min", self.overlap_min),
            ("overlap_low_min", self.overlap_low_min),
            ("duplicate_cover", self.duplicate_cover),
        ];
        for (option, found) in fractions {
            in_range(option, f64::from(found), 0.0, 1.0)?;
        }
        in_range("lost_ms", self.lost_ms as f64, 1.0, LOST_MS_MAX as f64)?;
        in_range("confirm_ms", self.confirm_ms as f64, 0.0, LOST_MS_MAX as f64)?;
        let (low, high, start) = (self.confidence_low, self.confidence_high, self.confidence_start);
        if low <= high && high <= start { Ok(()) } else { Err(TrackError::ConfidenceOrder { low, high, start }) }
    }
}

/// What it takes to have entered, left or crossed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CountOptions {
    /// How far a foot point must be beyond a border before it is on the other side, as a fraction of the frame's height.
    /// Whoever stands on a line or trembles by less is not counted. In a zone that is too narrow for it, half of the
    /// zone's own depth. 0 to 0.25.
    pub hysteresis: f32,
    /// For how long it must be there without coming back. A thing that is gone before has not been there. At most a minute.
    pub settle_ms: i64,
}

impl Default for CountOptions {
    fn default() -> Self {
        Self { hysteresis: 0.015, settle_ms: 200 }
    }
}

impl CountOptions {
    /// Checks every option.
    ///
    /// # Errors
    /// The first one that is out of its range, by name and value.
    pub(crate) fn validate(&self) -> Result<(), TrackError> {
        in_range("hysteresis", f64::from(self.hysteresis), 0.0, 0.25)?;
        in_range("settle_ms", self.settle_ms as f64, 0.0, LOST_MS_MAX as f64)
    }
}

fn in_range(option: &'static str, found: f64, least: f64, most: f64) -> Result<(), TrackError> {
    if (least..=most).contains(&found) { Ok(()) } else { Err(TrackError::OptionRange { option, least, most, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_out_of_its_range_is_named_with_its_value() {
        assert_eq!(TrackOptions::default().validate(), Ok(()));
        assert_eq!(CountOptions::default().validate(), Ok(()));
        let said = |options: TrackOptions| options.validate().unwrap_err().to_string();
        assert!(said(TrackOptions { overlap_min: f32::NAN, ..Default::default() }).contains("overlap_min"));
        assert!(said(TrackOptions { confidence_low: -0.5, ..Default::default() }).contains("-0.5"));
        assert!(said(TrackOptions { lost_ms: 0, ..Default::default() }).contains("lost_ms"));
        assert!(said(TrackOptions { confirm_ms: 60_001, ..Default::default() }).contains("60001"));
        assert!(said(TrackOptions { confidence_low: 0.9, ..Default::default() }).contains("confidence_high"));
        assert!(CountOptions { hysteresis: 0.3, ..Default::default() }.validate().is_err());
        assert!(CountOptions { settle_ms: -1, ..Default::default() }.validate().is_err());
    }

    #[test]
    fn options_are_read_from_a_file_and_a_misspelt_one_is_refused() {
        let options: TrackOptions = toml::from_str("lost_ms = 1000").unwrap();
        assert_eq!(options, TrackOptions { lost_ms: 1000, ..Default::default() });
        assert!(toml::from_str::<TrackOptions>("lost = 1000").is_err());
        assert!(toml::from_str::<CountOptions>("histeresis = 0.1").is_err());
    }
}
