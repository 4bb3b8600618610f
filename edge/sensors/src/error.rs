//! Why sensors do not start, and why a source gives nothing, with the device, topic, file or line.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::energy::EnergyError;
use crate::payload::PayloadError;
use crate::settings::Problem;

/// A failed step of the sensors.
#[derive(Debug, thiserror::Error)]
pub enum SensorsError {
    /// Values of the settings make no sense.
    #[error("the sensors' settings cannot be used: {}", listing(problems))]
    Settings { problems: Vec<Problem> },
    /// The energy's method cannot be used.
    #[error("opening the energy meter")]
    Energy { source: Box<EnergyError> },
    /// A thread cannot be started.
    #[error("starting the thread {name}")]
    Thread { name: String, source: io::Error },
}

/// Why a source gives nothing at the moment. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} holds {text:?}, which does not begin with a number", path.display())]
    NoNumber { path: PathBuf, text: String },
    #[error("the number of {} is without end once it is scaled", path.display())]
    NotFinite { path: PathBuf },
    #[error("no chip {chip:?} under {} has {input:?}", folder.display())]
    NoInput { folder: PathBuf, chip: String, input: String },
    #[error("measuring energy")]
    Energy { source: Box<EnergyError> },
    #[error("opening {}", device.display())]
    OpenDevice { device: PathBuf, source: io::Error },
    #[error("setting {} to {baud} baud", device.display())]
    SetUpDevice { device: PathBuf, baud: u32, source: io::Error },
    #[error("{} went away", device.display())]
    DeviceGone { device: PathBuf },
    #[error("{} says {text:?}", device.display())]
    BadLine { device: PathBuf, text: String, source: PayloadError },
    #[error("{} sends lines of more than {bytes_max} bytes", device.display())]
    LongLine { device: PathBuf, bytes_max: usize },
    #[error("the connection to the mqtt broker {broker} failed")]
    Mqtt { broker: String, source: Box<rumqttc::ConnectionError> },
    #[error("the mqtt broker {broker} refuses the subscription to {topic}")]
    Subscribe { broker: String, topic: String },
    #[error("{topic} at {broker} says {text:?}")]
    BadMessage { broker: String, topic: String, text: String, source: PayloadError },
    #[error("starting the mqtt client's event loop")]
    EventLoop { source: io::Error },
    #[error("the first line of {} lacks the column {column:?}", path.display())]
    NoColumn { path: PathBuf, column: &'static str },
    #[error("line {line} of {} has no {what}", path.display())]
    BadRow { path: PathBuf, line: u64, what: &'static str },
    #[error("{} has no row that can be used", path.display())]
    NoRows { path: PathBuf },
}

/// An error and its sources on one line. A source whose text its parent has already said is not said twice.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        source = error.source();
    }
    text
}

fn listing(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
