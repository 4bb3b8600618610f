//! A dense 3×3 convolution at stride 1 as Winograd's: patches of a block of tiles into the frequencies, for each of them a
//! matrix product over the channels, and back, a panel of outputs at a time. It needs a quarter of the multiplications
//! in tiles of 4×4, and 4 times the memory for weights; in tiles of 2×2 not half, and not twice.
//!
//! The blocks are such that patches and products stay in the second-level cache while the weights stream past them once.
#![allow(unsafe_code)] // calls kernels; every pointer is taken from a slice whose length is checked beside it

use std::ops::Range;

use super::jobs::{Shared, Work};
use super::{Panels, Parameters};
use crate::aligned::Aligned;
use crate::network::kernels::{
    Forward, Four, Inverse, Kernels, Place, Product, SEGMENT, Scheme, Start, Transforms, Two,
};
use crate::network::plane::Plane;
use crate::scratch::with_scratch;

/// What patches and products of a block of tiles may take.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Frequencies lie this much further apart than need be, or with powers of two they would all want the same few lines
/// of the first-level cache.
const SKEW: usize = SEGMENT;

/// Whether the transforms can do it: whole vectors of channels everywhere.
pub(super) fn suits(parameters: &Parameters<'_>) -> bool {
    let whole = |channels: &usize| channels.is_multiple_of(SEGMENT);
    parameters.kernel == 3
        && parameters.stride == 1
        && parameters.parts.iter().all(whole)
        && parameters.outputs.is_multiple_of(parameters.panels().width)
}

pub(super) struct Winograd {
    kernels: &'static Kernels,
    transforms: &'static Transforms,
    /// Outputs of a tile, a side.
    tile: usize,
    frequencies: usize,
    panels: Panels,
    parts: Vec<usize>,
    inputs: usize,
    slope: Option<f32>,
    /// `[panel][frequency][input][output]`
    weights: Aligned,
    bias: Aligned,
}

impl Winograd {
    /// In tiles of 4×4 outputs.
    pub(super) fn four(parameters: &Parameters<'_>) -> Self {
        Self::new::<Four, 6, 4>(parameters, &parameters.kernels.four)
    }

    /// In tiles of 2×2 outputs.
    pub(super) fn two(parameters: &Parameters<'_>) -> Self {
        Self::new::<Two, 4, 2>(parameters, &parameters.kernels.two)
    }

    fn new<S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(
        parameters: &Parameters<'_>,
        transforms: &'static Transforms,
    ) -> Self {
        let (panels, inputs) = (parameters.panels(), parameters.inputs());
        Self {
            kernels: parameters.kernels,
            transforms,
            tile: OUT,
            frequencies: IN * IN,
            panels,
            parts: parameters.parts.to_vec(),
            inputs,
            slope: parameters.slope,
            weights: packed_weights::<S, IN, OUT>(parameters, &panels),
            bias: panels.pack(1, |_, output| parameters.bias[output]),
        }
    }

    pub(super) fn run(&self, sources: &[&Plane], target: &mut Plane) {
        let grid = self.grid(sources, target);
        let floats_per_tile = self.frequencies * (self.inputs + self.panels.width);
        let work = Work {
            rows: grid.tiles * grid.tiles,
            panels: self.panels.count,
            block_rows_max: BLOCK_BYTES / size_of::<f32>() / floats_per_tile,
            weights_bytes: self.weights.len() * size_of::<f32>(),
        };
        let shared = Shared::new(target.values_mut());
        work.run(|tiles, panels| {
            let patches = self.frequencies * (tiles.len() * self.inputs + SKEW);
            let products = self.frequencies * (tiles.len() * self.panels.width + SKEW);
            with_scratch(patches + products, |scratch| {
                let (patches, products) = scratch.split_at_mut(patches);
                self.transform(sources, &grid, tiles.clone(), patches);
                self.multiply(&grid, shared, tiles, panels, patches, products);
            });
        });
    }

    /// Checks that the planes fit the weights and each other: the kernels rely on it.
    fn grid(&self, sources: &[&Plane], target: &Plane) -> Grid {
        assert_eq!(sources.len(), self.parts.len());
        for (source, channels) in sources.iter().zip(&self.parts) {
            assert_eq!((source.side(), source.channels()), (target.side(), *channels));
        }
        assert_eq!(target.channels(), self.panels.outputs);
        Grid {
            side: target.side(),
            pitch: target.row_pixels(),
            tile: self.tile,
            tiles: target.side().div_ceil(self.tile),
        }
    }

    /// The patches of `tiles` as `[frequency][segment][tile][16]`.
    fn transform(&self, sources: &[&Plane], grid: &Grid, tiles: Range<usize>, patches: &mut [f32]) {
        let frequency_stride = tiles.len() * self.inputs + SKEW;
        assert_eq!(patches.len(), self.frequencies * frequency_stride);
        let mut first = 0;
        for (source, channels) in sources.iter().zip(&self.parts) {
            let origins: Vec<usize> = tiles.clone().map(|tile| grid.corner(tile) * channels).collect();
            let job = Forward {
                source: source.values().as_ptr(),
                origins: &origins,
                channels: *channels,
                row_stride: grid.pitch * channels,
                target: patches[first * tiles.len()..].as_mut_ptr(),
                frequency_stride,
            };
            // SAFETY: the kernels are for this processor. A plane's border is such that the patch of a tile that begins
            // inside the plane ends inside the border; the patches have room for all inputs, of which these are some.
            unsafe { (self.transforms.forward)(&job) };
            first += channels;
        }
    }

