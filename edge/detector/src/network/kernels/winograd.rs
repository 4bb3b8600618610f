//! The transforms of Winograd's convolution: patches of pixels into a space where a 3×3 convolution is a product, and
//! back. A tile of `OUT`×`OUT` outputs takes (`OUT` + 2)² multiplications instead of 9·`OUT`²: 36 for 144 with
//! [`Four`], 16 for 36 with [`Two`].
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), sections 4.1 and 4.3, over the points
//! 0, ±1, ±2, ∞ and 0, ±1, ∞: `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`. A vector works on as many channels at once.
#![allow(unsafe_code)] // raw pointers, as in `product`

use super::product::SEGMENT;
use crate::network::lanes::Lanes;

/// One dimension of a transform; two are one after the other.
pub(in crate::network) trait Scheme<const IN: usize, const OUT: usize> {
    /// G: from three weights to `IN`.
    const WEIGHTS: [[f64; 3]; IN];

    /// Bᵀ.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn forward<V: Lanes>(values: [V; IN]) -> [V; IN];

    /// Aᵀ.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn inverse<V: Lanes>(values: [V; IN]) -> [V; OUT];
}

/// Tiles of 4×4.
pub(in crate::network) struct Four;
/// Tiles of 2×2.
pub(in crate::network) struct Two;

