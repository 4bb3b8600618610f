//! From the network's raw outputs to boxes: sigmoid, expected distances, suppression. Pure numbers, no network.

use candle_transformers::object_detection::{Bbox, non_maximum_suppression};

use crate::architecture::STRIDES;
use crate::{ClassId, DetectOptions};

/// Distances are distributions over this many bins, in units of the stride.
const BINS: usize = 11;
/// Channels of a cell: a logit a class, then left, top, right and bottom of [`BINS`] each.
pub(crate) const CELL_CHANNELS: usize = ClassId::COUNT + 4 * BINS;
/// Candidates of one class that reach suppression, best first: its cost grows with their square.
const CANDIDATES_MAX: usize = 1000;

/// What a head says about its grid: a row of [`CELL_CHANNELS`] a cell.
pub(crate) struct Grid<'a> {
    /// Cells a side.
    pub(crate) side: usize,
    /// Floats from one row of cells to the next.
    pub(crate) pitch: usize,
    /// Begins at the first cell.
    pub(crate) values: &'a [f32],
}

/// Boxes in pixels of the network's input, per class, after suppression. `grids` stand in the order of
/// [`STRIDES`]. No coordinate and no confidence is NaN, whatever the network said.
pub(crate) fn boxes(grids: &[Grid<'_>; 3], options: &DetectOptions) -> Vec<Vec<Bbox<ClassId>>> {
    let wanted: Vec<ClassId> = ClassId::all().filter(|class| options.classes.contains(*class)).collect();
    let mut by_class: Vec<Vec<Bbox<ClassId>>> = vec![Vec::new(); ClassId::COUNT];
    for (grid, stride) in grids.iter().zip(STRIDES) {
        for row in 0..grid.side {
            let cells = grid.values[row * grid.pitch..].as_chunks::<CELL_CHANNELS>().0;
            for (column, cell) in cells.iter().take(grid.side).enumerate() {
                collect_cell(cell, (column, row), stride as f32, &wanted, options.threshold, &mut by_class);
            }
        }
    }
    for candidates in &mut by_class {
        if candidates.len() > CANDIDATES_MAX {
            candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
            candidates.truncate(CANDIDATES_MAX);
        }
    }
    non_maximum_suppression(&mut by_class, options.nms_iou);
    by_class
}

fn collect_cell(
    cell: &[f32; CELL_CHANNELS],
    (column, row): (usize, usize),
    stride: f32,
    wanted: &[ClassId],
    threshold: f32,
    by_class: &mut [Vec<Bbox<ClassId>>],
) {
    let mut corners = None;
    for class in wanted {
        let confidence = sigmoid(cell[class.index()]);
        // A NaN is not over any threshold.
        if !(confidence >= threshold) {
            continue;
        }
        let [xmin, ymin, xmax, ymax] = *corners.get_or_insert_with(|| cell_box(cell, (column, row), stride));
        if [xmin, ymin, xmax, ymax].iter().all(|side| side.is_finite()) {
            by_class[class.index()].push(Bbox { xmin, ymin, xmax, ymax, confidence, data: *class });
        }
    }
}

/// The box of a cell, (x1, y1, x2, y2) in input pixels.
fn cell_box(cell: &[f32; CELL_CHANNELS], (column, row): (usize, usize), stride: f32) -> [f32; 4] {
    let (x, y) = ((column as f32 + 0.5) * stride, (row as f32 + 0.5) * stride);
    let distance = |side: usize| expectation(&cell[ClassId::COUNT + side * BINS..][..BINS]) * stride;
    [x - distance(0), y - distance(1), x + distance(2), y + distance(3)]
}

/// The mean bin of a softmax over logits.
fn expectation(logits: &[f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut weighted, mut total) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - largest).exp();
        weighted += weight * bin as f32;
        total += weight;
    }
    weighted / total
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests;
