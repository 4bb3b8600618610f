//! Lays the patches of pixels out for the product: `[segment][row][16]`. The rows of a tile are then at one distance
//! whatever the plane's width, and come from few cache lines; it costs one copy of what is read hundreds of times.
#![allow(unsafe_code)] // raw pointers, as in `product`

use super::product::SEGMENT;
use crate::network::lanes::Lanes;

/// Copies `length` floats from each origin into segments; what is left of the last segment becomes zero.
pub(in crate::network) struct Pack<'a> {
    pub(in crate::network) source: *const f32,
    /// Where in `source` each row's floats begin.
    pub(in crate::network) origins: &'a [usize],
    pub(in crate::network) length: usize,
    /// `origins.len() * SEGMENT` floats for each segment begun.
    pub(in crate::network) target: *mut f32,
}

/// # Safety
/// The processor has the instructions of `V`; the reads and writes that [`Pack`] describes are inside memory that belongs
/// to the caller.
#[inline(always)]
pub(super) unsafe fn pack<V: Lanes>(pack: &Pack<'_>) {
    let (whole, rest) = (pack.length / SEGMENT, pack.length % SEGMENT);
    let segment_stride = pack.origins.len() * SEGMENT;
    for (row, origin) in pack.origins.iter().enumerate() {
        // SAFETY: the row has `length` floats, and the target a place for them.
        unsafe {
            let mut from = pack.source.add(*origin);
            let mut to = pack.target.add(row * SEGMENT);
            for _ in 0..whole {
                for lane in (0..SEGMENT).step_by(V::COUNT) {
                    V::load(from.add(lane)).store(to.add(lane));
                }
                from = from.add(SEGMENT);
                to = to.wrapping_add(segment_stride);
            }
            if rest > 0 {
                from.copy_to_nonoverlapping(to, rest);
                to.add(rest).write_bytes(0, SEGMENT - rest);
            }
        }
    }
}