impl Scheme<6, 4> for Four {
    const WEIGHTS: [[f64; 3]; 6] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn forward<V: Lanes>([a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
        // SAFETY: handed on.
        unsafe {
            let (two, four, minus_four, minus_five) = (V::splat(2.0), V::splat(4.0), V::splat(-4.0), V::splat(-5.0));
            let (even, odd) = (c.mul_add(minus_four, e), b.mul_add(minus_four, d));
            let (even_far, odd_far) = (e.sub(c), d.sub(b).mul(two));
            [
                a.mul_add(four, c.mul_add(minus_five, e)),
                even.add(odd),
                even.sub(odd),
                even_far.add(odd_far),
                even_far.sub(odd_far),
                b.mul_add(four, d.mul_add(minus_five, f)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn inverse<V: Lanes>([a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
        // SAFETY: handed on.
        unsafe {
            let (near, near_odd, far, far_odd) = (b.add(c), b.sub(c), d.add(e), d.sub(e));
            [
                a.add(near).add(far),
                far_odd.mul_add(V::splat(2.0), near_odd),
                far.mul_add(V::splat(4.0), near),
                far_odd.mul_add(V::splat(8.0), near_odd).add(f),
            ]
        }
    }
}

impl Scheme<4, 2> for Two {
    const WEIGHTS: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

    #[inline(always)]
    unsafe fn forward<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 4] {
        // SAFETY: handed on.
        unsafe { [a.sub(c), b.add(c), c.sub(b), d.sub(b)] }
    }

    #[inline(always)]
    unsafe fn inverse<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 2] {
        // SAFETY: handed on.
        unsafe { [a.add(b).add(c), b.sub(c).add(d)] }
    }
}

/// Patches of `IN`×`IN` pixels of a plane into `[frequency][segment][tile][16]`.
pub(in crate::network) struct Forward<'a> {
    pub(in crate::network) source: *const f32,
    /// Where in `source` the upper left pixel of each tile's patch is.
    pub(in crate::network) origins: &'a [usize],
    /// Floats from a pixel to the next: a multiple of [`SEGMENT`].
    pub(in crate::network) channels: usize,
    /// Floats from a row of pixels to the next.
    pub(in crate::network) row_stride: usize,
    pub(in crate::network) target: *mut f32,
    /// Floats from one frequency to the next; from one segment to the next it is `origins.len() * SEGMENT`.
    pub(in crate::network) frequency_stride: usize,
}

/// # Safety
/// The processor has the instructions of `V`; the reads and writes that [`Forward`] describes are inside memory that
/// belongs to the caller.
#[inline(always)]
pub(super) unsafe fn forward<V: Lanes, S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(job: &Forward<'_>) {
    let segment_stride = job.origins.len() * SEGMENT;
    for (tile, origin) in job.origins.iter().enumerate() {
        for channel in (0..job.channels).step_by(V::COUNT) {
            // SAFETY: the patch lies inside the plane, and the place of its tile, segment and lane in the target.
            unsafe {
                let from = job.source.add(origin + channel);
                let to = job.target.add(channel / SEGMENT * segment_stride + tile * SEGMENT + channel % SEGMENT);
                let mut columns = [[V::splat(0.0); IN]; IN];
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut pixels = [V::splat(0.0); IN];
                    for (y, pixel) in pixels.iter_mut().enumerate() {
                        *pixel = V::load(from.add(y * job.row_stride + x * job.channels));
                    }
                    *column = S::forward(pixels);
                }
                for y in 0..IN {
                    let mut row = [V::splat(0.0); IN];
                    for (value, column) in row.iter_mut().zip(&columns) {
                        *value = column[y];
                    }
                    for (x, value) in S::forward(row).into_iter().enumerate() {
                        value.store(to.add((y * IN + x) * job.frequency_stride));
                    }
                }
            }
        }
    }
}

/// `[frequency][tile][panel]` into tiles of `OUT`×`OUT` pixels of a plane, with bias and LeakyReLU.
pub(in crate::network) struct Inverse<'a> {
    pub(in crate::network) source: *const f32,
    pub(in crate::network) tiles: &'a [Place],
    /// Outputs a tile has in `source`: a multiple of the vectors' length.
    pub(in crate::network) panel: usize,
    /// Floats from one frequency to the next.
    pub(in crate::network) frequency_stride: usize,
    /// `panel` floats.
    pub(in crate::network) bias: *const f32,
    pub(in crate::network) slope: Option<f32>,
    pub(in crate::network) target: *mut f32,
    /// Floats from a pixel of the target to the next, and from a row to the next.
    pub(in crate::network) pixel_stride: usize,
    pub(in crate::network) row_stride: usize,
}

/// Where a tile's outputs go, and how many of its rows and columns are inside the plane.
#[derive(Clone, Copy)]
pub(in crate::network) struct Place {
    pub(in crate::network) offset: usize,
    pub(in crate::network) rows: usize,
    pub(in crate::network) columns: usize,
}

/// # Safety
/// The processor has the instructions of `V`; the reads and writes that [`Inverse`] describes are inside memory that
/// belongs to the caller, and nobody else writes to them meanwhile.
#[inline(always)]
pub(super) unsafe fn inverse<V: Lanes, S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(job: &Inverse<'_>) {
    for (tile, place) in job.tiles.iter().enumerate() {
        for output in (0..job.panel).step_by(V::COUNT) {
            // SAFETY: the tile's values are in the source, its pixels that are written in the target.
            unsafe {
                let from = job.source.add(tile * job.panel + output);
                let mut columns = [[V::splat(0.0); OUT]; IN];
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut values = [V::splat(0.0); IN];
                    for (y, value) in values.iter_mut().enumerate() {
                        *value = V::load(from.add((y * IN + x) * job.frequency_stride));
                    }
                    *column = S::inverse(values);
                }
                let bias = V::load(job.bias.add(output));
                let slope = V::splat(job.slope.unwrap_or(1.0));
                let to = job.target.add(place.offset + output);
                for y in 0..OUT {
                    let mut row = [V::splat(0.0); IN];
                    for (value, column) in row.iter_mut().zip(&columns) {
                        *value = column[y];
                    }
                    for (x, sum) in S::inverse(row).into_iter().enumerate() {
                        if y < place.rows && x < place.columns {
                            let sum = sum.add(bias);
                            sum.max(sum.mul(slope)).store(to.add(y * job.row_stride + x * job.pixel_stride));
                        }
                    }
                }
            }
        }
    }
}
