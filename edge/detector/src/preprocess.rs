//! From a frame to the network's input: stretched to a square, blue first, centred and scaled per channel.
//! The stretch is bilinear between the centres of pixels without smoothing, as OpenCV's `INTER_LINEAR` does it: the
//! weights were trained on pictures made small like that.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeError, ResizeOptions, Resizer};

use crate::{DetectorError, RgbFrame};

/// Mean and deviation of the training pictures, blue, green, red.
const MEAN: [f32; 3] = [103.53, 116.28, 123.675];
const DEVIATION: [f32; 3] = [57.375, 57.12, 58.395];

/// Stretches frames to one input size; keeps its buffers and tables between frames.
pub(crate) struct Preprocessor {
    resizer: Resizer,
    resized: Image<'static>,
    /// The normalised value of every byte, per network channel.
    normalised: [[f32; 256]; 3],
}

impl Preprocessor {
    pub(crate) fn new(input_size: u32) -> Self {
        let normalised =
            std::array::from_fn(|c| std::array::from_fn(|byte| (byte as f32 - MEAN[c]) / DEVIATION[c]));
        Self { resizer: Resizer::new(), resized: Image::new(input_size, input_size, PixelType::U8x3), normalised }
    }

    /// The frame as rows of normalised (blue, green, red) pixels, from top to bottom.
    pub(crate) fn rows(&mut self, frame: &RgbFrame<'_>) -> Result<impl Iterator<Item = impl Iterator<Item = [f32; 3]>>, DetectorError> {
        let input_size = self.resized.width();
        self.stretch(frame).map_err(|source| DetectorError::ResizeFrame {
            width: frame.width(),
            height: frame.height(),
            input_size,
            source,
        })?;
        let table = &self.normalised;
        Ok(self.resized.buffer().chunks_exact(input_size as usize * 3).map(move |row| {
            row.as_chunks::<3>().0.iter().map(move |[red, green, blue]| {
                [table[0][usize::from(*blue)], table[1][usize::from(*green)], table[2][usize::from(*red)]]
            })
        }))
    }

    fn stretch(&mut self, frame: &RgbFrame<'_>) -> Result<(), ResizeError> {
        let source = ImageRef::new(frame.width(), frame.height(), frame.pixels(), PixelType::U8x3)
            .map_err(|_| ResizeError::PixelTypesAreDifferent)?;
        let bilinear = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
        self.resizer.resize(&source, &mut self.resized, &bilinear)
    }
}
