//! Finds people and things in a picture: NanoDet-g (COCO, 80 classes) on candle.
//!
//! A [`Detector`] is loaded once from a safetensors file and then shared: [`Detector::detect`] takes `&self`, a frame of
//! RGB bytes of any size and [`DetectOptions`], and answers with boxes in pixels of that frame. The same weights run at
//! every input size that is a multiple of 32; the cost grows with its square ([`macs`]), so input sizes are the power
//! tiers of one model.
//!
//! This crate decodes no video, opens no camera, tracks nothing and knows no time. It is the only place that knows
//! candle: no type of candle is in its API.
//!
//! Measured on one thread of a 2-core server with AVX-512, a frame of 768×576 from bytes to boxes (the example
//! `inference_ms`): 34 ms at input size 416, 18 at 320, 12 at 256; candle's own operators take 212, 115 and 84.
//!
//! A call computes on the detector's own threads ([`LoadOptions::threads`], one unless told otherwise) and blocks its
//! caller until the boxes are there; it never touches rayon's global pool.

mod architecture;
mod classes;
mod decode;
mod detector;
mod error;
mod frame;
mod network;
mod options;
mod preprocess;
mod weights;

pub use architecture::macs;
pub use classes::{ClassId, ClassSet};
pub use detector::{Detection, Detector};
pub use error::DetectorError;
pub use frame::RgbFrame;
pub use network::Workbench;
pub use options::{DetectOptions, Engine, LoadOptions};

/// The name under which results of this network are reported.
pub const MODEL_NAME: &str = "nanodet-g";

/// The weights that are compiled into every binary which calls this: a safetensors file of 7.6 MB.
pub fn bundled_weights() -> &'static [u8] {
    include_bytes!("../../../models/nanodet_g.safetensors")
}
