//! What a caller may choose: once at loading ([`LoadOptions`]) and for every frame ([`DetectOptions`]).

use std::num::NonZeroUsize;

use crate::{ClassSet, DetectorError};

/// The largest accepted [`DetectOptions::input_size`]; past it buffers grow to gigabytes and the weights see nothing new.
const INPUT_SIZE_MAX: u32 = 2048;

/// How a detector computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// How many threads one call computes on. They belong to the detector, whoever calls. One by default, so that a
    /// detector leaves the rest of a small machine to the others on it.
    pub threads: NonZeroUsize,
    /// Which code runs the network. Both give the same numbers, to what rounding does to them.
    pub engine: Engine,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { threads: NonZeroUsize::MIN, engine: Engine::default() }
    }
}

/// Which code runs the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// Kernels over activations that lie channels-last.
    #[default]
    ChannelsLast,
    /// Candle's own operators, one by one: several times slower, and the yardstick of the other.
    Candle,
}

/// What is looked for in a frame, and how closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectOptions {
    /// The side of the square that the frame is stretched to, in pixels: a multiple of 32 from 32 to 2048. 416 is what
    /// NanoDet-g was trained at; 320 and 256 are cheaper and lose people who are small or overlap. SSDLite was trained at
    /// 300; at 416 and 512 it finds smaller people, and loses who fills the frame.
    pub input_size: u32,
    /// Boxes under this score are dropped, 0 to 1. Under 0.40 a stone becomes a person for NanoDet-g.
    pub threshold: f32,
    /// Of two boxes of one class that overlap more than this (intersection over union, 0 to 1) the weaker is dropped.
    pub nms_iou: f32,
    /// The classes that are looked for.
    pub classes: ClassSet,
}

impl Default for DetectOptions {
    fn default() -> Self {
        Self { input_size: 416, threshold: 0.40, nms_iou: 0.5, classes: ClassSet::ALL }
    }
}

impl DetectOptions {
    /// Checks every option; [`Detector::detect`](crate::Detector::detect) does it for every frame, a configuration may
    /// do it once and early.
    ///
    /// # Errors
    /// The first option that is out of its range, with its value.
    pub fn validate(&self) -> Result<(), DetectorError> {
        let size = self.input_size;
        if size == 0 || size > INPUT_SIZE_MAX || !size.is_multiple_of(32) {
            return Err(DetectorError::InputSize { found: size, max: INPUT_SIZE_MAX });
        }
        for (option, value) in [("threshold", self.threshold), ("nms_iou", self.nms_iou)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(DetectorError::OptionRange { option, value });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_named() {
        let good = DetectOptions::default();
        assert!(good.validate().is_ok());
        for input_size in [32, 256, 320, 2048] {
            assert!(DetectOptions { input_size, ..good }.validate().is_ok());
        }
        for input_size in [0, 1, 31, 400, 2080, u32::MAX] {
            let error = DetectOptions { input_size, ..good }.validate().unwrap_err();
            assert!(error.to_string().contains(&input_size.to_string()), "{error}");
        }
        for value in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            let error = DetectOptions { threshold: value, ..good }.validate().unwrap_err();
            assert!(error.to_string().contains("threshold"), "{error}");
            let error = DetectOptions { nms_iou: value, ..good }.validate().unwrap_err();
            assert!(error.to_string().contains("nms_iou"), "{error}");
        }
    }
}
