//! From a frame to SSDLite's input: stretched to a square, red first, bytes scaled to −1 to 1.
//! The stretch is bilinear between the centres of pixels, without smoothing.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeError, ResizeOptions, Resizer};

use super::map::Map;
use crate::{DetectorError, RgbFrame};

/// Stretches frames to one input size; keeps its buffers between frames.
pub(super) struct Picture {
    resizer: Resizer,
    resized: Image<'static>,
}

impl Picture {
    pub(super) fn new(input_size: u32) -> Self {
        Self { resizer: Resizer::new(), resized: Image::new(input_size, input_size, PixelType::U8x3) }
    }

    /// Fills `input`, which has this size and three channels.
    pub(super) fn stretch(&mut self, frame: &RgbFrame<'_>, input: &mut Map) -> Result<(), DetectorError> {
        let input_size = self.resized.width();
        self.resize(frame).map_err(|source| DetectorError::ResizeFrame {
            width: frame.width(),
            height: frame.height(),
            input_size,
            source,
        })?;
        scale(self.resized.buffer(), input);
        Ok(())
    }

    fn resize(&mut self, frame: &RgbFrame<'_>) -> Result<(), ResizeError> {
        let source = ImageRef::new(frame.width(), frame.height(), frame.pixels(), PixelType::U8x3)
            .map_err(|_| ResizeError::PixelTypesAreDifferent)?;
        let bilinear = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
        self.resizer.resize(&source, &mut self.resized, &bilinear)
    }
}

/// Bytes of RGB to values from −1 to 1.
pub(super) fn scale(bytes: &[u8], input: &mut Map) {
    for (value, byte) in input.values_mut().iter_mut().zip(bytes) {
        *value = f32::from(*byte) * (2.0 / 255.0) - 1.0;
    }
}
