//! Finds people and things in a picture, with small convolutional networks on the CPU. Two are known, and the weight file
//! says which it holds: NanoDet-g (COCO's 80 classes) and SSDLite on MobileNetV2 (the first 29 of them).
//!
//! A [`Detector`] is loaded once from a safetensors file and then shared: [`Detector::detect`] takes `&self`, a frame of
//! RGB bytes of any size and [`DetectOptions`], and answers with boxes in pixels of that frame. The same weights run at
//! every input size that is a multiple of 32; the cost grows with its square ([`Detector::macs`]), so input sizes are the
//! power tiers of one model.
//!
//! This crate decodes no video, opens no camera, tracks nothing and knows no time. It is the only place that knows
//! candle: no type of candle is in its API.
//!
//! NanoDet-g runs on kernels of this crate, compiled for AVX-512, AVX2 and NEON and chosen when a detector is loaded;
//! SSDLite's matrix products are those of `gemm`, its depthwise convolutions our own. Candle owns the weights, and its
//! operators are the yardstick ([`Engine::Candle`]). What a frame takes, step by step, is printed by the example
//! `inference_ms`; `benches/inference` compares it with ONNX Runtime.
//!
//! A call computes on the detector's own threads ([`LoadOptions::threads`], one unless told otherwise) and blocks its
//! caller until the boxes are there; it never touches rayon's global pool.

mod aligned;
mod architecture;
mod classes;
mod decode;
mod detector;
mod error;
mod frame;
mod model;
mod nanodet;
mod network;
mod options;
mod preprocess;
mod scratch;
mod ssdlite;
mod stretch;
mod weights;
mod workspaces;

pub use classes::{ClassId, ClassSet};
pub use detector::{Detection, Detector};
pub use error::DetectorError;
pub use frame::RgbFrame;
pub use network::Workbench;
pub use options::{DetectOptions, Engine, LoadOptions};

/// NanoDet-g's weights, compiled into every binary which calls this: a safetensors file of 7.6 MB.
pub fn bundled_weights() -> &'static [u8] {
    include_bytes!("../../../models/nanodet_g.safetensors")
}
