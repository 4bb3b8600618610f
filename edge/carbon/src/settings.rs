//! The section `[carbon]` of a settings file.

use serde::Deserialize;

use crate::controller::ControlSettings;
use crate::signal::{Annual, Follower, FollowerOptions, Provider, SignalError, SourceSettings};

/// Who is asked, and the follower of what he answers.
pub type Source = (Box<dyn Provider>, Follower);

/// Where intensities come from and what is done about them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CarbonSettings {
    /// Where intensities come from; without it nothing is known and nothing done.
    pub source: Option<SourceSettings>,
    /// The country or zone whose annual factor stands in when the source does not answer; that of the source if unsaid.
    pub zone: Option<String>,
    /// The factor itself, g/kWh, instead of the one in the table.
    pub annual_g_per_kwh: Option<f64>,
    /// Between two questions to the source, milliseconds.
    pub interval_ms: u64,
    /// The longest that a question may take, milliseconds.
    pub timeout_ms: u64,
    /// After this time a value without a successor is not believed any more, milliseconds.
    pub stale_after_ms: u64,
    /// Between a question that failed and the next, milliseconds; doubles with each further failure.
    pub backoff_min_ms: u64,
    /// What it doubles up to.
    pub backoff_max_ms: u64,
    /// How long uploads, heartbeats among them, may wait on disk for a cleaner grid, hours; 0 for not at all.
    pub defer_upload_hours_max: f64,
    /// What the controller of a camera is held to. Without it intensities are reported and nothing is changed.
    pub control: Option<ControlSettings>,
}

impl Default for CarbonSettings {
    fn default() -> Self {
        Self {
            source: None,
            zone: None,
            annual_g_per_kwh: None,
            interval_ms: 900_000,
            timeout_ms: 15_000,
            stale_after_ms: 6 * 3_600_000,
            backoff_min_ms: 60_000,
            backoff_max_ms: 3_600_000,
            defer_upload_hours_max: 0.0,
            control: None,
        }
    }
}

impl CarbonSettings {
    /// What is wrong with the settings: the key below `carbon` and what must be. Empty when all is well.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut unless = |holds: bool, key: &str, must: &str| {
            if !holds {
                problems.push((key.to_owned(), must.to_owned()));
            }
        };
        let is_intensity = |grams: f64| grams.is_finite() && grams >= 0.0;
        unless(self.annual_g_per_kwh.is_none_or(is_intensity), "annual_g_per_kwh", "must be an intensity");
        if let Some(SourceSettings::Constant { g_per_kwh }) = self.source {
            unless(is_intensity(g_per_kwh), "source.g_per_kwh", "must be an intensity");
        }
        unless(self.interval_ms >= 1000, "interval_ms", "must be at least a second");
        unless(self.timeout_ms >= 100, "timeout_ms", "must be at least a tenth of a second");
        unless(self.stale_after_ms >= self.interval_ms, "stale_after_ms", "must not be shorter than interval_ms");
        unless(self.backoff_min_ms >= 1000, "backoff_min_ms", "must be at least a second");
        unless(self.backoff_max_ms >= self.backoff_min_ms, "backoff_max_ms", "must not be shorter than backoff_min_ms");
        let is_patience = (0.0..=168.0).contains(&self.defer_upload_hours_max);
        unless(is_patience, "defer_upload_hours_max", "must be between 0 and 168");
        if let Some(Err(error)) = self.control.as_ref().map(ControlSettings::check) {
            unless(false, "control", &error.to_string());
        }
        problems
    }

    /// The provider and the follower of what it answers; nothing without a source. Reads a trace and the variables of
    /// secrets, and asks nobody yet.
    ///
    /// # Errors
    /// [`SignalError::Trace`] and [`SignalError::Secret`].
    pub fn open(&self) -> Result<Option<Source>, SignalError> {
        let Some(source) = &self.source else { return Ok(None) };
        let provider = source.open(self.timeout_ms)?;
        let zone = self.zone.as_deref().or_else(|| source.zone()).unwrap_or_default();
        let annual = self.annual_g_per_kwh.map_or_else(|| Annual::of_zone(zone), Annual::of_settings);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let options = FollowerOptions {
            interval_ms: signed(self.interval_ms),
            stale_after_ms: signed(self.stale_after_ms),
            backoff_min_ms: signed(self.backoff_min_ms),
            backoff_max_ms: signed(self.backoff_max_ms),
        };
        let follower = Follower::new(options, provider.name(), annual);
        Ok(Some((provider, follower)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Measure;

    #[test]
    fn a_section_is_read_and_unknown_keys_are_refused() {
        let text = r#"
            stale_after_ms = 7200000
            [source]
            kind = "entsoe"
            zone = "DE"
            token = { env = "ENTSOE_TOKEN" }
            [control]
            measure = "boxes"
            accuracy_loss_max = 0.01
        "#;
        let settings: CarbonSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.problems(), []);
        assert_eq!(settings.control.unwrap().measure, Measure::Boxes);
        for wrong in ["no = 1", "[source]\nkind = 'constant'\ng_per_kwh = 1\nno = 1", "[control]\nno = 1"] {
            assert!(toml::from_str::<CarbonSettings>(wrong).is_err(), "{wrong}");
        }
        let token = "[source]\nkind = 'electricity-maps'\nzone = 'DE'\ntoken = 'hunter2'\n";
        let settings: CarbonSettings = toml::from_str(token).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn what_has_no_sense_is_named() {
        let control = Some(ControlSettings { switches_per_hour_max: 1, ..ControlSettings::default() });
        let source = Some(SourceSettings::Constant { g_per_kwh: f64::NAN });
        let wrong = CarbonSettings { source, interval_ms: 0, control, ..CarbonSettings::default() };
        let keys: Vec<String> = wrong.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["source.g_per_kwh", "interval_ms", "control"]);
        assert_eq!(CarbonSettings::default().problems(), []);
    }

    #[test]
    fn without_a_source_there_is_nothing_to_follow() {
        assert!(CarbonSettings::default().open().unwrap().is_none());
    }
}
