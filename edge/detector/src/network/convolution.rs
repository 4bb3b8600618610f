//! A convolution over planes, with bias and LeakyReLU: which kernels compute it, and how the work is dealt out.
//!
//! A dense 3×3 convolution at stride 1 goes through Winograd's transforms ([`winograd`]), any other is a matrix product
//! over patches ([`direct`]), and the first of the network is one together with its max pool ([`stem`]). Joined inputs
//! are never joined: a convolution over joined channels is the sum of convolutions over the parts.

mod direct;
mod jobs;
mod panels;
mod stem;
mod winograd;

use super::kernels::Kernels;
use super::plane::Plane;
use crate::architecture::{ConvSpec, LEAKY_SLOPE};
use crate::weights::ConvWeights;
use direct::Direct;
use panels::Panels;
pub(super) use stem::Stem;
use winograd::Winograd;

/// Planes are at most this many times smaller than the picture for tiles of 4×4 to pay: below, there are few tiles, and
/// reading four times the weights for them takes longer than the multiplications that they save.
const FOUR_REDUCTION_MAX: usize = 16;

/// One convolution, its weights laid out for its kernels.
pub(crate) struct Convolution {
    spec: &'static ConvSpec,
    form: Form,
}

enum Form {
    Direct(Direct),
    Winograd(Winograd),
}

impl Convolution {
    /// `part_channels` says how the input channels are distributed over the planes that [`Convolution::run`] will get.
    pub(crate) fn new(weights: &ConvWeights, part_channels: &[usize]) -> candle_core::Result<Self> {
        let spec = weights.spec;
        let parameters = Parameters::read(weights, part_channels, Kernels::best())?;
        let form = if !winograd::suits(&parameters) {
            Form::Direct(Direct::new(&parameters))
        } else if spec.reduction <= FOUR_REDUCTION_MAX {
            Form::Winograd(Winograd::four(&parameters))
        } else {
            Form::Winograd(Winograd::two(&parameters))
        };
        Ok(Self { spec, form })
    }

    /// The convolutions of the backbone whose outputs it reads.
    pub(crate) fn sources(&self) -> &'static [usize] {
        self.spec.sources
    }

    /// As in the weight file.
    pub(crate) fn name(&self) -> &'static str {
        self.spec.name
    }

    /// Writes all of `target`, on the threads of the current pool.
    pub(crate) fn run(&self, sources: &[&Plane], target: &mut Plane) {
        match &self.form {
            Form::Direct(direct) => direct.run(sources, target),
            Form::Winograd(winograd) => winograd.run(sources, target),
        }
    }
}

/// What a convolution computes, as plain numbers.
struct Parameters<'a> {
    kernels: &'static Kernels,
    /// Channels of each of the joined inputs.
    parts: &'a [usize],
    outputs: usize,
    /// Side of the kernel, 1 or 3.
    kernel: usize,
    stride: usize,
    slope: Option<f32>,
    /// `outputs × inputs × kernel × kernel`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl<'a> Parameters<'a> {
    fn read(weights: &ConvWeights, parts: &'a [usize], kernels: &'static Kernels) -> candle_core::Result<Self> {
        let spec = weights.spec;
        debug_assert_eq!(parts.iter().sum::<usize>(), spec.inputs);
        Ok(Self {
            kernels,
            parts,
            outputs: spec.outputs,
            kernel: spec.kernel,
            stride: spec.stride,
            slope: spec.leaky.then_some(LEAKY_SLOPE),
            weights: weights.weight.flatten_all()?.to_vec1()?,
            bias: weights.bias.to_vec1()?,
        })
    }

    fn inputs(&self) -> usize {
        self.parts.iter().sum()
    }

    /// The weight of a tap: an input channel, and a row and column of the kernel.
    fn weight(&self, output: usize, input: usize, ky: usize, kx: usize) -> f32 {
        self.weights[((output * self.inputs() + input) * self.kernel + ky) * self.kernel + kx]
    }

    fn panels(&self) -> Panels {
        Panels::new(self.outputs, self.kernels)
    }
}

#[cfg(test)]
mod tests;
