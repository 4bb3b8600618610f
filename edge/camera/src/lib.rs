//! headwater-camera: everything between a camera and a frame that may be detected on.

mod board;
mod error;
mod picture;
pub mod source;
mod stop;

pub use board::{Board, Frame, Taken};
pub use error::CameraError;
pub use picture::Picture;
pub use source::{Recording, SyntheticScene, open_file};
pub use stop::StopSignal;
