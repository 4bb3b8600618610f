//! A convolution of 3×3 over each channel by itself, with bias and clamp to 0 to 6, over channels-last pixels.
//!
//! Sixteen channels of a pixel are computed at once: their sum stays in registers over the nine weights, and each weight
//! and each value is loaded once. Where the kernel reaches over the picture's edge, the weights outside are left out
//! instead of being multiplied by zeros. Candle would run a convolution for every channel.
#![allow(unsafe_code)] // To call the same code compiled for AVX2, where the processor has it; see `Depthwise::run`.

use std::ops::Range;

use super::architecture::{Kind, Layer, LayerParameters};

/// Channels that are computed at once. Every layer's number of channels is a multiple of it.
const LANES: usize = 16;

type Lanes = [f32; LANES];

/// One depthwise convolution.
pub(super) struct Depthwise {
    /// Groups of [`LANES`] channels.
    groups: usize,
    stride: usize,
    /// Nine times `groups`: kernel positions row by row.
    weights: Vec<Lanes>,
    bias: Vec<Lanes>,
}

/// Rows of a square map of some side, the first of which is row `first` of it.
pub(super) struct Rows<'a> {
    pub(super) side: usize,
    pub(super) first: usize,
    pub(super) values: &'a [f32],
}

impl Depthwise {
    pub(super) fn new(layer: &Layer, parameters: &LayerParameters) -> candle_core::Result<Self> {
        debug_assert!(layer.kind == Kind::Depthwise && layer.outputs.is_multiple_of(LANES) && layer.relu6);
        let weights: Vec<f32> = parameters.weight.permute((2, 3, 0, 1))?.flatten_all()?.to_vec1()?;
        let bias: Vec<f32> = parameters.bias.to_vec1()?;
        Ok(Self {
            groups: layer.outputs / LANES,
            stride: layer.stride,
            weights: weights.as_chunks().0.to_vec(),
            bias: bias.as_chunks().0.to_vec(),
        })
    }

    /// Overwrites `target` with these rows of the output. `source` has every row that is under them; `padding` is as
    /// in [`Layer::padding`].
    pub(super) fn run(&self, source: &Rows<'_>, padding: usize, rows: Range<usize>, target: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which was just asked for.
            return unsafe { self.run_avx2(source, padding, rows, target) };
        }
        self.run_rows(source, padding, rows, target);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_avx2(&self, source: &Rows<'_>, padding: usize, rows: Range<usize>, target: &mut [f32]) {
        self.run_rows(source, padding, rows, target);
    }

    #[inline(always)]
    fn run_rows(&self, source: &Rows<'_>, padding: usize, rows: Range<usize>, target: &mut [f32]) {
        let side = source.side.div_ceil(self.stride);
        let values = source.values.as_chunks::<LANES>().0;
        let targets = target.as_chunks_mut::<LANES>().0.chunks_exact_mut(side * self.groups);
        for (y, row) in rows.zip(targets) {
            let under_y = under(y, self.stride, padding, source.side);
            for (x, pixel) in row.chunks_exact_mut(self.groups).enumerate() {
                let mut taps = [(0, 0); 9];
                let mut count = 0;
                for (kernel_y, source_y) in under_y.clone() {
                    for (kernel_x, source_x) in under(x, self.stride, padding, source.side) {
                        let source_pixel = (source_y - source.first) * source.side + source_x;
                        taps[count] = ((kernel_y * 3 + kernel_x) * self.groups, source_pixel * self.groups);
                        count += 1;
                    }
                }
                if count == taps.len() {
                    self.run_pixel(&taps, values, pixel);
                } else {
                    self.run_pixel(&taps[..count], values, pixel);
                }
            }
        }
    }

    /// `taps` say where weights and values of the kernel's positions begin, in groups.
    #[inline(always)]
    fn run_pixel(&self, taps: &[(usize, usize)], values: &[Lanes], pixel: &mut [Lanes]) {
        for (group, (target, bias)) in pixel.iter_mut().zip(&self.bias).enumerate() {
            let mut sum = *bias;
            for (weight, value) in taps {
                let (weights, values) = (&self.weights[weight + group], &values[value + group]);
                for lane in 0..LANES {
                    sum[lane] += weights[lane] * values[lane];
                }
            }
            *target = sum.map(|value| value.clamp(0.0, 6.0));
        }
    }
}

/// Positions of the kernel with the places under them, along one axis, that lie inside the picture.
fn under(place: usize, stride: usize, padding: usize, side: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    let first = place * stride;
    (0..3).filter_map(move |kernel| Some((kernel, (first + kernel).checked_sub(padding).filter(|at| *at < side)?)))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn it_computes_what_candle_computes() {
        let noise = |index: usize, seed: u32| {
            (index as u32 ^ seed).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 * 4.0 - 2.0
        };
        for (channels, stride) in [(16, 1), (144, 1), (32, 2), (96, 2)] {
            // One pixel, no inner pixel, odd and even sides, and enough of them for all kinds of edges.
            for side in [1, 2, 3, 4, 5, 8, 13] {
                let layer = Layer {
                    name: "test".into(),
                    kind: Kind::Depthwise,
                    inputs: channels,
                    outputs: channels,
                    stride,
                    relu6: true,
                };
                let tensor = |seed: u32, shape: &[usize]| {
                    let values: Vec<f32> = (0..shape.iter().product()).map(|index| noise(index, seed)).collect();
                    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
                };
                let parameters = LayerParameters { weight: tensor(1, &layer.shape()), bias: tensor(77, &[channels]) };
                let picture = tensor(3_000_017, &[1, channels, side, side]);
                let expected = super::super::plain::convolve(&layer, &parameters, &picture).unwrap();
                let expected: Vec<f32> =
                    expected.permute((0, 2, 3, 1)).unwrap().flatten_all().unwrap().to_vec1().unwrap();

                let values: Vec<f32> = picture.permute((0, 2, 3, 1)).unwrap().flatten_all().unwrap().to_vec1().unwrap();
                let depthwise = Depthwise::new(&layer, &parameters).unwrap();
                let (rows, padding) = (layer.output_side(side), layer.padding(side));
                let row_values = rows * channels;
                let mut found = vec![f32::NAN; rows * row_values];
                // Row by row, so that every row is the first of its strip.
                for (row, target) in found.chunks_exact_mut(row_values).enumerate() {
                    let first = (row * stride).saturating_sub(padding);
                    let source = Rows { side, first, values: &values[first * side * channels..] };
                    depthwise.run(&source, padding, row..row + 1, target);
                }
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(
                        (found - expected).abs() < 1e-5,
                        "{channels} × {side}, stride {stride}: {found}, {expected}"
                    );
                }
                let mut elsewhere = vec![f32::NAN; rows * row_values];
                depthwise.run_rows(&Rows { side, first: 0, values: &values }, padding, 0..rows, &mut elsewhere);
                assert!(elsewhere == found, "without AVX2 the numbers are the same");
            }
        }
    }
}