    /// From the patches of `tiles` to the pixels of the outputs in `panels`.
    fn multiply(
        &self,
        grid: &Grid,
        target: Shared,
        tiles: Range<usize>,
        panels: Range<usize>,
        patches: &[f32],
        products: &mut [f32],
    ) {
        let width = self.panels.width;
        let patch_stride = tiles.len() * self.inputs + SKEW;
        let product_stride = tiles.len() * width + SKEW;
        assert_eq!(products.len(), self.frequencies * product_stride);
        let offsets: Vec<usize> = (0..tiles.len()).map(|row| row * width).collect();
        let places: Vec<Place> = tiles.clone().map(|tile| grid.place(tile, self.panels.outputs)).collect();
        let products = products.as_mut_ptr();
        for panel in panels {
            let weights = &self.weights[panel * self.frequencies * self.inputs * width..];
            for frequency in 0..self.frequencies {
                let block = &weights[frequency * self.inputs * width..][..self.inputs * width];
                let product = Product {
                    left: patches[frequency * patch_stride..].as_ptr(),
                    segments: self.inputs / SEGMENT,
                    segment_length: SEGMENT,
                    segment_stride: tiles.len() * SEGMENT,
                    weights: block.as_ptr(),
                    next_weights: block.as_ptr_range().end,
                    panel: width,
                    target: products.wrapping_add(frequency * product_stride),
                    offsets: &offsets,
                    outputs: width,
                    start: Start::Zero,
                    slope: None,
                };
                // SAFETY: the patches of this frequency are there, the weights were cut to what is read, and the
                // products have room for a panel of every tile.
                unsafe { (self.kernels.product)(&product) };
            }
            let inverse = Inverse {
                source: products,
                tiles: &places,
                panel: width,
                frequency_stride: product_stride,
                bias: self.bias[panel * width..][..width].as_ptr(),
                slope: self.slope,
                target: target.pointer().wrapping_add(panel * width),
                pixel_stride: self.panels.outputs,
                row_stride: grid.pitch * self.panels.outputs,
            };
            // SAFETY: all frequencies were just computed. A place says how much of its tile is inside the target, and no
            // other job has the same tiles and panels.
            unsafe { (self.transforms.inverse)(&inverse) };
        }
    }
}

/// The tiles of a plane, in pixels.
struct Grid {
    side: usize,
    pitch: usize,
    tile: usize,
    /// Tiles a side.
    tiles: usize,
}

impl Grid {
    /// The upper left pixel of a tile's patch, which begins in the border or one pixel before its tile.
    fn corner(&self, tile: usize) -> usize {
        (tile / self.tiles * self.pitch + tile % self.tiles) * self.tile
    }

    fn place(&self, tile: usize, outputs: usize) -> Place {
        let (y, x) = (tile / self.tiles * self.tile, tile % self.tiles * self.tile);
        Place {
            offset: ((y + 1) * self.pitch + x + 1) * outputs,
            rows: self.tile.min(self.side - y),
            columns: self.tile.min(self.side - x),
        }
    }
}

/// `G g Gᵀ` of every kernel, as `[panel][frequency][input][output]`.
fn packed_weights<S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(
    parameters: &Parameters<'_>,
    panels: &Panels,
) -> Aligned {
    let (inputs, width) = (parameters.inputs(), panels.width);
    let kernels = parameters.weights.as_chunks::<9>().0;
    let mut packed = Aligned::zeros(panels.count * IN * IN * inputs * width);
    for (panel, packed) in packed.chunks_exact_mut(IN * IN * inputs * width).enumerate() {
        // Outputs innermost: what is written at once are neighbours at every frequency.
        for input in 0..inputs {
            for column in 0..panels.outputs_in(panel) {
                let kernel = &kernels[(panel * width + column) * inputs + input];
                for (y, row) in transformed::<S, IN, OUT>(kernel).iter().enumerate() {
                    for (x, weight) in row.iter().enumerate() {
                        packed[((y * IN + x) * inputs + input) * width + column] = *weight as f32;
                    }
                }
            }
        }
    }
    packed
}

/// In double precision, because it is done once.
fn transformed<S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(kernel: &[f32; 9]) -> [[f64; IN]; IN] {
    let mut rows = [[0.0; 3]; IN];
    for (row, factors) in rows.iter_mut().zip(&S::WEIGHTS) {
        for (kx, value) in row.iter_mut().enumerate() {
            *value = (0..3).map(|ky| factors[ky] * f64::from(kernel[ky * 3 + kx])).sum();
        }
    }
    rows.map(|row| S::WEIGHTS.map(|factors| (0..3).map(|kx| row[kx] * factors[kx]).sum()))
}
