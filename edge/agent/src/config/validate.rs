//! Whether the values of a configuration make sense. Every value that does not is named, not only the first.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use headwater_detector::{ClassId, DetectOptions};

use crate::carbon::CarbonSignal;
use crate::error::chain;

use super::{CameraConfig, Config, ConfigError, Problem, SourceKind};

/// A spool smaller than this could not hold a minute of a busy camera.
const SPOOL_BYTES_MIN: u64 = 1 << 20;
/// Flushing more often than this is flushing always; more seldom than an hour is never.
const SYNC_INTERVALS_MS: RangeInclusive<u64> = 10..=3_600_000;

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
            check_camera(camera, &key, &mut problems);
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
        positive(problems, "spool.max_age_s", self.spool.max_age_s.unwrap_or(1));
        let is_interval = SYNC_INTERVALS_MS.contains(&self.spool.sync_interval_ms);
        problems.unless(is_interval, "spool.sync_interval_ms", || {
            format!("must be {} to {}", SYNC_INTERVALS_MS.start(), SYNC_INTERVALS_MS.end())
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

fn check_camera(camera: &CameraConfig, key: &dyn Fn(&str) -> String, problems: &mut Problems) {
    problems.unless(is_name(&camera.id), &key("id"), || name_rule(&camera.id));
    match (&camera.source, &camera.path) {
        (SourceKind::File, None) => problems.add(&key("path"), "a file camera needs one".to_owned()),
        (SourceKind::File, Some(path)) => {
            problems.unless(path.exists(), &key("path"), || format!("there is no {}", path.display()));
        }
        (SourceKind::Synthetic, Some(_)) => problems.add(&key("path"), "a synthetic camera has none".to_owned()),
        (SourceKind::Synthetic, None) => {}
    }
    if let Some(fps) = camera.fps {
        problems.unless(fps > 0.0 && fps <= 1000.0, &key("fps"), || format!("{fps} is not a rate up to 1000"));
    }
    problems.unless(!camera.tiers.is_empty(), &key("tiers"), || "there must be one".to_owned());
    for input_size in &camera.tiers {
        let checked = DetectOptions { input_size: *input_size, ..DetectOptions::default() }.validate();
        if let Err(error) = checked {
            problems.add(&key("tiers"), error.to_string());
        }
    }
    problems.unless((0.0..=1.0).contains(&camera.threshold), &key("threshold"), || "must be 0 to 1".to_owned());
    for class in &camera.classes {
        let is_known = ClassId::from_name(class).is_some();
        problems.unless(is_known, &key("classes"), || format!("{class:?} is no COCO class"));
    }
    let sides = 16..=8192;
    problems.unless(sides.contains(&camera.width), &key("width"), || "must be 16 to 8192".to_owned());
    problems.unless(sides.contains(&camera.height), &key("height"), || "must be 16 to 8192".to_owned());
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
