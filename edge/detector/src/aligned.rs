//! Floats that begin at a cache line, so that no vector of them lies across two.

use std::ops::{Deref, DerefMut};

/// What a cache line is on the machines at hand, and what the widest vector is.
const LINE_BYTES: usize = 64;

/// A slice of fixed length.
pub(crate) struct Aligned {
    /// With room for moving the beginning; never grows, so it never moves.
    values: Vec<f32>,
    start: usize,
    length: usize,
}

impl Aligned {
    pub(crate) fn zeros(length: usize) -> Self {
        let values = vec![0.0; length + LINE_BYTES / size_of::<f32>()];
        // Without a beginning that fits (which the documentation of `align_offset` allows) it is only slower.
        let start = values.as_ptr().align_offset(LINE_BYTES).min(values.len() - length);
        Self { values, start, length }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..][..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..][..self.length]
    }
}
