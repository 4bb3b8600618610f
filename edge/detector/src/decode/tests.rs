//! Tests of decoding: boxes worked out by hand, and numbers that are none.

use super::*;
use crate::ClassSet;

const SIDES: [usize; 3] = [4, 2, 1];

/// Grids of a picture of 32 × 32 in which nothing is: every logit of a class is −20.
struct Grids([Vec<[f32; CELL_CHANNELS]>; 3]);

impl Grids {
    fn empty() -> Self {
        let mut cell = [0.0; CELL_CHANNELS];
        cell[..ClassId::COUNT].fill(-20.0);
        Self(SIDES.map(|side| vec![cell; side * side]))
    }

    fn filled(value: f32) -> Self {
        Self(SIDES.map(|side| vec![[value; CELL_CHANNELS]; side * side]))
    }

    /// A cell that sees the class with this logit, all distances certainly `bin`.
    fn see(mut self, level: usize, cell: usize, class: ClassId, logit: f32, bin: usize) -> Self {
        let values = &mut self.0[level][cell];
        values[class.index()] = logit;
        for side in 0..4 {
            values[ClassId::COUNT + side * BINS + bin] = 50.0;
        }
        self
    }

    fn boxes(&self, options: &DetectOptions) -> Vec<(usize, [f32; 4], f32)> {
        let [a, b, c] = &self.0;
        let grids = [(a, 4), (b, 2), (c, 1)].map(|(cells, side)| Grid {
            side,
            pitch: side * CELL_CHANNELS,
            values: cells.as_flattened(),
        });
        let mut found = candidates(&grids, options);
        suppress(&mut found, options.nms_iou);
        found.iter().flatten().map(|b| (b.data.index(), [b.xmin, b.ymin, b.xmax, b.ymax], b.confidence)).collect()
    }
}

#[test]
fn a_cell_gives_the_box_around_its_centre() {
    // Level 0, stride 8, cell 6 of a 4×4 grid: column 2, row 1, centre (20, 12); one bin is 8 pixels.
    let grids = Grids::empty().see(0, 6, ClassId::PERSON, 3.0, 1);
    let found = grids.boxes(&DetectOptions::default());
    assert_eq!(found.len(), 1);
    let (class, corners, confidence) = found[0];
    assert_eq!(class, 0);
    for (found, expected) in corners.iter().zip([12.0, 4.0, 28.0, 20.0]) {
        assert!((found - expected).abs() < 1e-3, "{corners:?}");
    }
    assert!((confidence - 0.952_574).abs() < 1e-5);
}

#[test]
fn an_undecided_distance_is_the_mean_of_its_bins() {
    assert!((expectation(&[0.0; BINS]) - 5.0).abs() < 1e-6);
    assert!((expectation(&[1000.0; BINS]) - 5.0).abs() < 1e-6, "large logits do not overflow");
    let mut two = [f32::MIN; BINS];
    (two[3], two[4]) = (7.0, 7.0);
    assert!((expectation(&two) - 3.5).abs() < 1e-6);
}

#[test]
fn the_weaker_of_two_boxes_goes_if_they_are_of_one_class() {
    let dog = ClassId::from_name("dog").unwrap();
    // Cells 5 of stride 8 and 0 of stride 16 lie at (12, 12) and (8, 8), with boxes of 48 and 64 pixels a side.
    let crowd = Grids::empty().see(0, 5, ClassId::PERSON, 2.0, 3).see(1, 0, ClassId::PERSON, 1.0, 2);
    assert_eq!(crowd.boxes(&DetectOptions { nms_iou: 0.4, ..Default::default() }).len(), 1);
    assert_eq!(crowd.boxes(&DetectOptions { nms_iou: 1.0, ..Default::default() }).len(), 2);
    let pets = Grids::empty().see(0, 5, ClassId::PERSON, 2.0, 3).see(1, 0, dog, 1.0, 2);
    assert_eq!(pets.boxes(&DetectOptions { nms_iou: 0.4, ..Default::default() }).len(), 2);
    let people = DetectOptions { classes: ClassSet::PERSON, ..Default::default() };
    assert_eq!(pets.boxes(&people).iter().map(|found| found.0).collect::<Vec<_>>(), [0]);
}

#[test]
fn the_threshold_is_a_threshold() {
    let grids = Grids::empty().see(2, 0, ClassId::PERSON, 0.0, 1);
    assert_eq!(grids.boxes(&DetectOptions { threshold: 0.5, ..Default::default() }).len(), 1);
    assert_eq!(grids.boxes(&DetectOptions { threshold: 0.501, ..Default::default() }).len(), 0);
}

#[test]
fn numbers_that_are_none_give_no_box() {
    let everything = DetectOptions { threshold: 0.0, ..Default::default() };
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(Grids::filled(value).boxes(&everything), []);
    }
    for value in [f32::MAX, f32::MIN] {
        let found = Grids::filled(value).boxes(&everything);
        assert!(found.iter().all(|(_, corners, score)| corners.iter().chain([score]).all(|n| n.is_finite())));
    }
}
