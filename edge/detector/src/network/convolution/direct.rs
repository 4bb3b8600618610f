//! A convolution as matrix products over packed patches: for 1×1 kernels, strides of two, and channels that do not suit
//! Winograd's transforms. A step takes what lies under one row of the kernel in one of the joined inputs, which in a
//! plane is one run of values a pixel, packs it for a block of pixels, and adds its share to all outputs.
#![allow(unsafe_code)] // calls kernels; every pointer is taken from a slice whose length is checked beside it

use std::ops::Range;

use super::jobs::{Shared, Work};
use super::{Panels, Parameters};
use crate::aligned::Aligned;
use crate::network::kernels::{Kernels, Pack, Product, SEGMENT, Start};
use crate::network::plane::Plane;
use crate::scratch::with_scratch;

/// What the patches of a block of pixels may take.
const PATCHES_BYTES: usize = 256 * 1024;

pub(super) struct Direct {
    kernels: &'static Kernels,
    panels: Panels,
    parts: Vec<usize>,
    kernel: usize,
    stride: usize,
    slope: Option<f32>,
    steps: Vec<Step>,
    /// Rows of weights over all steps.
    length: usize,
    weights: Aligned,
    bias: Aligned,
}

/// One row of the kernel over one of the joined inputs.
struct Step {
    part: usize,
    ky: usize,
    /// Values a pixel.
    run: usize,
    /// Row of weights at which it begins.
    first: usize,
}

impl Step {
    fn segments(&self) -> usize {
        self.run.div_ceil(SEGMENT)
    }
}

impl Direct {
    pub(super) fn new(parameters: &Parameters<'_>) -> Self {
        let mut steps = Vec::new();
        // For each row of weights its input channel, and row and column of the kernel; none where packing fills up.
        let mut taps: Vec<Option<(usize, usize, usize)>> = Vec::new();
        let mut first_channel = 0;
        for (part, channels) in parameters.parts.iter().enumerate() {
            for ky in 0..parameters.kernel {
                let step = Step { part, ky, run: parameters.kernel * channels, first: taps.len() };
                for kx in 0..parameters.kernel {
                    taps.extend((first_channel..first_channel + channels).map(|input| Some((input, ky, kx))));
                }
                taps.resize(step.first + step.segments() * SEGMENT, None);
                steps.push(step);
            }
            first_channel += channels;
        }
        let panels = parameters.panels();
        Self {
            kernels: parameters.kernels,
            panels,
            parts: parameters.parts.to_vec(),
            kernel: parameters.kernel,
            stride: parameters.stride,
            slope: parameters.slope,
            steps,
            length: taps.len(),
            weights: panels.pack(taps.len(), |k, output| {
                taps[k].map_or(0.0, |(input, ky, kx)| parameters.weight(output, input, ky, kx))
            }),
            bias: panels.pack(1, |_, output| parameters.bias[output]),
        }
    }

    pub(super) fn run(&self, sources: &[&Plane], target: &mut Plane) {
        let geometry = self.geometry(sources, target);
        let run_max = self.steps.iter().map(Step::segments).max().unwrap_or(0) * SEGMENT;
        let work = Work {
            rows: target.side() * target.side(),
            panels: self.panels.count,
            block_rows_max: PATCHES_BYTES / size_of::<f32>() / run_max.max(1),
            weights_bytes: self.weights.len() * size_of::<f32>(),
        };
        let shared = Shared::new(target.values_mut());
        work.run(|pixels, panels| {
            with_scratch(pixels.len() * run_max, |patches| {
                self.run_job(sources, &geometry, shared, pixels, panels, patches);
            });
        });
    }

    /// Checks that the planes fit the weights and each other: the kernels rely on it.
    fn geometry(&self, sources: &[&Plane], target: &Plane) -> Geometry {
        assert_eq!(sources.len(), self.parts.len());
        for (source, channels) in sources.iter().zip(&self.parts) {
            assert_eq!((source.side(), source.channels()), (target.side() * self.stride, *channels));
        }
        assert_eq!(target.channels(), self.panels.outputs);
        Geometry { side: target.side(), source_pitch: sources[0].row_pixels(), target_pitch: target.row_pixels() }
    }

    /// Computes `pixels` of the outputs in `panels`. `patches` has room for the longest step.
    fn run_job(
        &self,
        sources: &[&Plane],
        geometry: &Geometry,
        target: Shared,
        pixels: Range<usize>,
        panels: Range<usize>,
        patches: &mut [f32],
    ) {
        let places = || pixels.clone().map(|pixel| (pixel / geometry.side, pixel % geometry.side));
        let offsets: Vec<usize> =
            places().map(|(y, x)| ((y + 1) * geometry.target_pitch + x + 1) * self.panels.outputs).collect();
        let mut origins = Vec::with_capacity(offsets.len());
        for (index, step) in self.steps.iter().enumerate() {
            // The border of the plane is one pixel wide, whatever the padding.
            let shift = 1 - self.kernel / 2;
            origins.clear();
            origins.extend(places().map(|(y, x)| {
                let row = y * self.stride + step.ky + shift;
                (row * geometry.source_pitch + x * self.stride + shift) * self.parts[step.part]
            }));
            let patches = patches.as_mut_ptr();
            let pack = Pack {
                source: sources[step.part].values().as_ptr(),
                origins: &origins,
                length: step.run,
                target: patches,
            };
            // SAFETY: the kernels are for this processor. `geometry` saw that the source's side is the target's times
            // the stride, so each run lies inside the bordered source; the patches have room for `run_max` a pixel.
            unsafe { (self.kernels.pack)(&pack) };
            for panel in panels.clone() {
                let first = panel * self.panels.width;
                let weights = &self.weights[(panel * self.length + step.first) * self.panels.width..];
                let bias = &self.bias[first..][..self.panels.width];
                let product = Product {
                    left: patches,
                    segments: step.segments(),
                    segment_length: SEGMENT,
                    segment_stride: offsets.len() * SEGMENT,
                    weights: weights[..step.segments() * SEGMENT * self.panels.width].as_ptr(),
                    next_weights: weights.as_ptr().wrapping_add(self.length * self.panels.width),
                    panel: self.panels.width,
                    target: target.pointer().wrapping_add(first),
                    offsets: &offsets,
                    outputs: self.panels.outputs_in(panel),
                    start: if index == 0 { Start::Bias(bias.as_ptr()) } else { Start::Target },
                    slope: if index + 1 == self.steps.len() { self.slope } else { None },
                };
                // SAFETY: the patches were just packed, and weights and bias were cut to what is read. The offsets are
                // pixels inside the target, and no other job has the same pixels and panels.
                unsafe { (self.kernels.product)(&product) };
            }
        }
    }
}

/// Sides and pitches, in pixels.
struct Geometry {
    side: usize,
    source_pitch: usize,
    target_pitch: usize,
}
