//! Whether the values of a configuration make sense. Every value that does not is named, not only the first.

mod camera;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::error::chain;

use super::{Config, ConfigError, Problem};

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
        self.check_measuring(&mut problems);
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
        positive(problems, "spool.max_age_s", self.spool.max_age_s.unwrap_or(1));
        let is_interval = SYNC_INTERVALS_MS.contains(&self.spool.sync_interval_ms);
        problems.unless(is_interval, "spool.sync_interval_ms", || {
            format!("must be {} to {}", SYNC_INTERVALS_MS.start(), SYNC_INTERVALS_MS.end())
        });
        positive(problems, "status.interval_ms", self.status.interval_ms);
        problems.unless(self.uplink.partitions > 0, "uplink.partitions", || "must be at least 1".to_owned());
        problems.unless(self.uplink.replicas > 0, "uplink.replicas", || "must be at least 1".to_owned());
    }

    /// What the crates say whose settings these are.
    fn check_measuring(&self, problems: &mut Problems) {
        let measured = self.sensors.problems().into_iter().chain(self.energy.problems());
        problems.0.extend(measured.map(|problem| Problem { key: problem.key, what: problem.what }));
        for (key, what) in self.carbon.problems() {
            problems.add(&format!("carbon.{key}"), what);
        }
        if let Some(Err(error)) = self.carbon.source.as_ref().map(|source| source.open(self.carbon.timeout_ms)) {
            problems.add("carbon.source", chain(&error));
        }
        let wait_s = self.carbon.defer_upload_hours_max * 3600.0;
        let outlives = self.spool.max_age_s.is_none_or(|max_age_s| wait_s <= 0.0 || max_age_s as f64 > wait_s);
        problems.unless(outlives, "carbon.defer_upload_hours_max", || {
            "messages would be older than spool.max_age_s before they are sent".to_owned()
        });
        let has_source = self.carbon.source.is_some() || self.carbon.control.is_none();
        problems.unless(has_source, "carbon.control", || "there is no carbon.source to follow".to_owned());
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
