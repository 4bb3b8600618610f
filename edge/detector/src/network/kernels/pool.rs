//! Max pool of 3×3 at stride 2 over rows that were just computed, while they are in the cache.
#![allow(unsafe_code)] // raw pointers, as in `product`

use crate::network::lanes::Lanes;

/// One row of pooled pixels from three rows of pixels twice as many, channels last.
pub(in crate::network) struct Pool {
    /// Upper, middle and lower; the first pixel of each.
    pub(in crate::network) rows: [*const f32; 3],
    /// Floats of a pixel: a multiple of the vectors' length.
    pub(in crate::network) channels: usize,
    /// Pooled pixels.
    pub(in crate::network) pixels: usize,
    pub(in crate::network) target: *mut f32,
}

/// The padding on the left holds nothing greater than what stands beside it: there the first pixel is taken twice.
///
/// # Safety
/// The processor has the instructions of `V`; the reads and writes that [`Pool`] describes are inside memory that belongs
/// to the caller, and nobody else writes to them meanwhile.
#[inline(always)]
pub(super) unsafe fn pool<V: Lanes>(job: &Pool) {
    for channel in (0..job.channels).step_by(V::COUNT) {
        // SAFETY: the pixels `2 * x` and `2 * x + 1` of every row are there for each pooled pixel `x`.
        unsafe {
            let column = |x: usize| {
                let [upper, middle, lower] = job.rows.map(|row| V::load(row.add(x * job.channels + channel)));
                upper.max(middle).max(lower)
            };
            let mut before = column(0);
            for x in 0..job.pixels {
                let (left, right) = (column(2 * x), column(2 * x + 1));
                before.max(left).max(right).store(job.target.add(x * job.channels + channel));
                before = right;
            }
        }
    }
}
