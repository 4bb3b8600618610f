//! Areas of a picture that nobody may look at: a neighbour's window, a desk. They are made black before anything else
//! sees the picture, and movement in them counts for nothing.

use crate::Picture;

/// The corners of an area, from 0 (left, top) to 1 (right, bottom), so that they hold at every resolution.
pub type Polygon = Vec<[f32; 2]>;

/// Why an area is none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MaskError {
    /// A polygon needs three corners.
    #[error("area {area} has {corners} corners, and a polygon has at least 3")]
    Corners { area: usize, corners: usize },
    /// A corner outside the picture.
    #[error("area {area} has a corner at {x}, {y}, and corners are 0 to 1")]
    Outside { area: usize, x: f32, y: f32 },
}

/// The areas of one camera.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    polygons: Vec<Polygon>,
    /// The runs for the size that was blanked last.
    runs: Runs,
}

/// What is blanked of a picture of one size.
#[derive(Clone, Debug, Default)]
struct Runs {
    width: u32,
    height: u32,
    runs: Vec<Run>,
}

/// Pixels `from..to` of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    row: u32,
    from: u32,
    to: u32,
}

impl Mask {
    /// Takes the areas; an empty list blanks nothing.
    ///
    /// # Errors
    /// The first area that is no polygon within the picture.
    pub fn new(polygons: &[Polygon]) -> Result<Self, MaskError> {
        for (area, polygon) in polygons.iter().enumerate() {
            if polygon.len() < 3 {
                return Err(MaskError::Corners { area, corners: polygon.len() });
            }
            let is_outside = |corner: &&[f32; 2]| !corner.iter().all(|side| (0.0..=1.0).contains(side));
            if let Some(&[x, y]) = polygon.iter().find(is_outside) {
                return Err(MaskError::Outside { area, x, y });
            }
        }
        Ok(Self { polygons: polygons.to_vec(), runs: Runs::default() })
    }

    /// Makes the areas black, and with them the pixels that an edge goes through: what is narrower than a ninth of a
    /// pixel's height may stay.
    pub fn blank(&mut self, picture: &mut Picture) {
        if self.polygons.is_empty() {
            return;
        }
        if (self.runs.width, self.runs.height) != (picture.width, picture.height) {
            self.runs = Runs::of(&self.polygons, picture.width, picture.height);
        }
        let width = picture.width as usize;
        for run in &self.runs.runs {
            let start = run.row as usize * width;
            let (from, to) = ((start + run.from as usize) * 3, (start + run.to as usize) * 3);
            if let Some(pixels) = picture.pixels.get_mut(from..to) {
                pixels.fill(0);
            }
        }
    }

    /// Which cells of a grid over the picture are in an area; an empty list where there is none.
    pub fn cells(&self, columns: usize, rows: usize) -> Vec<bool> {
        if self.polygons.is_empty() {
            return Vec::new();
        }
        let mut cells = vec![false; columns * rows];
        for run in Runs::of(&self.polygons, columns as u32, rows as u32).runs {
            let start = run.row as usize * columns;
            cells[start + run.from as usize..start + run.to as usize].fill(true);
        }
        cells
    }
}

impl Runs {
    fn of(polygons: &[Polygon], width: u32, height: u32) -> Self {
        let rows = (0..height).flat_map(|row| row_of(polygons, row, width, height));
        Self { width, height, runs: rows.collect() }
    }
}

/// Lines in a row of pixels along which it is looked at; odd, so that its middle is among them.
const SUBROWS: u32 = 9;

/// The runs of one row, apart from each other and from left to right.
fn row_of(polygons: &[Polygon], row: u32, width: u32, height: u32) -> Vec<Run> {
    let lines = (0..SUBROWS).map(|line| (row as f32 + (line as f32 + 0.5) / SUBROWS as f32) / height as f32);
    let spans = lines.flat_map(|line| polygons.iter().flat_map(move |polygon| spans_of(polygon, line, width)));
    let mut spans: Vec<(u32, u32)> = spans.collect();
    spans.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for (from, to) in spans {
        match runs.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ => runs.push(Run { row, from, to }),
        }
    }
    runs
}

