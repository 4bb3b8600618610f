//! The settings of an agent: a TOML file, then the environment, then flags; checked whole before anything starts.
//!
//! Here is what can be set and what holds when it is not. Whether it makes sense is in [`validate`]; nothing is opened.

mod camera;
mod reload;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use headwater_camera::Secret;
use headwater_carbon::CarbonSettings;
use headwater_sensors::{EnergySettings, SensorSettings};
use headwater_spool::{SpoolOptions, SyncPolicy};
use serde::{Deserialize, Deserializer};

pub use camera::{CameraConfig, SourceKind};
pub use headwater_camera::Pace;

/// Everything an agent can be told. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the device, the key of every message it sends.
    pub device_id: String,
    /// Kafka brokers, `host:port` with commas between; `BOOTSTRAP_SERVERS` in the environment overrides it.
    #[serde(default = "default_bootstrap_servers")]
    pub bootstrap_servers: String,
    /// Where the spool lives.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// A safetensors file to use instead of the bundled weights.
    #[serde(default)]
    pub weights: Option<PathBuf>,
    /// Threads to detect on: all of them on one frame, or a frame each where frames of as many cameras wait.
    #[serde(default = "default_threads")]
    pub detector_threads: usize,
    /// A camera each; none makes an agent of sensors only.
    #[serde(default)]
    pub cameras: Vec<CameraConfig>,
    /// When rows become a message.
    #[serde(default)]
    pub batch: BatchConfig,
    /// What is kept while the broker is away.
    #[serde(default)]
    pub spool: SpoolConfig,
    /// How the broker is spoken to.
    #[serde(default)]
    pub uplink: UplinkConfig,
    /// What the box measures about itself and its surroundings.
    #[serde(default)]
    pub sensors: SensorSettings,
    /// Heartbeats.
    #[serde(default)]
    pub status: StatusConfig,
    /// Carbon intensity, and what is done about it.
    #[serde(default)]
    pub carbon: CarbonSettings,
    /// How energy is known; the best way that the box has when nothing is said.
    #[serde(default)]
    pub energy: EnergySettings,
    /// Commands from the broker.
    #[serde(default)]
    pub control: ControlConfig,
    /// Prometheus metrics over HTTP; without it there is no listener.
    #[serde(default)]
    pub metrics: Option<MetricsConfig>,
}

/// When rows become a message: at a number of rows, or after a time, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    /// Rows of frames, or of detections, that fill a message.
    pub rows: usize,
    /// How long the first row of a message waits for others, milliseconds.
    pub linger_ms: u64,
}

/// What is kept while the broker is away.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// Bytes on disk at most.
    pub max_bytes: u64,
    /// What happens beyond that.
    pub when_full: WhenFull,
    /// Messages older than this are dropped and counted, seconds; without it none is too old.
    pub max_age_s: Option<u64>,
    /// When the disk's cache is flushed.
    pub sync: SpoolSync,
    /// How much a power cut may take under [`SpoolSync::Interval`], milliseconds.
    pub sync_interval_ms: u64,
}

impl SpoolConfig {
    /// The same for the spool.
    pub(crate) fn options(&self) -> SpoolOptions {
        SpoolOptions {
            max_age_ms: self.max_age_s.map(|max_age_s| max_age_s.saturating_mul(1000)),
            when_full: match self.when_full {
                WhenFull::DropOldest => headwater_spool::WhenFull::DropOldest,
                WhenFull::StopCameras => headwater_spool::WhenFull::Refuse,
            },
            sync: match self.sync {
                SpoolSync::Always => SyncPolicy::EveryMessage,
                // The last look before the interval is over flushes.
                SpoolSync::Interval => SyncPolicy::Interval { ms: self.sync_interval_ms - self.tend_interval_ms() },
                SpoolSync::Never => SyncPolicy::Never,
            },
            ..SpoolOptions::bounded(self.max_bytes)
        }
    }

    /// How often the spool is looked after, milliseconds.
    pub(crate) fn tend_interval_ms(&self) -> u64 {
        self.sync_interval_ms.min(1000)
    }
}

/// What happens when the spool is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// The oldest messages are dropped and counted.
    #[default]
    DropOldest,
    /// Nothing is dropped: the cameras' frames are not looked at until there is room, and counted as skipped.
    StopCameras,
}

/// When the disk's cache is flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpoolSync {
    /// At every message: a power cut takes none.
    #[default]
    Always,
    /// So often that a power cut takes at most what came within `sync_interval_ms`.
    Interval,
    /// When the system does it by itself.
    Never,
}

