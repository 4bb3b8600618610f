//! What the controller of a camera is held to, as the settings file says it.

use serde::Deserialize;

use crate::configuration::Configuration;
use crate::memory::HISTORY_HOURS;

/// The constraints and the objective.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlSettings {
    /// What is meant by accuracy.
    pub measure: Measure,
    /// How far the mean accuracy may be under that of the best way, 0.02 for two points.
    pub accuracy_loss_max: f64,
    /// The least accuracy of a way, at any time.
    pub accuracy_min: f64,
    /// The least frames a second, at any time.
    pub fps_min: f64,
    /// Classes whose sight is an alert: the best way is held.
    pub alert_classes: Vec<String>,
    /// Changes an hour, at most; two or more, as the last is kept for a rise.
    pub switches_per_hour_max: u32,
    /// The least time between two changes that nothing forces, milliseconds.
    pub dwell_ms: u64,
    /// How far an intensity must be past a threshold, as a part of it.
    pub hysteresis: f64,
    /// Over how many hours accuracy that was saved or lent is spent or paid back; `accuracy_loss_max` for so many hours
    /// is all that can be saved.
    pub horizon_hours: f64,
    /// Hours of `accuracy_loss_max` that the account aims to keep.
    pub reserve_hours: f64,
    /// Hours of intensities that are remembered.
    pub history_hours: u32,
}

/// What is meant by accuracy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// How many there are: one less the error of the count over the count.
    #[default]
    Count,
    /// Where each is, in every frame: F1 at IoU 0.5, with the last boxes held in frames that are not looked at.
    Boxes,
}

/// Why a camera cannot be controlled like this.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ControlError {
    /// A setting has no sense.
    #[error("{setting} {must}")]
    Setting { setting: &'static str, must: &'static str },
    /// The constraints leave nothing.
    #[error("none of {of} configurations has the least accuracy and frame rate")]
    NothingAllowed { of: usize },
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            measure: Measure::Count,
            accuracy_loss_max: 0.02,
            accuracy_min: 0.85,
            fps_min: 1.0,
            alert_classes: Vec::new(),
            switches_per_hour_max: 4,
            dwell_ms: 600_000,
            hysteresis: 0.02,
            horizon_hours: 1344.0,
            reserve_hours: 96.0,
            history_hours: HISTORY_HOURS,
        }
    }
}

impl ControlSettings {
    /// Whether every value has a sense.
    ///
    /// # Errors
    /// [`ControlError::Setting`] names the first that has none.
    pub fn check(&self) -> Result<(), ControlError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let amount = |value: f64| value.is_finite() && value >= 0.0;
        let rules = [
            ("accuracy_loss_max", share(self.accuracy_loss_max), "must be between 0 and 1"),
            ("accuracy_min", share(self.accuracy_min), "must be between 0 and 1"),
            ("fps_min", amount(self.fps_min), "must not be negative"),
            ("switches_per_hour_max", self.switches_per_hour_max >= 2, "must be at least 2, one of them for an alert"),
            ("dwell_ms", self.dwell_ms <= 86_400_000, "must not be longer than a day"),
            ("hysteresis", (0.0..1.0).contains(&self.hysteresis), "must be between 0 and 1"),
            ("horizon_hours", (1.0..=8784.0).contains(&self.horizon_hours), "must be between 1 and 8784"),
            ("reserve_hours", (0.0..=8784.0).contains(&self.reserve_hours), "must be between 0 and 8784"),
            ("history_hours", (1..=8784).contains(&self.history_hours), "must be between 1 and 8784"),
        ];
        match rules.iter().find(|(_, holds, _)| !holds) {
            Some((setting, _, must)) => Err(ControlError::Setting { setting, must }),
            None => Ok(()),
        }
    }

    /// Whether a way keeps the constraints that hold at any time.
    pub fn allows(&self, way: &Configuration) -> bool {
        let is_sane = way.accuracy.is_finite() && way.watts.is_finite() && way.watts >= 0.0;
        is_sane && way.accuracy >= self.accuracy_min && way.fps >= self.fps_min
    }

    pub(super) fn dwell(&self) -> i64 {
        i64::try_from(self.dwell_ms).unwrap_or(i64::MAX)
    }
}
