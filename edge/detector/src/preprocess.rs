//! From a frame to NanoDet's input: stretched to a square, blue first, centred and scaled per channel.

use crate::stretch::Stretcher;
use crate::{DetectorError, RgbFrame};

/// Mean and deviation of the training pictures, blue, green, red.
const MEAN: [f32; 3] = [103.53, 116.28, 123.675];
const DEVIATION: [f32; 3] = [57.375, 57.12, 58.395];

/// NanoDet's input of frames; keeps its buffers and tables between frames.
pub(crate) struct Preprocessor {
    stretcher: Stretcher,
    /// The normalised value of every byte, per network channel.
    normalised: [[f32; 256]; 3],
}

impl Preprocessor {
    pub(crate) fn new(input_size: u32) -> Self {
        let normalised = std::array::from_fn(|c| std::array::from_fn(|byte| (byte as f32 - MEAN[c]) / DEVIATION[c]));
        Self { stretcher: Stretcher::new(input_size), normalised }
    }

    /// The frame as rows of normalised (blue, green, red) pixels, from top to bottom.
    pub(crate) fn rows(
        &mut self,
        frame: &RgbFrame<'_>,
    ) -> Result<impl Iterator<Item = impl Iterator<Item = [f32; 3]> + Send>, DetectorError> {
        let (stretcher, table) = (&mut self.stretcher, &self.normalised);
        let row_bytes = stretcher.input_size() as usize * 3;
        Ok(stretcher.stretch(frame)?.chunks_exact(row_bytes).map(move |row| {
            row.as_chunks::<3>().0.iter().map(move |[red, green, blue]| {
                [table[0][usize::from(*blue)], table[1][usize::from(*green)], table[2][usize::from(*red)]]
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bilinear between pixel centres, edges repeated, in exact arithmetic.
    fn sample(frame: &RgbFrame<'_>, side: u32, x: u32, y: u32, channel: usize) -> f64 {
        let place = |position: u32, length: u32| {
            let centre = (f64::from(position) + 0.5) * f64::from(length) / f64::from(side) - 0.5;
            let near = centre.floor();
            let clamp = |at: f64| at.clamp(0.0, f64::from(length - 1)) as u32;
            (clamp(near), clamp(near + 1.0), centre - near)
        };
        let ((left, right, u), (top, bottom, v)) = (place(x, frame.width()), place(y, frame.height()));
        let at = |x: u32, y: u32| f64::from(frame.pixels()[(y * frame.width() + x) as usize * 3 + channel]);
        let row = |y: u32| at(left, y) * (1.0 - u) + at(right, y) * u;
        row(top) * (1.0 - v) + row(bottom) * v
    }

    #[test]
    fn frames_are_stretched_bilinearly_to_blue_green_red() {
        // Noise: a filter that smooths, or is off by half a pixel, is far away everywhere.
        for (width, height, side) in
            [(768, 576, 416), (61, 203, 96), (20, 11, 64), (1, 1, 32), (64, 64, 64), (1, 500, 32)]
        {
            let pixels: Vec<u8> =
                (0..width * height * 3).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let frame = RgbFrame::new(width, height, &pixels).unwrap();
            let mut preprocessor = Preprocessor::new(side);
            let mut rows = 0;
            for (y, row) in (0..).zip(preprocessor.rows(&frame).unwrap()) {
                rows += 1;
                let row: Vec<_> = row.collect();
                assert_eq!(row.len(), side as usize);
                for (x, pixel) in (0..).zip(row) {
                    for (c, value) in pixel.iter().enumerate() {
                        let byte = value * DEVIATION[c] + MEAN[c];
                        let expected = sample(&frame, side, x, y, 2 - c);
                        let difference = (f64::from(byte) - expected).abs();
                        assert!(difference <= 1.01, "{width}×{height} to {side}: {byte} is not {expected} at {x}, {y}");
                    }
                }
            }
            assert_eq!(rows, side);
        }
    }
}