/// How the broker is spoken to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkConfig {
    /// How long a shutdown waits for the broker to take what is spooled, milliseconds. What is left stays on disk.
    pub drain_ms: u64,
    /// Partitions of a topic that has to be made.
    pub partitions: i32,
    /// Replicas of a topic that has to be made.
    pub replicas: i32,
    /// Passed to librdkafka as it is: TLS, SASL.
    #[serde(deserialize_with = "unshown")]
    pub client_configs: BTreeMap<String, String>,
}

/// Values may be passwords, which the error of a wrong type must not show.
fn unshown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(key, value)| (key, value.reveal().to_owned())).collect())
}

/// Heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusConfig {
    /// Milliseconds between heartbeats.
    pub interval_ms: u64,
}

/// Commands from the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// Whether they are followed. Whoever may write the topic `edge-control` may then command, so it is off unless it is
    /// said: give the topic an ACL first.
    pub enabled: bool,
}

/// Prometheus metrics over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port of `/metrics` and `/healthz`.
    pub listen: SocketAddr,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { rows: 100, linger_ms: 1000 }
    }
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            when_full: WhenFull::default(),
            max_age_s: None,
            sync: SpoolSync::default(),
            sync_interval_ms: 1000,
        }
    }
}

impl Default for UplinkConfig {
    fn default() -> Self {
        Self { drain_ms: 10_000, partitions: 4, replicas: 1, client_configs: BTreeMap::new() }
    }
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self { interval_ms: 5_000 }
    }
}

fn default_bootstrap_servers() -> String {
    "127.0.0.1:9092".to_owned()
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("data/edge")
}

fn default_threads() -> usize {
    1
}

/// Settings that stand over the file: what the environment or a flag says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Instead of `device_id`.
    pub device_id: Option<String>,
    /// Instead of `bootstrap_servers`.
    pub bootstrap_servers: Option<String>,
    /// Instead of `data_dir`.
    pub data_dir: Option<PathBuf>,
}

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("reading the configuration {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not TOML, has an unknown key or a value of the wrong type.
    #[error("line {line} of the configuration {}", path.display())]
    Parse { path: PathBuf, line: usize, source: Box<toml::de::Error> },
    /// The values do not make sense; every one that does not is named.
    #[error("the configuration cannot be used:{}", listed(problems))]
    Invalid { problems: Vec<Problem> },
}

/// One value that does not make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, for example `cameras[0].tiers`.
    pub key: String,
    /// What is wrong with its value.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

impl Config {
    /// Reads a file, lays the overrides over it and validates the whole.
    ///
    /// # Errors
    /// Any [`ConfigError`]; the values are only looked at once the file is read.
    pub fn load(path: &Path, overrides: Overrides) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let parse = |mut source: toml::de::Error| {
            let before = source.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // It would quote the line, and with it a password.
            source.set_input(None);
            ConfigError::Parse { path: path.to_owned(), line, source: Box::new(source) }
        };
        let mut config: Self = toml::from_str(&text).map_err(parse)?;
        config.apply(overrides);
        config.validate()?;
        Ok(config)
    }

    /// Lays values over the file's.
    pub fn apply(&mut self, overrides: Overrides) {
        let Overrides { device_id, bootstrap_servers, data_dir } = overrides;
        self.device_id = device_id.unwrap_or(std::mem::take(&mut self.device_id));
        self.bootstrap_servers = bootstrap_servers.unwrap_or(std::mem::take(&mut self.bootstrap_servers));
        self.data_dir = data_dir.unwrap_or(std::mem::take(&mut self.data_dir));
    }

    /// A device with default settings and no camera yet; for programs that bring their own configuration.
    pub fn new(device_id: &str, bootstrap_servers: &str, data_dir: &Path) -> Self {
        Self {
            device_id: device_id.to_owned(),
            bootstrap_servers: bootstrap_servers.to_owned(),
            data_dir: data_dir.to_owned(),
            weights: None,
            detector_threads: default_threads(),
            cameras: Vec::new(),
            batch: BatchConfig::default(),
            spool: SpoolConfig::default(),
            uplink: UplinkConfig::default(),
            sensors: SensorSettings::default(),
            status: StatusConfig::default(),
            carbon: CarbonSettings::default(),
            energy: EnergySettings::default(),
            control: ControlConfig::default(),
            metrics: None,
        }
    }

    /// A short hash of the settings, so that a fleet's heartbeats show who runs with which. It is no secret-keeper and
    /// holds between agents of one version.
    pub fn fingerprint(&self) -> String {
        // FNV-1a, 64 bits: stable over starts, which the standard library's hasher does not promise.
        let digest = format!("{self:?}")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{digest:016x}")
    }
}

#[cfg(test)]
mod tests;
