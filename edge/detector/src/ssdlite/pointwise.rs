//! A convolution of 1×1 over channels-last pixels is one matrix product; bias and clamp follow while the result is in the
//! cache. The product itself is `gemm`, the crate under candle's own.
#![allow(unsafe_code)] // gemm takes pointers and strides; `multiply` is the only caller, and checks their reach.

use gemm::Parallelism;

use super::architecture::{Kind, Layer, LayerParameters};

/// One pointwise convolution, or the product that is left of a full one when its patches are gathered.
pub(super) struct Pointwise {
    /// Values that each pixel (or patch) has.
    inputs: usize,
    outputs: usize,
    /// `inputs` rows of `outputs`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    relu6: bool,
}

impl Pointwise {
    /// The patches of a full convolution are expected row by row, column by column, channel by channel.
    pub(super) fn new(layer: &Layer, parameters: &LayerParameters) -> candle_core::Result<Self> {
        debug_assert_ne!(layer.kind, Kind::Depthwise);
        let inputs = layer.weights() / layer.outputs;
        let weights = parameters.weight.permute((2, 3, 1, 0))?.flatten_all()?.to_vec1()?;
        Ok(Self { inputs, outputs: layer.outputs, weights, bias: parameters.bias.to_vec1()?, relu6: layer.relu6 })
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Overwrites as many pixels of `target` as `source` has.
    pub(super) fn run(&self, source: &[f32], target: &mut [f32]) {
        multiply(source, &self.weights, self.inputs, self.outputs, target);
        for pixel in target.chunks_exact_mut(self.outputs) {
            for (value, bias) in pixel.iter_mut().zip(&self.bias) {
                *value += bias;
            }
            if self.relu6 {
                for value in pixel {
                    *value = value.clamp(0.0, 6.0);
                }
            }
        }
    }
}

/// `target[p][o] = Σ_i source[p][i] * weights[i][o]` for all pixels `p`.
fn multiply(source: &[f32], weights: &[f32], inputs: usize, outputs: usize, target: &mut [f32]) {
    let pixels = target.len() / outputs;
    assert_eq!((source.len(), weights.len()), (pixels * inputs, inputs * outputs), "the matrices fit");
    // SAFETY: gemm reads and writes through these pointers at `row * row_stride + column * column_stride`:
    // the destination is outputs × pixels at strides 1 and `outputs`, all inside `target`, which is borrowed mutably;
    // the left matrix is outputs × inputs at strides 1 and `outputs`, and the right one inputs × pixels at strides 1 and
    // `inputs`, whose lengths were just checked.
    unsafe {
        gemm::gemm(
            outputs,
            pixels,
            inputs,
            target.as_mut_ptr(),
            outputs as isize,
            1,
            false,
            weights.as_ptr(),
            outputs as isize,
            1,
            source.as_ptr(),
            inputs as isize,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
