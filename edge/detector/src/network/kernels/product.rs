//! The register-tiled matrix product under every convolution: rows of values times a panel of weights.
//!
//! A tile of the result (rows × panel) stays in registers over the whole length, so that an instruction in two multiplies
//! and adds: each step loads a vector or two of weights and broadcasts a value of each row. Rows lie at a distance that
//! is known when this is compiled (`STEP`), so that a row costs no register for its address. Panels are as wide as the
//! weights were packed, once, at loading. The result begins with the bias, or with what is there, and leaves with
//! LeakyReLU applied.
#![allow(unsafe_code)] // raw pointers: several threads write into one plane, each its own pixels

use crate::network::lanes::Lanes;

/// Floats of a row that lie side by side, where rows were packed.
pub(in crate::network) const SEGMENT: usize = 16;
/// Floats that come into a cache at once.
const LINE: usize = 16;
/// The widest panel of any instruction set.
const PANEL_MAX: usize = 32;

/// `target[row] = start + Σ_k left[row][k] · weights[k]`, rows by `panel` outputs.
pub(in crate::network) struct Product<'a> {
    /// Value `k` of row `r` is at `k / segment_length * segment_stride + r * STEP + k % segment_length`.
    pub(in crate::network) left: *const f32,
    pub(in crate::network) segments: usize,
    pub(in crate::network) segment_length: usize,
    pub(in crate::network) segment_stride: usize,
    /// `panel` floats for each `k`.
    pub(in crate::network) weights: *const f32,
    /// The weights of the product after this one, which are fetched meanwhile: a network's weights do not stay in the
    /// caches from frame to frame. Nothing is read there, so any address will do.
    pub(in crate::network) next_weights: *const f32,
    /// Width of a row of weights: the kernels' panel or [`SEGMENT`].
    pub(in crate::network) panel: usize,
    pub(in crate::network) target: *mut f32,
    /// Where in `target` the outputs of each row begin; as many as there are rows.
    pub(in crate::network) offsets: &'a [usize],
    /// Outputs that are written, at most `panel`.
    pub(in crate::network) outputs: usize,
    pub(in crate::network) start: Start,
    /// LeakyReLU's slope; 1 changes nothing.
    pub(in crate::network) slope: Option<f32>,
}

/// What a sum begins with.
#[derive(Clone, Copy)]
pub(in crate::network) enum Start {
    Zero,
    /// `panel` floats.
    Bias(*const f32),
    /// What the target holds.
    Target,
}

/// Runs over all rows in tiles of nearly equal height, of `ROWS` at most, which is at most 14.
///
/// # Safety
/// The processor has the instructions of `V`. All reads and writes that [`Product`] describes are inside memory that
/// belongs to the caller, nobody else writes to them meanwhile, and `panel` is one or `WIDE` vectors or [`SEGMENT`].
#[inline(always)]
pub(super) unsafe fn product<V: Lanes, const WIDE: usize, const NARROW: usize, const ROWS: usize, const STEP: usize>(
    product: &Product<'_>,
) {
    let rows = product.offsets.len();
    let tiles = rows.div_ceil(ROWS);
    let mut first = 0;
    for tile in 0..tiles {
        let end = rows * (tile + 1) / tiles;
        // SAFETY: the rows from `first` to `end` are rows of the product.
        unsafe {
            if product.panel == WIDE * V::COUNT {
                rows_of::<V, WIDE, ROWS, STEP>(product, first, end - first);
            } else {
                rows_of::<V, NARROW, ROWS, STEP>(product, first, end - first);
            }
        }
        first = end;
    }
}

