//! How the work of a convolution is dealt out to threads: in blocks of rows (pixels or tiles) and groups of panels.
#![allow(unsafe_code)] // an address that several threads have

use std::ops::Range;

use rayon::prelude::*;

/// A convolution whose weights take more than this is cut by outputs, so that each thread reads only a part of them.
const SHARED_WEIGHTS_BYTES_MAX: usize = 512 * 1024;

/// The work, and its bounds.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) rows: usize,
    pub(super) panels: usize,
    /// Rows whose patches stay in the second-level cache.
    pub(super) block_rows_max: usize,
    pub(super) weights_bytes: usize,
}

impl Work {
    /// Calls `job` for blocks of rows and groups of panels that cover every row of every panel once.
    pub(super) fn run(&self, job: impl Fn(Range<usize>, Range<usize>) + Sync) {
        let (blocks, groups) = self.cut(rayon::current_num_threads());
        (0..blocks * groups).into_par_iter().with_max_len(1).for_each(|index| {
            job(share(self.rows, blocks, index % blocks), share(self.panels, groups, index / blocks));
        });
    }

    /// Into how many blocks and groups: as few as fit the cache and keep all threads busy to the end.
    fn cut(&self, threads: usize) -> (usize, usize) {
        let blocks = self.rows.div_ceil(self.block_rows_max.max(1)).max(1);
        if threads == 1 {
            (blocks, 1)
        } else if self.weights_bytes > SHARED_WEIGHTS_BYTES_MAX && self.panels >= threads {
            (blocks, threads)
        } else {
            (blocks.next_multiple_of(threads).min(self.rows.max(1)), 1)
        }
    }
}

/// Part `index` of `parts` nearly equal ones.
fn share(total: usize, parts: usize, index: usize) -> Range<usize> {
    total * index / parts..total * (index + 1) / parts
}

/// A plane's memory, in which several jobs write at once, each its own pixels and outputs.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

impl Shared {
    pub(super) fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    pub(super) fn pointer(self) -> *mut f32 {
        self.0
    }
}

// SAFETY: it is only an address. Who writes through it says why no other job writes to the same place.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}
