//! Frames to squares: bilinear between the centres of pixels, without smoothing, as OpenCV's `INTER_LINEAR` does it. The
//! weights were trained on pictures made small like that.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeError, ResizeOptions, Resizer};

use crate::{DetectorError, RgbFrame};

/// Stretches frames to one input size; keeps its buffers between frames.
pub(crate) struct Stretcher {
    resizer: Resizer,
    resized: Image<'static>,
}

impl Stretcher {
    pub(crate) fn new(input_size: u32) -> Self {
        Self { resizer: Resizer::new(), resized: Image::new(input_size, input_size, PixelType::U8x3) }
    }

    /// Pixels of a side.
    pub(crate) fn input_size(&self) -> u32 {
        self.resized.width()
    }

    /// The stretched frame: RGB, rows from top to bottom.
    pub(crate) fn stretch(&mut self, frame: &RgbFrame<'_>) -> Result<&[u8], DetectorError> {
        let input_size = self.input_size();
        self.resize(frame).map_err(|source| DetectorError::ResizeFrame {
            width: frame.width(),
            height: frame.height(),
            input_size,
            source,
        })?;
        Ok(self.resized.buffer())
    }

    fn resize(&mut self, frame: &RgbFrame<'_>) -> Result<(), ResizeError> {
        let source = ImageRef::new(frame.width(), frame.height(), frame.pixels(), PixelType::U8x3)
            .map_err(|_| ResizeError::PixelTypesAreDifferent)?;
        let bilinear = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
        self.resizer.resize(&source, &mut self.resized, &bilinear)
    }
}
