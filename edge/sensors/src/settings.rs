//! What can be set about sensors: the table `[sensors]` and its `[[sensors.sources]]`.
//!
//! Here is what can be set and what holds when it is not. Whether it makes sense is in [`validate`]; nothing is opened.

mod secret;
mod validate;

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

pub(crate) use secret::Secret;

/// The sensors of a box.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensorSettings {
    /// Whether anything is read.
    pub enabled: bool,
    /// Milliseconds between readings of what is asked: built-in sensors, files, chips. What speaks of itself (serial,
    /// MQTT) comes when it comes.
    pub interval_ms: u64,
    /// Readings that may wait to be taken; beyond it the oldest go, and are counted.
    pub queue_readings: usize,
    /// For demonstrations: built-in sensors that the box lacks get made-up values, whose method says `synthetic`.
    pub synthetic: bool,
    /// What the box measures about itself. What it cannot measure is left out.
    pub built_in: Vec<BuiltIn>,
    /// More sources, a table each.
    pub(crate) sources: Vec<SourceSettings>,
}

/// What a box measures about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// Of the processor, celsius.
    CpuTemperature,
    /// Processes that run or wait, on the mean of a minute.
    #[serde(rename = "load_1m")]
    Load1m,
    /// Memory that is not available to a new process, bytes.
    MemoryUsed,
    /// What the box draws by the energy's method, watts, on the mean since the reading before.
    Power,
    /// What NVIDIA's GPUs draw, watts, on the mean since the reading before.
    GpuPower,
}

/// One more source of readings, by its `kind`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SourceSettings {
    /// A number in a file.
    File(FileSettings),
    /// An input of a chip under `/sys/class/hwmon`.
    Hwmon(HwmonSettings),
    /// Lines from a serial device.
    Serial(SerialSettings),
    /// Messages from an MQTT broker.
    Mqtt(MqttSettings),
    /// Readings that were written down, played again.
    Csv(CsvSettings),
}

/// A number in a file, such as those of the kernel's IIO or 1-wire sensors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSettings {
    /// Name of the sensor in every reading.
    pub(crate) sensor: String,
    /// Its unit, for example `celsius`.
    pub(crate) unit: String,
    /// The file; its first word is the number.
    pub(crate) path: PathBuf,
    /// The number is multiplied by this, for example 0.001 for millidegrees.
    #[serde(default = "one")]
    pub(crate) scale: f64,
    /// And this is added.
    #[serde(default)]
    pub(crate) offset: f64,
    /// Milliseconds between readings; unsaid it is that of all sensors.
    pub(crate) interval_ms: Option<u64>,
}

/// An input of a chip, found by names because the numbers of chips change from one start to the next. The kernel says
/// its unit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HwmonSettings {
    /// Name of the sensor in every reading.
    pub(crate) sensor: String,
    /// The chip as its file `name` says, for example `k10temp`. Of several the first that has the input.
    pub(crate) chip: String,
    /// The input, for example `temp1`, `fan2` or `in0`; or its label, for example `Tctl`.
    pub(crate) input: String,
    /// Milliseconds between readings; unsaid it is that of all sensors.
    pub(crate) interval_ms: Option<u64>,
}

/// Lines from a serial device: 8 data bits, no parity, 1 stop bit, no flow control. The first line after it was opened
/// is thrown away, because it may be the end of one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SerialSettings {
    /// The device; a path under `/dev/serial/by-id` is the same after it was plugged elsewhere.
    pub(crate) device: PathBuf,
    /// Bits a second.
    #[serde(default = "default_baud")]
    pub(crate) baud: u32,
    /// What a line looks like.
    #[serde(default)]
    pub(crate) format: PayloadFormat,
    /// Between columns, for the format `csv`; a blank stands for any number of them.
    #[serde(default = "comma")]
    pub(crate) separator: char,
    /// What is taken from a line, a table each.
    pub(crate) values: Vec<ValueSettings>,
}

