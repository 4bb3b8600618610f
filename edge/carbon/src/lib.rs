//! headwater-carbon: what the electricity costs the climate now, and how much a camera is looked at because of it.
//!
//! ```text
//!  provider ──points──▶ Follower ──Outlook─┬▶ Controller ──▶ a Configuration of a camera
//!  (blocks, a thread)   (pure)             └▶ Deferral ────▶ whether uploads wait
//! ```
//!
//! - [`signal`]: a constant, a trace, Great Britain's Carbon Intensity API, Electricity Maps, WattTime and ENTSO-E
//!   behind one trait, and the follower that falls back to the annual factor of the zone when none of them answers.
//! - [`configuration`]: the ways to look at a camera, what each finds and draws.
//! - [`controller`]: which of them now, so that the grams are least and the mean accuracy stays what was promised.
//! - [`simulate`]: the controller over a year of a trace, and what it is held against.
//! - [`CarbonSettings`]: all of it as the section `[carbon]` of a settings file.
//!
//! Not here: cameras, threads, logs and metrics; those are the agent's.

pub mod configuration;
pub mod controller;
mod deferral;
mod memory;
mod settings;
pub mod signal;
pub mod simulate;
mod time;

pub use configuration::{Configuration, Machine, Table};
pub use controller::{ControlSettings, Controller, Decision};
pub use deferral::Deferral;
pub use settings::{CarbonSettings, Source};
pub use signal::{Follower, Intensity, Notice, Origin, Outlook, Provider, SignalError};