/// Picks the tile by its height; heights over `MAX` are not compiled.
#[inline(always)]
unsafe fn rows_of<V: Lanes, const VECTORS: usize, const MAX: usize, const STEP: usize>(
    product: &Product<'_>,
    first: usize,
    rows: usize,
) {
    // SAFETY: handed on.
    unsafe {
        match rows {
            1 if MAX >= 1 => tile::<V, VECTORS, 1, STEP>(product, first),
            2 if MAX >= 2 => tile::<V, VECTORS, 2, STEP>(product, first),
            3 if MAX >= 3 => tile::<V, VECTORS, 3, STEP>(product, first),
            4 if MAX >= 4 => tile::<V, VECTORS, 4, STEP>(product, first),
            5 if MAX >= 5 => tile::<V, VECTORS, 5, STEP>(product, first),
            6 if MAX >= 6 => tile::<V, VECTORS, 6, STEP>(product, first),
            7 if MAX >= 7 => tile::<V, VECTORS, 7, STEP>(product, first),
            8 if MAX >= 8 => tile::<V, VECTORS, 8, STEP>(product, first),
            9 if MAX >= 9 => tile::<V, VECTORS, 9, STEP>(product, first),
            10 if MAX >= 10 => tile::<V, VECTORS, 10, STEP>(product, first),
            11 if MAX >= 11 => tile::<V, VECTORS, 11, STEP>(product, first),
            12 if MAX >= 12 => tile::<V, VECTORS, 12, STEP>(product, first),
            13 if MAX >= 13 => tile::<V, VECTORS, 13, STEP>(product, first),
            14 if MAX >= 14 => tile::<V, VECTORS, 14, STEP>(product, first),
            _ => unreachable!("tiles have 1 to {MAX} rows"),
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const VECTORS: usize, const ROWS: usize, const STEP: usize>(
    product: &Product<'_>,
    first: usize,
) {
    // SAFETY: what is read and written is what the product describes, for rows `first` to `first + ROWS`.
    unsafe {
        let mut sums = begin::<V, VECTORS, ROWS>(product, first);
        let mut weights = product.weights;
        // Once is enough; the other tiles fetch what they have.
        let mut ahead = if first == 0 { product.next_weights } else { weights };
        let mut segment = product.left.add(first * STEP);
        for _ in 0..product.segments {
            for k in 0..product.segment_length {
                let mut vectors = [V::splat(0.0); VECTORS];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = V::load(weights.add(v * V::COUNT));
                }
                for line in (0..VECTORS * V::COUNT).step_by(LINE) {
                    V::prefetch(ahead.wrapping_add(line));
                }
                ahead = ahead.wrapping_add(VECTORS * V::COUNT);
                weights = weights.add(VECTORS * V::COUNT);
                let left = segment.add(k);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*left.add(row * STEP));
                    for (sum, vector) in sums.iter_mut().zip(vectors) {
                        *sum = value.mul_add(vector, *sum);
                    }
                }
            }
            segment = segment.wrapping_add(product.segment_stride);
        }
        end(product, first, sums);
    }
}

#[inline(always)]
unsafe fn begin<V: Lanes, const VECTORS: usize, const ROWS: usize>(
    product: &Product<'_>,
    first: usize,
) -> [[V; VECTORS]; ROWS] {
    // SAFETY: a bias is `panel` floats; of the target no more than `outputs` floats a row are read.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        match product.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for v in 0..VECTORS {
                    let bias = V::load(bias.add(v * V::COUNT));
                    for sums in &mut sums {
                        sums[v] = bias;
                    }
                }
            }
            Start::Target => {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let mut from: *const f32 = product.target.add(product.offsets[first + row]);
                    let mut edge = [0.0; PANEL_MAX];
                    if product.outputs < product.panel {
                        from.copy_to_nonoverlapping(edge.as_mut_ptr(), product.outputs);
                        from = edge.as_ptr();
                    }
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(from.add(v * V::COUNT));
                    }
                }
            }
        }
        sums
    }
}

#[inline(always)]
unsafe fn end<V: Lanes, const VECTORS: usize, const ROWS: usize>(
    product: &Product<'_>,
    first: usize,
    mut sums: [[V; VECTORS]; ROWS],
) {
    // SAFETY: no more than `outputs` floats a row are written.
    unsafe {
        if let Some(slope) = product.slope {
            let slope = V::splat(slope);
            for sum in sums.iter_mut().flatten() {
                *sum = sum.max(sum.mul(slope));
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let target = product.target.add(product.offsets[first + row]);
            let mut edge = [0.0; PANEL_MAX];
            let whole = product.outputs == product.panel;
            let to = if whole { target } else { edge.as_mut_ptr() };
            for (v, sum) in sums.iter().enumerate() {
                sum.store(to.add(v * V::COUNT));
            }
            if !whole {
                target.copy_from_nonoverlapping(edge.as_ptr(), product.outputs);
            }
        }
    }
}
