//! headwater-sensors: what a box measures about itself and its surroundings.
//!
//! [`Sensors`] reads a small set that people have and gives [`Reading`]s: the box's own temperature, load, memory and
//! power, files of the kernel, serial lines, MQTT topics, a CSV file that is played again. [`EnergyAccount`] says what
//! a detection cost and by which method that is known. [`cpu`] says how long threads were busy.
//!
//! Where a box lacks a sensor nothing is made up, unless the settings ask for it; each value says how it is known.
//!
//! Not here: where readings are sent, what they are called in a metrics system, and when detection is cheap.

pub mod cpu;
mod energy;
mod error;
mod feed;
mod host;
mod payload;
mod reading;
mod retry;
mod sensors;
mod settings;
mod source;
mod stop;
mod topic;

pub use energy::{CameraEnergy, EnergyAccount, EnergyError, EnergySettings, EnergySpan, FrameEnergy, MethodChoice};
pub use error::SensorsError;
pub use feed::SourceCounters;
pub use host::Host;
pub use reading::Reading;
pub use sensors::Sensors;
pub use settings::{BuiltIn, Problem, SensorSettings};
