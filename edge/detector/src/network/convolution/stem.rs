//! The first convolution of the network and the max pool behind it in one: 3×3 at stride 2 from the three channels of the
//! picture, then 3×3 at stride 2 again. What lies between is the largest plane of all and the cheapest to compute: a
//! band of its rows is pooled as soon as it is there, and never leaves the cache.
//!
//! The pixels are not packed: at three channels and stride 2 they already lie at one distance, and that is known.
#![allow(unsafe_code)] // calls kernels; every pointer is taken from a slice whose length is checked beside it

use std::ops::Range;

use super::jobs::{Shared, Work};
use super::{Panels, Parameters};
use crate::aligned::Aligned;
use crate::network::kernels::{IN_PLACE_STEP, Kernels, Pool, Product, Start};
use crate::network::plane::Plane;
use crate::scratch::with_scratch;
use crate::weights::ConvWeights;

const CHANNELS: usize = 3;
const STRIDE: usize = 2;
const KERNEL: usize = 3;
/// What a band of the rows between convolution and pool may take.
const BAND_BYTES: usize = 512 * 1024;

const _: () = assert!(CHANNELS * STRIDE == IN_PLACE_STEP);

pub(in crate::network) struct Stem {
    name: &'static str,
    kernels: &'static Kernels,
    panels: Panels,
    slope: Option<f32>,
    weights: Aligned,
    bias: Aligned,
}

impl Stem {
    /// Of a 3×3 convolution at stride 2 over three channels, the outputs of which are whole panels.
    pub(in crate::network) fn new(weights: &ConvWeights) -> candle_core::Result<Self> {
        Ok(Self::pack(weights.spec.name, &Parameters::read(weights, &[CHANNELS], Kernels::best())?))
    }

    pub(super) fn pack(name: &'static str, parameters: &Parameters<'_>) -> Self {
        let panels = parameters.panels();
        assert_eq!((parameters.parts, parameters.kernel, parameters.stride), (&[CHANNELS][..], KERNEL, STRIDE));
        assert!(parameters.outputs.is_multiple_of(panels.width));
        Self {
            name,
            kernels: parameters.kernels,
            panels,
            slope: parameters.slope,
            weights: panels.pack(KERNEL * KERNEL * CHANNELS, |k, output| {
                let (ky, kx, input) = (k / (KERNEL * CHANNELS), k / CHANNELS % KERNEL, k % CHANNELS);
                parameters.weight(output, input, ky, kx)
            }),
            bias: panels.pack(1, |_, output| parameters.bias[output]),
        }
    }

    /// As in the weight file.
    pub(in crate::network) fn name(&self) -> &'static str {
        self.name
    }

    /// Writes all of `target`, a quarter of the picture a side, on the threads of the current pool.
    pub(in crate::network) fn run(&self, picture: &Plane, target: &mut Plane) {
        let side = target.side();
        assert_eq!((picture.side(), picture.channels()), (side * 4, CHANNELS));
        assert_eq!(target.channels(), self.panels.outputs);
        let row_floats = 2 * side * self.panels.outputs;
        let band_rows_max = BAND_BYTES / size_of::<f32>() / row_floats.max(1);
        let work = Work {
            rows: side,
            panels: 1,
            block_rows_max: band_rows_max.saturating_sub(1) / 2,
            weights_bytes: self.weights.len() * size_of::<f32>(),
        };
        let pitch = target.row_pixels();
        let shared = Shared::new(target.values_mut());
        work.run(|rows, _| {
            // Two rows for each pooled row, and the one above them.
            let first = (2 * rows.start).saturating_sub(1);
            with_scratch((2 * rows.end - first) * row_floats, |band| {
                self.convolve(picture, first, 2 * side, band);
                self.pool(band, first, rows, side, shared, pitch);
            });
        });
    }

    /// Rows from `first` on, `pixels` each, into `band`.
    fn convolve(&self, picture: &Plane, first: usize, pixels: usize, band: &mut [f32]) {
        let outputs = self.panels.outputs;
        let offsets: Vec<usize> = (0..pixels).map(|pixel| pixel * outputs).collect();
        let segment_stride = picture.row_pixels() * CHANNELS;
        let length = KERNEL * KERNEL * CHANNELS * self.panels.width;
        for (y, row) in (first..).zip(band.chunks_exact_mut(pixels * outputs)) {
            // The border is the padding: what lies under row `y` of the result begins at its row `2 * y`.
            let patches = &picture.values()[y * STRIDE * segment_stride..][..KERNEL * segment_stride];
            let row = row.as_mut_ptr();
            for panel in 0..self.panels.count {
                let product = Product {
                    left: patches.as_ptr(),
                    segments: KERNEL,
                    segment_length: KERNEL * CHANNELS,
                    segment_stride,
                    weights: self.weights[panel * length..][..length].as_ptr(),
                    next_weights: self.weights.as_ptr(),
                    panel: self.panels.width,
                    target: row.wrapping_add(panel * self.panels.width),
                    offsets: &offsets,
                    outputs: self.panels.width,
                    start: Start::Bias(self.bias[panel * self.panels.width..][..self.panels.width].as_ptr()),
                    slope: self.slope,
                };
                // SAFETY: the kernels are for this processor. Twice `pixels` is the picture's side, and a row of it has
                // two pixels more; weights, bias and rows were cut to what is read and written.
                unsafe { (self.kernels.product_in_place)(&product) };
            }
        }
    }

    /// `rows` of the target out of a band that begins with row `first`.
    fn pool(&self, band: &[f32], first: usize, rows: Range<usize>, side: usize, target: Shared, pitch: usize) {
        let outputs = self.panels.outputs;
        let row = |y: usize| band[(y - first) * 2 * side * outputs..][..2 * side * outputs].as_ptr();
        for y in rows {
            let job = Pool {
                // Above the first row there is none: it is taken twice, which changes no maximum.
                rows: [row((2 * y).saturating_sub(1)), row(2 * y), row(2 * y + 1)],
                channels: outputs,
                pixels: side,
                target: target.pointer().wrapping_add(((y + 1) * pitch + 1) * outputs),
            };
            // SAFETY: the rows have twice `side` pixels; row `y` of the target has `side`, and no other job has it.
            unsafe { (self.kernels.pool)(&job) };
        }
    }
}
