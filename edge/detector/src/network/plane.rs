//! Activations of one layer: a square of pixels, channels last, inside a border of zeros one pixel wide.
//!
//! ```text
//!   0 0 0 0 0      The border is the padding of the next 3×3 convolution. Because it is really there, the 3 × channels
//!   0 a b c 0      values under a row of the kernel lie side by side in memory, and those of the next pixel begin
//!   0 d e f 0      `channels` further on: the matrix of patches need not be built, it is already the plane, read with
//!   0 g h i 0      overlapping rows. And because the right border of a row is followed by the left border of the
//!   0 0 0 0 0      next, that goes on over the ends of rows.
//! ```

/// A square plane. The border is zero whenever a layer reads it: whoever writes over it puts it back.
pub(crate) struct Plane {
    side: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Plane {
    /// All zeros.
    pub(crate) fn new(side: usize, channels: usize) -> Self {
        Self { side, channels, values: vec![0.0; (side + 2) * (side + 2) * channels] }
    }

    /// Pixels a side, without the border.
    pub(crate) fn side(&self) -> usize {
        self.side
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Pixels from one row to the next: the border is part of a row.
    pub(crate) fn row_pixels(&self) -> usize {
        self.side + 2
    }

    /// Everything, from the border's first pixel.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
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

    /// All rows with the pixels of the border left and right of them.
    pub(crate) fn bordered_rows_mut(&mut self) -> &mut [f32] {
        let row = self.row_pixels() * self.channels;
        &mut self.values[row..][..row * self.side]
    }

    /// The pixels of each row inside the border.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (row, border) = (self.row_pixels() * self.channels, self.channels);
        self.bordered_rows_mut().chunks_exact_mut(row).map(move |row| {
            let end = row.len() - border;
            &mut row[border..end]
        })
    }
}
