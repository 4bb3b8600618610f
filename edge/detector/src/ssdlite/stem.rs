//! The first convolution, 3×3 over all channels of the picture: its patches are gathered, and multiplied as pixels are.

use std::ops::Range;

use rayon::prelude::*;

use super::architecture::{Layer, LayerParameters};
use super::map::Map;
use super::pointwise::Pointwise;
use crate::scratch::with_scratch;

/// Gathered values that a strip may have: a quarter of a megabyte.
const STRIP_VALUES: usize = 64 * 1024;

/// The first layer, laid out for its kernel.
pub(super) struct Stem {
    layer: Layer,
    product: Pointwise,
}

impl Stem {
    pub(super) fn new(layer: &Layer, parameters: &LayerParameters) -> candle_core::Result<Self> {
        Ok(Self { layer: layer.clone(), product: Pointwise::new(layer, parameters)? })
    }

    /// Writes all of `target`, strips of rows on the threads of the current pool.
    pub(super) fn run(&self, source: &Map, target: &mut Map) {
        let (side, pitch) = (target.side(), target.pitch());
        let rows =
            (STRIP_VALUES / (side * 9 * self.layer.inputs)).clamp(1, side.div_ceil(rayon::current_num_threads()));
        target.values_mut().par_chunks_mut(rows * pitch).enumerate().for_each(|(strip, values)| {
            let rows = strip * rows..(strip * rows + values.len() / pitch);
            self.run_strip(source, rows, side, values);
        });
    }

    fn run_strip(&self, source: &Map, rows: Range<usize>, side: usize, target: &mut [f32]) {
        let patch_values = 9 * self.layer.inputs;
        with_scratch(rows.len() * side * patch_values, |patches| {
            let pixels = rows.flat_map(|y| (0..side).map(move |x| (y, x)));
            for ((y, x), patch) in pixels.zip(patches.chunks_exact_mut(patch_values)) {
                self.gather(source, y, x, patch);
            }
            self.product.run(patches, target);
        });
    }

    /// The values under the kernel at a pixel of the target, zeros outside the picture.
    fn gather(&self, source: &Map, y: usize, x: usize, patch: &mut [f32]) {
        let (stride, channels) = (self.layer.stride, self.layer.inputs);
        let padding = self.layer.padding(source.side());
        let row_values = 3 * channels;
        for (kernel_y, values) in patch.chunks_exact_mut(row_values).enumerate() {
            let inside = (y * stride + kernel_y).checked_sub(padding).filter(|row| *row < source.side());
            let Some(row) = inside.map(|row| source.rows(row..row + 1)) else {
                values.fill(0.0);
                continue;
            };
            // The row with `padding` pixels of zeros before it and as many as are needed after it.
            let left = (padding * channels).saturating_sub(x * stride * channels);
            let from = (x * stride * channels).saturating_sub(padding * channels);
            let length = (row_values - left).min(row.len() - from);
            values[..left].fill(0.0);
            values[left..left + length].copy_from_slice(&row[from..from + length]);
            values[left + length..].fill(0.0);
        }
    }
}
