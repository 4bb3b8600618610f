//! headwater-camera: everything between a camera and a frame that may be detected on.
//!
//! ```text
//! source ──▶ sight ──────────────────────▶ board ──▶ whoever detects
//! files      mask · health · motion gate   a slot a camera, the newest wins
//! rtsp        ▲
//! v4l2        └ the picture from afar: 96 × 72 cells
//! mjpeg
//! snapshot   supervise: when a camera that went away is asked again
//! ```
//!
//! A [`Camera`] is one thread ([`run`]) that takes frames from its [`Feed`] and puts those worth a detection on the
//! [`Board`]. A recording ends; a live camera never does: it is asked again with growing delays for as long as the agent
//! runs, and a camera that is away at the start does not keep an agent from starting. How it is stands in its
//! [`Vitals`].
//!
//! Decisions are pure and are told the time: [`supervise`], [`motion`], [`health`], [`mask`]. The clock is read in
//! `clock.rs` and nowhere else. What a camera sends is not trusted: sizes are bounded before memory is taken, and no
//! byte of a stream makes a panic. A password is in no error, no log and on no command line.
//!
//! Not here: detection, Kafka, and the settings file; options are plain structs that can be read from one.

mod address;
mod board;
mod camera;
mod clock;
mod error;
mod frame_time;
pub mod glance;
pub mod health;
pub mod mask;
pub mod motion;
mod pacer;
mod picture;
mod sight;
pub mod source;
mod stop;
pub mod supervise;
pub mod thumbnail;
mod vitals;

pub use address::{Address, AddressError, Credentials, Secret};
pub use board::{Board, Frame, Taken};
pub use camera::{Camera, Feed, Pace, run};
pub use error::CameraError;
pub use picture::{ENCODED_BYTES_MAX, PIXELS_MAX, Picture, PictureError};
pub use sight::{Seen, Sight, SightOptions};
pub use source::{LiveKind, Recording, SyntheticScene, open_file};
pub use stop::StopSignal;
pub use vitals::{CameraState, Vitals, VitalsSnapshot};
