//! Whether the values of a configuration make sense. Every value that does not is named, not only the first.

mod camera;

use std::collections::BTreeSet;

use crate::carbon::CarbonSignal;
use crate::error::chain;

use super::{Config, ConfigError, Problem};

/// A spool smaller than this could not hold a minute of a busy camera.
const SPOOL_BYTES_MIN: u64 = 1 << 20;

impl Config {
    /// Checks every value, and that the files which are named are there.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with all that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.check_device(&mut problems);
        self.check_limits(&mut problems);
        self.check_carbon(&mut problems);
        let mut ids = BTreeSet::new();
        for (index, camera) in self.cameras.iter().enumerate() {
            let key = |name: &str| format!("cameras[{index}].{name}");
            problems.unless(ids.insert(&camera.id), &key("id"), || format!("{} is used twice", camera.id));
            camera::check(camera, &key, &mut problems);
        }
        if problems.0.is_empty() { Ok(()) } else { Err(ConfigError::Invalid { problems: problems.0 }) }
    }

    fn check_device(&self, problems: &mut Problems) {
        problems.unless(is_name(&self.device_id), "device_id", || name_rule(&self.device_id));
        let is_address = |address: &str| {
            address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let servers = &self.bootstrap_servers;
        problems.unless(servers.split(',').map(str::trim).all(is_address), "bootstrap_servers", || {
            format!("{servers:?} is not host:port, with commas between several")
        });
        if let Some(weights) = &self.weights {
            problems.unless(weights.is_file(), "weights", || format!("there is no file {}", weights.display()));
        }
        problems.unless((1..=64).contains(&self.detector_threads), "detector_threads", || "must be 1 to 64".into());
        let has_work = !self.cameras.is_empty() || self.sensors.enabled;
        problems.unless(has_work, "cameras", || "there is no camera and sensors are off: nothing to do".into());
    }

    fn check_limits(&self, problems: &mut Problems) {
        let positive = |problems: &mut Problems, key: &str, value: u64| {
            problems.unless(value > 0, key, || "must be at least 1".to_owned());
        };
        problems.unless((1..=10_000).contains(&self.batch.rows), "batch.rows", || "must be 1 to 10000".to_owned());
        positive(problems, "batch.linger_ms", self.batch.linger_ms);
        problems.unless(self.spool.max_bytes >= SPOOL_BYTES_MIN, "spool.max_bytes", || {
            format!("must be at least {SPOOL_BYTES_MIN}")
        });
        positive(problems, "sensors.interval_ms", self.sensors.interval_ms);
        positive(problems, "status.interval_ms", self.status.interval_ms);
        problems.unless(self.uplink.partitions > 0, "uplink.partitions", || "must be at least 1".to_owned());
        problems.unless(self.uplink.replicas > 0, "uplink.replicas", || "must be at least 1".to_owned());
        if let Some(energy) = &self.energy {
            let watts = energy.busy_watts;
            problems.unless(watts.is_finite() && watts > 0.0, "energy.busy_watts", || format!("{watts} is no power"));
        }
    }

    fn check_carbon(&self, problems: &mut Problems) {
        let carbon = &self.carbon;
        let has_signal = carbon.constant_g_per_kwh.is_some() || carbon.trace.is_some();
        if let (Some(_), Some(_)) = (carbon.constant_g_per_kwh, &carbon.trace) {
            problems.add("carbon.trace", "there is a constant_g_per_kwh too; one of them".to_owned());
        }
        if let Some(constant) = carbon.constant_g_per_kwh {
            let is_intensity = constant.is_finite() && constant >= 0.0;
            problems.unless(is_intensity, "carbon.constant_g_per_kwh", || format!("{constant} is no intensity"));
        }
        if let Some(Err(error)) = carbon.trace.as_deref().map(CarbonSignal::from_csv) {
            problems.add("carbon.trace", chain(&error));
        }
        let thresholds = &carbon.thresholds_g_per_kwh;
        let key = "carbon.thresholds_g_per_kwh";
        problems.unless(thresholds.is_empty() || has_signal, key, || {
            "there is neither constant_g_per_kwh nor trace to compare them with".to_owned()
        });
        problems.unless(thresholds.is_sorted_by(|a, b| a < b), key, || "must ascend".to_owned());
        let hysteresis = carbon.hysteresis_g_per_kwh;
        problems.unless(hysteresis >= 0.0, "carbon.hysteresis_g_per_kwh", || "must not be negative".to_owned());
    }
}

/// Names become keys of messages, directories and labels.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(is_plain)
}

fn name_rule(name: &str) -> String {
    format!("{name:?} is not 1 to 128 letters, digits, '-', '_' or '.'")
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &str, what: String) {
        self.0.push(Problem { key: key.to_owned(), what });
    }

    fn unless(&mut self, is_good: bool, key: &str, what: impl FnOnce() -> String) {
        if !is_good {
            self.add(key, what());
        }
    }
}
