//! Why an agent does not start or does not go on.

use std::error::Error;

use headwater_camera::{AddressError, CameraError};

use crate::config::ConfigError;
use crate::control::remote::RemoteError;
use crate::detection::watched::WatchError;
use crate::uplink::UplinkError;

/// A failed step of an agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights cannot be used.
    #[error("loading the detector")]
    Detector { source: Box<headwater_detector::DetectorError> },
    /// A camera cannot be opened.
    #[error("opening camera {camera}")]
    Camera { camera: String, source: Box<CameraError> },
    /// The URL of a camera cannot be used.
    #[error("the url of camera {camera}")]
    Address { camera: String, source: Box<AddressError> },
    /// A camera without path or URL.
    #[error("camera {camera} has no path and no url")]
    NoSource { camera: String },
    /// The source of carbon intensities cannot be used.
    #[error("opening the source of carbon intensities")]
    Carbon { source: Box<headwater_carbon::SignalError> },
    /// A camera cannot be watched as its settings say.
    #[error("watching camera {camera}")]
    Watch { camera: String, source: Box<WatchError> },
    /// The way to know energy that the settings name is not to be had.
    #[error("measuring energy")]
    Energy { source: Box<headwater_sensors::EnergyError> },
    /// The sensors cannot be started.
    #[error("starting the sensors")]
    Sensors { source: Box<headwater_sensors::SensorsError> },
    /// What commands have changed before cannot be read.
    #[error(transparent)]
    Remote { source: RemoteError },
    /// The spool cannot be opened.
    #[error("opening the spool")]
    Spool { source: Box<headwater_spool::SpoolError> },
    /// The metrics cannot be served.
    #[error("listening for metrics on {address}")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    /// A thread cannot be started.
    #[error("starting the thread {name}")]
    Thread { name: String, source: std::io::Error },
    /// A setting of librdkafka is unknown or wrong.
    #[error("setting up the kafka client")]
    Kafka { source: Box<UplinkError> },
    /// A part of the agent died, which is a defect of the agent.
    #[error("the {part} of the agent stopped unexpectedly")]
    Died { part: &'static str },
}

/// An error and its sources on one line, for a log or a terminal. Some libraries say their source in their own text; that
/// is not said twice.
pub fn chain(error: &dyn Error) -> String {
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
