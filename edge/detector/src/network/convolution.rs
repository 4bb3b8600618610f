//! A convolution as a few matrix products over planes, with bias and LeakyReLU while the result is in the cache.
//!
//! For each row of the kernel, the patches of all pixels are a matrix that need not be built (see `plane`): row `p`
//! begins at pixel `p`. Times that kernel row's weights it gives a share of every output; three shares make a 3×3
//! convolution. Joined inputs are never joined either: a convolution over joined channels is the sum of convolutions
//! over the parts. The product itself is `gemm`, the crate under candle's own.
#![allow(unsafe_code)] // gemm takes pointers and strides; `accumulate` is the only caller, and checks their reach.

use gemm::Parallelism;
use rayon::prelude::*;

use super::plane::Plane;
use crate::architecture::{ConvSpec, LEAKY_SLOPE};
use crate::weights::ConvWeights;

/// Values of the output that are computed at once: they stay in the second-level cache from bias to activation.
const BLOCK_VALUES: usize = 32 * 1024;

/// One convolution, its weights laid out for `accumulate`.
pub(crate) struct Convolution {
    spec: &'static ConvSpec,
    bias: Vec<f32>,
    parts: Vec<Part>,
}

/// The weights over one of the joined inputs.
struct Part {
    channels: usize,
    /// Per row of the kernel a matrix of `kernel * channels` rows and `outputs` columns.
    kernel_rows: Vec<Vec<f32>>,
}

impl Convolution {
    /// `part_channels` says how the input channels are distributed over the planes that [`Convolution::run`] will get.
    pub(crate) fn new(weights: &ConvWeights, part_channels: &[usize]) -> candle_core::Result<Self> {
        debug_assert_eq!(part_channels.iter().sum::<usize>(), weights.spec.inputs);
        let spec = weights.spec;
        let values = weights.weight.flatten_all()?.to_vec1::<f32>()?;
        let mut first = 0;
        let mut parts = Vec::with_capacity(part_channels.len());
        for channels in part_channels {
            let kernel_rows = (0..spec.kernel).map(|ky| kernel_row(spec, &values, ky, first, *channels)).collect();
            parts.push(Part { channels: *channels, kernel_rows });
            first += channels;
        }
        Ok(Self { spec, bias: weights.bias.to_vec1()?, parts })
    }

    /// The convolutions of the backbone whose outputs it reads.
    pub(crate) fn sources(&self) -> &'static [usize] {
        self.spec.sources
    }

    /// Writes all of `target`, blocks of rows on the threads of the current pool.
    pub(crate) fn run(&self, sources: &[&Plane], target: &mut Plane) {
        let row_values = target.row_pixels() * self.spec.outputs;
        let fair_share = target.side().div_ceil(rayon::current_num_threads());
        let rows = (BLOCK_VALUES / row_values).clamp(1, fair_share);
        target
            .bordered_rows_mut()
            .par_chunks_mut(rows * row_values)
            .enumerate()
            .for_each(|(block, values)| self.run_block(sources, block * rows, values, row_values));
    }

    /// Computes the rows from `first_row` on; `block` holds them with their borders.
    fn run_block(&self, sources: &[&Plane], first_row: usize, block: &mut [f32], row_values: usize) {
        let outputs = self.spec.outputs;
        // Neighbouring pixels of the source belong to neighbouring pixels of the target across the ends of rows only at
        // stride 1. What is computed for the border pixels in between is nonsense, and cleared at the end.
        let run_values = if self.spec.stride == 1 { block.len() } else { row_values };
        for (run, values) in block.chunks_mut(run_values).enumerate() {
            let end = values.len() - outputs;
            let inside = &mut values[outputs..end];
            for pixel in inside.chunks_exact_mut(outputs) {
                pixel.copy_from_slice(&self.bias);
            }
            for (part, source) in self.parts.iter().zip(sources) {
                part.add(self.spec, source, first_row + run, inside);
            }
            if self.spec.leaky {
                for value in inside {
                    *value = value.max(*value * LEAKY_SLOPE);
                }
            }
        }
        for row in block.chunks_exact_mut(row_values) {
            row[..outputs].fill(0.0);
            row[row_values - outputs..].fill(0.0);
        }
    }
}

impl Part {
    /// Adds what this part contributes to the pixels of `target`, which begin with the first of row `row`.
    fn add(&self, spec: &ConvSpec, source: &Plane, row: usize, target: &mut [f32]) {
        let padding = spec.kernel / 2;
        for (ky, weights) in self.kernel_rows.iter().enumerate() {
            // The border of the plane is one pixel wide, whatever the padding.
            let first_pixel = (row * spec.stride + ky + 1 - padding) * source.row_pixels() + 1 - padding;
            let patches = &source.values()[first_pixel * self.channels..];
            accumulate(target, spec.outputs, patches, spec.stride * self.channels, weights);
        }
    }
}

/// The weights under row `ky` of the kernel for the input channels from `first` on, outputs last.
fn kernel_row(spec: &ConvSpec, values: &[f32], ky: usize, first: usize, channels: usize) -> Vec<f32> {
    let side = spec.kernel;
    let mut matrix = Vec::with_capacity(side * channels * spec.outputs);
    for kx in 0..side {
        for input in first..first + channels {
            for output in 0..spec.outputs {
                matrix.push(values[((output * spec.inputs + input) * side + ky) * side + kx]);
            }
        }
    }
    matrix
}

/// `target[p][o] += Σ_j patches[p * step + j] * weights[j][o]` for all pixels `p` of `target`, which is `outputs` wide.
fn accumulate(target: &mut [f32], outputs: usize, patches: &[f32], step: usize, weights: &[f32]) {
    let (pixels, length) = (target.len() / outputs, weights.len() / outputs);
    if pixels == 0 {
        return;
    }
    assert!((pixels - 1) * step + length <= patches.len(), "the last patch lies inside the source");
    // SAFETY: gemm reads and writes through these pointers at `row * row_stride + column * column_stride`:
    // the destination is outputs × pixels at strides 1 and `outputs`, all inside `target`, which is borrowed mutably;
    // the left matrix is outputs × length at strides 1 and `outputs`, all inside `weights`;
    // the right matrix is length × pixels at strides 1 and `step`, whose last element was just checked.
    unsafe {
        gemm::gemm(
            outputs,
            pixels,
            length,
            target.as_mut_ptr(),
            outputs as isize,
            1,
            true,
            weights.as_ptr(),
            outputs as isize,
            1,
            patches.as_ptr(),
            step as isize,
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
