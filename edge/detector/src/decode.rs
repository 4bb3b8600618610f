//! From a network's raw outputs to boxes: sigmoid, expected distances, suppression. Pure numbers, no network.
//! Distances and grids are NanoDet's; the search among logits and the suppression serve every model.

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

/// Boxes in pixels of the network's input: a list for each class, in the order of the classes.
pub(crate) type Candidates = Vec<Vec<Bbox<ClassId>>>;

/// What NanoDet's grids, in the order of [`STRIDES`], say, before suppression. No coordinate and no confidence is NaN,
/// whatever the network said.
pub(crate) fn candidates(grids: &[Grid<'_>; 3], options: &DetectOptions) -> Candidates {
    let search = Search::new(options);
    let mut by_class: Candidates = vec![Vec::new(); ClassId::COUNT];
    for (grid, stride) in grids.iter().zip(STRIDES) {
        for row in 0..grid.side {
            let cells = grid.values[row * grid.pitch..].as_chunks::<CELL_CHANNELS>().0;
            for (column, cell) in cells.iter().take(grid.side).enumerate() {
                let logits = &cell[..ClassId::COUNT];
                search.collect(logits, || cell_box(cell, column, row, stride as f32), &mut by_class);
            }
        }
    }
    by_class
}

/// Of two boxes of one class that overlap more than `nms_iou` the weaker is dropped.
pub(crate) fn suppress(by_class: &mut [Vec<Bbox<ClassId>>], nms_iou: f32) {
    for candidates in by_class.iter_mut() {
        if candidates.len() > CANDIDATES_MAX {
            candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
            candidates.truncate(CANDIDATES_MAX);
        }
    }
    non_maximum_suppression(by_class, nms_iou);
}

/// What counts as seen.
pub(crate) struct Search {
    classes: Vec<ClassId>,
    threshold: f32,
    logit_floor: f32,
}

impl Search {
    pub(crate) fn new(options: &DetectOptions) -> Self {
        Self {
            classes: ClassId::all().filter(|class| options.classes.contains(*class)).collect(),
            threshold: options.threshold,
            logit_floor: logit_floor(options.threshold),
        }
    }

    /// Adds a box to every class that is seen in it. `logits` begin with that of class 0 and may end early.
    pub(crate) fn collect(&self, logits: &[f32], corners: impl Fn() -> [f32; 4], by_class: &mut [Vec<Bbox<ClassId>>]) {
        if !any_reaches(logits, self.logit_floor) {
            return;
        }
        for class in &self.classes {
            let Some(&logit) = logits.get(class.index()) else { break };
            // Nearly every logit ends here, before an exponential is paid for it.
            if logit.is_nan() || logit < self.logit_floor {
                continue;
            }
            let confidence = sigmoid(logit);
            let [xmin, ymin, xmax, ymax] = corners();
            if confidence >= self.threshold && [xmin, ymin, xmax, ymax].iter().all(|side| side.is_finite()) {
                by_class[class.index()].push(Bbox { xmin, ymin, xmax, ymax, confidence, data: *class });
            }
        }
    }
}

/// The box of a cell, (x1, y1, x2, y2) in input pixels.
fn cell_box(cell: &[f32; CELL_CHANNELS], column: usize, row: usize, stride: f32) -> [f32; 4] {
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

/// Whether there is anything to look at in a cell: in nearly all there is not, and to see that without leaving early is
/// quicker, because it is done with vectors.
fn any_reaches(logits: &[f32], floor: f32) -> bool {
    logits.iter().fold(false, |any, logit| any | (*logit >= floor))
}

/// A logit under which no sigmoid reaches the threshold; a little low, so that rounding loses nothing.
fn logit_floor(threshold: f32) -> f32 {
    let threshold = threshold.min(0.999);
    (threshold / (1.0 - threshold)).ln() - 0.01
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests;
