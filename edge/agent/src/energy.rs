//! What a detection costs, in millijoules, and how that is known.

use crate::config::EnergyConfig;

/// Names of the ways to know.
pub(crate) const METHOD_CPU_MODEL: &str = "cpu-model";
/// Nothing is known.
pub(crate) const METHOD_NONE: &str = "none";

/// A model of the machine: what one busy core draws, times how long cores were busy. It knows nothing of cameras, radios
/// and the rest of the box, and counts time in which a detector's core was taken by somebody else as its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EnergyModel {
    busy_watts: f64,
    threads: usize,
}

impl EnergyModel {
    /// A model of a machine whose detector computes on `threads` cores.
    pub(crate) fn new(config: EnergyConfig, threads: usize) -> Self {
        Self { busy_watts: config.busy_watts, threads }
    }

    /// Cost of a detection that took so long, millijoules.
    pub(crate) fn cost_mj(&self, inference_ms: f64) -> f64 {
        // Watts times milliseconds are millijoules.
        self.busy_watts * self.threads as f64 * inference_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watts_times_seconds_are_joules() {
        let model = EnergyModel::new(EnergyConfig { busy_watts: 6.0 }, 2);
        assert_eq!(model.cost_mj(500.0), 6_000.0);
    }
}