/// The pixels that a line goes through within a polygon: between the first and the second crossing of an edge, the third
/// and the fourth, and so on (the even-odd rule).
fn spans_of(polygon: &Polygon, line: f32, width: u32) -> Vec<(u32, u32)> {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let crossing = |(a, b): (&[f32; 2], &[f32; 2])| {
        let crosses = (a[1] <= line) != (b[1] <= line);
        crosses.then(|| a[0] + (line - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
    };
    let mut crossings: Vec<f32> = edges.filter_map(crossing).collect();
    crossings.sort_by(f32::total_cmp);
    let span = |pair: &[f32]| {
        let from = (pair[0] * width as f32).floor().max(0.0) as u32;
        let to = ((pair[1] * width as f32).ceil() as u32).min(width);
        (from < to).then_some((from, to))
    };
    crossings.chunks_exact(2).filter_map(span).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blanked(mask: &mut Mask, width: u32, height: u32) -> Vec<String> {
        let mut picture = Picture { width, height, pixels: vec![255; (width * height * 3) as usize] };
        mask.blank(&mut picture);
        let line = |row: &[u8]| row.chunks(3).map(|pixel| if pixel == [0; 3] { '#' } else { '.' }).collect();
        picture.pixels.chunks(width as usize * 3).map(line).collect()
    }

    #[test]
    fn a_rectangle_blanks_its_pixels_at_every_size() {
        let mut mask = Mask::new(&[vec![[0.25, 0.5], [0.75, 0.5], [0.75, 1.0], [0.25, 1.0]]]).unwrap();
        assert_eq!(blanked(&mut mask, 8, 4), ["........", "........", "..####..", "..####.."]);
        assert_eq!(blanked(&mut mask, 4, 2), ["....", ".##."]);
        assert_eq!(mask.cells(4, 2), [false, false, false, false, false, true, true, false]);
    }

    #[test]
    fn a_dent_stays_visible_and_two_areas_are_both_blanked() {
        let dented = vec![[0.0, 0.0], [0.5, 0.5], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let mut mask = Mask::new(&[dented]).unwrap();
        assert_eq!(blanked(&mut mask, 8, 4), ["##....##", "########", "########", "########"]);
        let corner = |x: f32| vec![[x, 0.0], [x + 0.25, 0.0], [x + 0.25, 1.0], [x, 1.0]];
        let mut mask = Mask::new(&[corner(0.0), corner(0.75)]).unwrap();
        assert_eq!(blanked(&mut mask, 4, 1), ["#..#"]);
    }

    #[test]
    fn the_middle_of_a_sliver_is_blanked() {
        let sliver = vec![[0.919_280_35, 0.571_68], [0.454_132_32, 0.601_892_1], [0.0, 0.583_103_36]];
        assert!(blanked(&mut Mask::new(&[sliver]).unwrap(), 24, 18)[10].starts_with('#'));
    }

    #[test]
    fn what_is_narrower_than_a_pixel_is_blanked() {
        let slit = vec![[0.0, 0.55], [1.0, 0.55], [1.0, 0.7], [0.0, 0.7]];
        assert_eq!(blanked(&mut Mask::new(&[slit]).unwrap(), 4, 2), ["....", "####"]);
    }

    #[test]
    fn what_is_no_area_is_named() {
        assert_eq!(Mask::new(&[vec![[0.0, 0.0], [1.0, 1.0]]]).unwrap_err(), MaskError::Corners { area: 0, corners: 2 });
        let error = Mask::new(&[vec![[0.0; 2], [0.5, 1.5], [1.0; 2]]]).unwrap_err();
        assert_eq!(error, MaskError::Outside { area: 0, x: 0.5, y: 1.5 });
        assert!(Mask::new(&[vec![[f32::NAN, 0.0], [0.5, 0.5], [1.0; 2]]]).is_err());
    }

    #[test]
    fn a_picture_without_its_pixels_is_left_alone() {
        let mut mask = Mask::new(&[vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]]).unwrap();
        let mut picture = Picture { width: 100, height: 100, pixels: vec![9; 5] };
        mask.blank(&mut picture);
        assert_eq!(picture.pixels, [9; 5]);
    }

    proptest! {
        /// Every pixel whose centre is inside a triangle is black: by the signs of three areas.
        #[test]
        fn no_pixel_inside_a_triangle_is_seen(corners in proptest::array::uniform3((0.0_f32..=1.0, 0.0_f32..=1.0))) {
            let [a, b, c] = corners.map(|(x, y)| [x, y]);
            let mut mask = Mask::new(&[vec![a, b, c]]).unwrap();
            let lines = blanked(&mut mask, 24, 18);
            let side = |p: [f32; 2], q: [f32; 2], r: [f32; 2]| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
            for (y, line) in lines.iter().enumerate() {
                for (x, pixel) in line.chars().enumerate() {
                    let centre = [(x as f32 + 0.5) / 24.0, (y as f32 + 0.5) / 18.0];
                    let sides = [side(a, b, centre), side(b, c, centre), side(c, a, centre)];
                    let is_inside = sides.iter().all(|&side| side > 1e-4) || sides.iter().all(|&side| side < -1e-4);
                    prop_assert!(!is_inside || pixel == '#', "{x},{y} of {corners:?}");
                }
            }
        }
    }
}
