//! A picture seen from afar: its brightness in 96 × 72 cells. What decides by movement or health looks at this and never
//! at the pixels, which is why it may look at every frame.
//!
//! Rows are added up byte by byte into 16 bits, which compilers turn into wide instructions, and only the sums are
//! taken apart into cells and colours. Of the rows in a cell four are looked at: a cell then still averages dozens of
//! pixels, and the noise of the sensor with them.

use crate::Picture;

/// Cells in a row.
pub const COLUMNS: usize = 96;
/// Rows of cells.
pub const ROWS: usize = 72;
/// Cells of a picture.
pub const CELLS: usize = COLUMNS * ROWS;

/// Rows of pixels that are looked at in a row of cells.
const SAMPLED_ROWS: usize = 4;

/// The brightness of each cell, 0 to 255, rows from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    cells: Box<[f32]>,
}

impl Glance {
    /// Looks at a picture; at one without pixels as at a black one.
    pub fn of(picture: &Picture) -> Self {
        let mut cells = vec![0.0; CELLS].into_boxed_slice();
        let (width, height) = (picture.width as usize, picture.height as usize);
        if width == 0 || height == 0 || picture.pixels.len() < width * height * 3 {
            return Self { cells };
        }
        let mut sums = vec![0_u16; width * 3];
        for (row, line) in cells.chunks_exact_mut(COLUMNS).enumerate() {
            let (top, bottom) = span(row, ROWS, height);
            let step = (bottom - top).div_ceil(SAMPLED_ROWS).max(1);
            sums.fill(0);
            let mut sampled = 0;
            for y in (top..bottom).step_by(step) {
                add_row(&mut sums, &picture.pixels[y * width * 3..(y + 1) * width * 3]);
                sampled += 1;
            }
            for (column, cell) in line.iter_mut().enumerate() {
                let (left, right) = span(column, COLUMNS, width);
                *cell = luma(&sums[left * 3..right * 3], (right - left) * sampled);
            }
        }
        Self { cells }
    }

    /// The cells, [`CELLS`] of them.
    pub fn cells(&self) -> &[f32] {
        &self.cells
    }

    /// Mean brightness, 0 to 255.
    pub fn mean(&self) -> f32 {
        self.cells.iter().sum::<f32>() / CELLS as f32
    }

    /// Standard deviation of the brightness over the cells.
    pub fn deviation(&self) -> f32 {
        let mean = self.mean();
        let squares: f32 = self.cells.iter().map(|cell| (cell - mean) * (cell - mean)).sum();
        (squares / CELLS as f32).sqrt()
    }

    /// Mean difference of the cells to those of another picture.
    pub fn difference(&self, other: &Self) -> f32 {
        let sum: f32 = self.cells.iter().zip(&other.cells).map(|(a, b)| (a - b).abs()).sum();
        sum / CELLS as f32
    }
}

/// Pixels of a cell along one side: never none, also where there are more cells than pixels.
fn span(cell: usize, cells: usize, pixels: usize) -> (usize, usize) {
    let first = (cell * pixels / cells).min(pixels - 1);
    let end = ((cell + 1) * pixels / cells).clamp(first + 1, pixels);
    (first, end)
}

fn add_row(sums: &mut [u16], row: &[u8]) {
    sums.iter_mut().zip(row).for_each(|(sum, &byte)| *sum += u16::from(byte));
}

/// Brightness by ITU-R BT.601 from sums of red, green and blue over so many pixels.
fn luma(sums: &[u16], pixels: usize) -> f32 {
    let (mut red, mut green, mut blue) = (0_u32, 0_u32, 0_u32);
    for pixel in sums.chunks_exact(3) {
        red += u32::from(pixel[0]);
        green += u32::from(pixel[1]);
        blue += u32::from(pixel[2]);
    }
    (0.299 * red as f32 + 0.587 * green as f32 + 0.114 * blue as f32) / pixels as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        Picture { width, height, pixels }
    }

    #[test]
    fn a_cell_is_the_brightness_of_its_place_at_every_size() {
        for (width, height) in [(1, 1), (7, 5), (95, 71), (97, 73), (768, 576), (1921, 17), (20, 1080)] {
            let flat = Glance::of(&drawn(width, height, |_, _| [200, 100, 50]));
            let wanted = 0.299 * 200.0 + 0.587 * 100.0 + 0.114 * 50.0;
            assert!(flat.cells().iter().all(|cell| (cell - wanted).abs() < 0.01), "{width}×{height}");
            assert!(flat.deviation() < 0.01);
        }
        let left = Glance::of(&drawn(768, 576, |x, _| if x < 384 { [255; 3] } else { [0; 3] }));
        assert!(left.cells().chunks(COLUMNS).all(|row| row[0] > 254.0 && row[COLUMNS - 1] < 1.0));
        let top = Glance::of(&drawn(768, 576, |_, y| if y < 288 { [255; 3] } else { [0; 3] }));
        assert!((top.mean() - 127.5).abs() < 0.5 && (left.difference(&top) - 127.5).abs() < 0.5);
    }

    #[test]
    fn a_picture_without_its_pixels_is_black() {
        assert_eq!(Glance::of(&Picture { width: 9, height: 9, pixels: vec![255; 4] }).mean(), 0.0);
        assert_eq!(Glance::of(&Picture { width: 0, height: 0, pixels: vec![] }).mean(), 0.0);
    }
}
