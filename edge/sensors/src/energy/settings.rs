//! What can be set about energy, and the names of the methods.

use serde::Deserialize;

use crate::settings::Problem;

/// How energy is known. Defaults are what holds when nothing is said: the best method that the box has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnergySettings {
    /// `auto`, `rapl`, `hwmon`, `battery`, `cpu-model` or `none`. `auto` takes `rapl` where its counters can be read,
    /// then a sensor of the board that is known to measure it, then `cpu-model` where `busy_watts` is said, else
    /// `none`.
    pub method: MethodChoice,
    /// What one busy core draws over an idle one, watts; the parameter of `cpu-model`. There is no default because
    /// there is no honest one: measure the box with a meter at its plug, idle and with all cores busy, and divide the
    /// difference by the cores.
    pub busy_watts: Option<f64>,
    /// What the idle box draws, watts, for `cpu-model`. Above 0 the idle draw during a detection is charged to it too,
    /// as the measuring methods do.
    pub idle_watts: f64,
    /// Labels of the rails that `hwmon` adds up, for example `["VDD_IN"]`. Empty means the input rail where one is
    /// labelled so, else all rails of the first board sensor.
    pub rails: Vec<String>,
    /// Whether detection runs on the GPU, so that what NVIDIA's driver counts is added to what detections cost.
    pub gpu: bool,
}

/// A method to use, or the best one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodChoice {
    /// The best that the box has.
    #[default]
    Auto,
    /// Counters of the processor packages.
    Rapl,
    /// A sensor of the board.
    Hwmon,
    /// A battery.
    Battery,
    /// Processor time by the watts of the settings.
    CpuModel,
    /// Energy is not reported.
    None,
}

/// The method that is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EnergyMethod {
    /// Counters of the processor packages.
    Rapl,
    /// A sensor of the board.
    Hwmon,
    /// A battery.
    Battery,
    /// Processor time by the watts of the settings.
    CpuModel,
    /// Nothing is known.
    #[default]
    None,
}

impl EnergyMethod {
    /// The name that stands beside a value, where the GPU's energy is added and where it is not.
    pub(crate) fn name(self, with_gpu: bool) -> &'static str {
        match (self, with_gpu) {
            (Self::Rapl, false) => "rapl",
            (Self::Rapl, true) => "rapl+nvml",
            (Self::Hwmon, false) => "hwmon",
            (Self::Hwmon, true) => "hwmon+nvml",
            (Self::Battery, false) => "battery",
            (Self::Battery, true) => "battery+nvml",
            (Self::CpuModel, false) => "cpu-model",
            (Self::CpuModel, true) => "cpu-model+nvml",
            (Self::None, false) => "none",
            (Self::None, true) => "nvml",
        }
    }
}

impl EnergySettings {
    /// What is wrong with the values, by their keys; nothing is opened. Empty is good.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut unless = |is_good: bool, key: &str, what: String| {
            if !is_good {
                problems.push(Problem { key: format!("energy.{key}"), what });
            }
        };
        let is_draw = |watts: f64| watts.is_finite() && (0.0..=10_000.0).contains(&watts);
        if let Some(watts) = self.busy_watts {
            unless(is_draw(watts) && watts > 0.0, "busy_watts", format!("{watts} is not a power of one core"));
        }
        unless(is_draw(self.idle_watts), "idle_watts", format!("{} is not a power", self.idle_watts));
        let needs_watts = self.method == MethodChoice::CpuModel && self.busy_watts.is_none();
        unless(!needs_watts, "busy_watts", "the method cpu-model needs it".to_owned());
        let names_rails = !self.rails.is_empty() && !matches!(self.method, MethodChoice::Auto | MethodChoice::Hwmon);
        unless(!names_rails, "rails", "only the method hwmon has rails".to_owned());
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let settings: EnergySettings = toml::from_str(text).unwrap();
        settings.problems().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn every_wrong_value_is_named() {
        assert!(keys("").is_empty());
        assert!(keys("method = 'cpu-model'\nbusy_watts = 4.5\nidle_watts = 2").is_empty());
        assert_eq!(keys("busy_watts = 0\nidle_watts = -1"), ["energy.busy_watts", "energy.idle_watts"]);
        assert_eq!(keys("busy_watts = nan"), ["energy.busy_watts"]);
        assert_eq!(keys("method = 'cpu-model'"), ["energy.busy_watts"]);
        assert_eq!(keys("method = 'rapl'\nrails = ['VDD_IN']"), ["energy.rails"]);
    }

    #[test]
    fn an_unknown_key_or_method_is_an_error_that_names_it() {
        let error = |text| toml::from_str::<EnergySettings>(text).unwrap_err().to_string();
        assert!(error("busy_wats = 1").contains("busy_wats"));
        assert!(error("method = 'guess'").contains("cpu-model"));
    }
}
