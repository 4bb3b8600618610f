//! Activations of one layer: a square of pixels, channels last, inside a border of zeros.
//!
//! ```text
//!   0 0 0 0 0 0      The border is the padding of the next 3×3 convolution. Because it is really there, what lies under
//!   0 a b c 0 0      a row of the kernel is one run of 3 × channels values, at the edge as elsewhere. On the right and
//!   0 d e f 0 0      below it is wider where the side is no multiple of four, so that a patch for a tile of 4×4 outputs
//!   0 g h i 0 0      that reaches over the edge finds zeros there.
//!   0 0 0 0 0 0
//!   0 0 0 0 0 0
//! ```

use crate::aligned::Aligned;

/// The largest tile of outputs that a kernel computes at once, a side.
const TILE: usize = 4;

/// A square plane. The border is zero, always: nothing writes to it.
pub(crate) struct Plane {
    side: usize,
    channels: usize,
    values: Aligned,
}

impl Plane {
    /// All zeros.
    pub(crate) fn new(side: usize, channels: usize) -> Self {
        let row_pixels = row_pixels(side);
        Self { side, channels, values: Aligned::zeros(row_pixels * row_pixels * channels) }
    }

    /// Pixels a side, without the border.
    pub(crate) fn side(&self) -> usize {
        self.side
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Pixels from one row to the next, and rows in all: the border is part of them.
    pub(crate) fn row_pixels(&self) -> usize {
        row_pixels(self.side)
    }

    /// Everything, from the border's first pixel.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// As [`Plane::values`]. Whoever takes it leaves the border as it is.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// From the first pixel inside the border to the end.
    pub(crate) fn interior(&self) -> &[f32] {
        &self.values[(self.row_pixels() + 1) * self.channels..]
    }

    /// The pixels of row `y`, 0 the first inside the border.
    pub(crate) fn row(&self, y: usize) -> &[f32] {
        let first = (y + 1) * self.row_pixels() + 1;
        &self.values[first * self.channels..][..self.side * self.channels]
    }

    /// The pixels of each row inside the border.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (row, border, inside) = (self.row_pixels() * self.channels, self.channels, self.side * self.channels);
        self.values[row..].chunks_exact_mut(row.max(1)).take(self.side).map(move |row| &mut row[border..][..inside])
    }
}

fn row_pixels(side: usize) -> usize {
    side.next_multiple_of(TILE) + 2
}
