//! The boxes that SSDLite corrects: where they stand, how large they are, and how a correction is read.
//!
//! The TensorFlow Object Detection API spreads six scales evenly from 0.2 to 0.95 of the picture, with five shapes each and
//! a square between each scale and the next; the finest grid has three boxes of its own. Its pictures are 300 pixels a
//! side. Here a box keeps its size in pixels at every input size: the weights know what 60 pixels look like, not what a
//! fifth of the picture does. A larger input thus finds smaller things.

use super::architecture::{ANCHORS, LEVELS};

/// The side of the pictures that the weights were trained on, in pixels.
const TRAINED_SIDE: f32 = 300.0;
/// Scales of the levels, and of the square after the last.
const SCALES: [f32; LEVELS + 1] = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0];
/// The finest grid's boxes as (scale, width over height).
const FINEST: [(f32, f32); 3] = [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)];
/// Width over height of the first five boxes of the other grids. The thin one is not quite a third in the original.
const SHAPES: [f32; 5] = [1.0, 2.0, 0.5, 3.0, 0.3333];
/// Corrections of the centre and of the logarithm of a side are learnt so many times larger.
const CENTRE_SCALE: f32 = 10.0;
const SIDE_SCALE: f32 = 5.0;

/// The boxes of one grid at one input size.
pub(super) struct Anchors {
    /// Cells a side.
    cells: usize,
    /// Pixels from cell to cell.
    step: f32,
    /// Widths and heights of a cell's boxes, in pixels.
    sides: Vec<[f32; 2]>,
}

impl Anchors {
    pub(super) fn of(level: usize, cells: usize, input_size: u32) -> Self {
        let side = |(scale, shape): (f32, f32)| {
            [scale * shape.sqrt(), scale / shape.sqrt()].map(|fraction| fraction * TRAINED_SIDE)
        };
        let sides = if level == 0 {
            FINEST.map(side).to_vec()
        } else {
            let between = (SCALES[level] * SCALES[level + 1]).sqrt();
            SHAPES.map(|shape| (SCALES[level], shape)).into_iter().chain([(between, 1.0)]).map(side).collect()
        };
        debug_assert_eq!(sides.len(), ANCHORS[level]);
        Self { cells, step: input_size as f32 / cells as f32, sides }
    }

    /// The box `index`, counted over cells and then over the boxes of a cell, corrected by (y, x, height, width): its
    /// (x1, y1, x2, y2) in pixels of the input.
    pub(super) fn corners(&self, index: usize, [y, x, height, width]: &[f32; 4]) -> [f32; 4] {
        let (cell, [own_width, own_height]) = (index / self.sides.len(), self.sides[index % self.sides.len()]);
        let centre = |cell: usize, correction: f32, side: f32| {
            (cell as f32 + 0.5) * self.step + correction / CENTRE_SCALE * side
        };
        let centre_x = centre(cell % self.cells, *x, own_width);
        let centre_y = centre(cell / self.cells, *y, own_height);
        let half_width = (width / SIDE_SCALE).exp() * own_width / 2.0;
        let half_height = (height / SIDE_SCALE).exp() * own_height / 2.0;
        [centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height]
    }
}
