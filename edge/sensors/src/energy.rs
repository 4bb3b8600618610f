//! Energy: how many joules the box consumed between two readings, by which method that is known, and which part of them
//! a detection is charged with.
//!
//! | method | what is read | what it covers |
//! |---|---|---|
//! | `rapl` | the powercap counters of Intel and AMD processors | all processor packages and their memory, whoever uses them |
//! | `hwmon` | a power or energy sensor on the board (INA chips, Jetson's rails, a server's power meter) | the board, or the rails that are named |
//! | `battery` | what a battery gives while it is not charged | the whole box |
//! | `nvml` | the driver's counter of each NVIDIA GPU | the GPUs; added to another method where detection runs there |
//! | `cpu-model` | processor time, times the watts of a busy core from the settings | what the settings say; a model and no measurement |
//! | `none` | nothing | nothing: no number is made up |
//!
//! [`EnergyMeter`] reads; [`Attribution`] divides, and is pure; [`EnergyAccount`] joins both for those who detect.

mod account;
mod attribution;
mod battery;
mod counter;
mod error;
mod gpu;
mod hwmon;
mod meter;
mod model;
mod rapl;
mod settings;

pub use account::{CameraEnergy, EnergyAccount, EnergySpan, FrameEnergy};
pub(crate) use attribution::{Attribution, SpanId};
pub use error::EnergyError;
pub(crate) use meter::{EnergyMeter, Spent};
pub(crate) use settings::EnergyMethod;
pub use settings::{EnergySettings, MethodChoice};