/// Messages from an MQTT broker (3.1.1), over TCP without TLS: the broker is meant to be on the box or in its own
/// network. Messages are taken at quality of service 1, and what was published while the connection was away is not
/// asked for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MqttSettings {
    /// Name or address of the broker.
    pub(crate) host: String,
    /// Its port.
    #[serde(default = "default_mqtt_port")]
    pub(crate) port: u16,
    /// The topic, or a filter with the wildcards `+` and `#`. Of `$share/<group>/<filter>` the broker gives each message
    /// to one of the group.
    pub(crate) topic: String,
    /// Who this is to the broker, where it asks.
    pub(crate) username: Option<String>,
    /// The password.
    pub(crate) password: Option<Secret>,
    /// A file that holds the password, instead of it.
    pub(crate) password_file: Option<PathBuf>,
    /// Name of the connection, unique at the broker; unsaid it is made up at each start.
    pub(crate) client_id: Option<String>,
    /// Whether messages count that the broker has kept. They may be old and do not say how old, so that by default only
    /// what is published from now on counts.
    #[serde(default)]
    pub(crate) retained: bool,
    /// What a message looks like.
    #[serde(default)]
    pub(crate) format: PayloadFormat,
    /// Between columns, for the format `csv`; a blank stands for any number of them.
    #[serde(default = "comma")]
    pub(crate) separator: char,
    /// What is taken from a message, a table each. In a sensor's name `{topic}` is the topic, `{1}` what stands for its
    /// first wildcard, and so on.
    pub(crate) values: Vec<ValueSettings>,
}

/// Readings that were written down: a CSV file whose first line names its columns `timestamp` (`2026-01-31T13:00:00Z`
/// or milliseconds since the epoch), `sensor`, `value` and, where there are units, `unit`, in any order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvSettings {
    /// The file.
    pub(crate) path: PathBuf,
    /// How fast it is played.
    #[serde(default)]
    pub(crate) pace: Pace,
    /// Begin again at the end; time goes on.
    #[serde(default, rename = "loop")]
    pub(crate) repeat: bool,
}

/// How fast readings are played again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pace {
    /// As far apart as their timestamps are, the first one now; readings carry the time at which they are played, and
    /// one that is older than those before it is played at once with its own.
    #[default]
    Live,
    /// As fast as they are taken; readings carry the file's timestamps.
    Fast,
}

/// What a line or a message looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PayloadFormat {
    /// A number; what stands behind a blank is ignored.
    #[default]
    Number,
    /// Pairs such as `t=21.5 h=40`, also with `:`, set apart by blanks, commas, semicolons or ampersands.
    NameValue,
    /// Columns.
    Csv,
    /// A JSON document.
    Json,
}

/// A value that is taken from a line or a message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueSettings {
    /// Name of the sensor in every reading.
    pub(crate) sensor: String,
    /// Its unit, for example `celsius`.
    pub(crate) unit: String,
    /// Where it stands: the name of `name_value`, the column of `csv` counted from 1, the pointer of `json`, for
    /// example `/air/t`. A `number` has none, `json` may have none.
    pub(crate) pick: Option<String>,
    /// The number is multiplied by this.
    #[serde(default = "one")]
    pub(crate) scale: f64,
    /// And this is added.
    #[serde(default)]
    pub(crate) offset: f64,
}

/// A value of the settings that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its key, for example `sensors.sources[1].device`.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

impl Default for SensorSettings {
    fn default() -> Self {
        use BuiltIn::{CpuTemperature, GpuPower, Load1m, MemoryUsed, Power};
        Self {
            enabled: true,
            interval_ms: 10_000,
            queue_readings: 10_000,
            synthetic: false,
            built_in: vec![CpuTemperature, Load1m, MemoryUsed, Power, GpuPower],
            sources: Vec::new(),
        }
    }
}

impl BuiltIn {
    /// The sensor's name in readings, which is also its name in the settings.
    pub(crate) fn sensor(self) -> &'static str {
        match self {
            Self::CpuTemperature => "cpu_temperature",
            Self::Load1m => "load_1m",
            Self::MemoryUsed => "memory_used",
            Self::Power => "power",
            Self::GpuPower => "gpu_power",
        }
    }

    /// The unit of its readings.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::CpuTemperature => "celsius",
            Self::Load1m => "processes",
            Self::MemoryUsed => "bytes",
            Self::Power | Self::GpuPower => "watts",
        }
    }
}

fn one() -> f64 {
    1.0
}

fn comma() -> char {
    ','
}

fn default_baud() -> u32 {
    9600
}

fn default_mqtt_port() -> u16 {
    1883
}
