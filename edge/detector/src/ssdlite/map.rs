//! Activations between two steps: a square of pixels, channels last, no border.

/// A square map, rows from top to bottom.
pub(super) struct Map {
    side: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Map {
    /// All zeros.
    pub(super) fn new(side: usize, channels: usize) -> Self {
        Self { side, channels, values: vec![0.0; side * side * channels] }
    }

    /// Pixels a side.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// All pixels.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Values of a row.
    pub(super) fn pitch(&self) -> usize {
        self.side * self.channels
    }

    /// The pixels of these rows.
    pub(super) fn rows(&self, rows: std::ops::Range<usize>) -> &[f32] {
        &self.values[rows.start * self.pitch()..rows.end * self.pitch()]
    }
}
