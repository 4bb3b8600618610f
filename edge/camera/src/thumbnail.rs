//! A small picture for people who look after cameras: it shows that a camera sees and where it points, and not whom.
//!
//! The whole picture is brought down to a few cells in a row and smoothed, and only then drawn larger again. A face is
//! recognised from about 16 cells across it (Harmon and Julesz 1973); of 24 cells across the picture even a face that
//! fills half of it gets 12, smoothed to fewer. What is not in the cells cannot be brought back.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::Deserialize;

use crate::{CameraError, Picture};

/// Whether and how thumbnails are made.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThumbnailOptions {
    /// Whether they are made at all.
    pub enabled: bool,
    /// Milliseconds between two of them.
    pub interval_ms: u64,
    /// Pixels in a row.
    pub width: u32,
    /// What is kept of the picture: cells in a row, at most 48.
    pub cells: u32,
}

impl Default for ThumbnailOptions {
    fn default() -> Self {
        Self { enabled: false, interval_ms: 10_000, width: 160, cells: 24 }
    }
}

/// More cells than this in a row would show faces.
pub const CELLS_MAX: u32 = 48;
/// A thumbnail is no picture to work with.
pub const WIDTH_MAX: u32 = 640;

const JPEG_QUALITY: u8 = 70;

/// The thumbnail of a picture, pixels.
pub fn blurred(picture: &Picture, options: &ThumbnailOptions) -> Picture {
    let (width, height) = (picture.width.max(1), picture.height.max(1));
    let columns = options.cells.clamp(1, CELLS_MAX).min(width);
    let tall =
        |wide: u32| (u64::from(wide) * u64::from(height) / u64::from(width)).clamp(1, 4 * u64::from(wide)) as u32;
    let rows = tall(columns).min(height);
    let cells = Cells::averaged(picture, columns as usize, rows as usize).smoothed();
    let wide = options.width.clamp(1, WIDTH_MAX);
    cells.drawn(wide, tall(wide))
}

/// The thumbnail of a picture as a JPEG file.
///
/// # Errors
/// [`CameraError::Thumbnail`] when the encoder refuses it.
pub fn jpeg(picture: &Picture, options: &ThumbnailOptions) -> Result<Vec<u8>, CameraError> {
    let thumbnail = blurred(picture, options);
    let mut bytes = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    let encoded = encoder.write_image(&thumbnail.pixels, thumbnail.width, thumbnail.height, ExtendedColorType::Rgb8);
    encoded.map_err(|source| CameraError::Thumbnail { source })?;
    Ok(bytes.into_inner())
}

/// Colours of a coarse grid.
struct Cells {
    columns: usize,
    rows: usize,
    colours: Vec<[f32; 3]>,
}

impl Cells {
    fn averaged(picture: &Picture, columns: usize, rows: usize) -> Self {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let mut colours = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let across = column * width / columns..(column + 1) * width / columns;
                let mut sum = [0_u64; 3];
                let mut count = 0_u64;
                for y in row * height / rows..(row + 1) * height / rows {
                    let line = picture.pixels.get((y * width + across.start) * 3..(y * width + across.end) * 3);
                    for pixel in line.unwrap_or_default().chunks_exact(3) {
                        sum.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u64::from(byte));
                        count += 1;
                    }
                }
                colours.push(sum.map(|sum| sum as f32 / count.max(1) as f32));
            }
        }
        Self { columns, rows, colours }
    }

    fn at(&self, column: usize, row: usize) -> [f32; 3] {
        self.colours[row.min(self.rows - 1) * self.columns + column.min(self.columns - 1)]
    }

    /// Each cell becomes the mean of itself (4), its four neighbours (2) and the corners (1). The picture is mirrored at its
    /// edges: repeated, it would keep more of what is there.
    fn smoothed(&self) -> Self {
        let places = (0..self.rows).flat_map(|row| (0..self.columns).map(move |column| (column, row)));
        let mean = |(column, row): (usize, usize)| {
            let mut sum = [0.0; 3];
            for (down, vertical) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
                for (right, horizontal) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
                    let (column, row) = (mirrored(column + right, self.columns), mirrored(row + down, self.rows));
                    let colour = self.at(column, row);
                    let weight = vertical * horizontal / 16.0;
                    sum.iter_mut().zip(colour).for_each(|(sum, part)| *sum += part * weight);
                }
            }
            sum
        };
        Self { columns: self.columns, rows: self.rows, colours: places.map(mean).collect() }
    }

    /// Drawn at a size, each pixel between the centres of four cells.
    fn drawn(&self, width: u32, height: u32) -> Picture {
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height {
            let (top, down) = between(y, height, self.rows);
            for x in 0..width {
                let (left, right) = between(x, width, self.columns);
                let upper = mixed(self.at(left, top), self.at(left + 1, top), right);
                let lower = mixed(self.at(left, top + 1), self.at(left + 1, top + 1), right);
                pixels.extend(mixed(upper, lower, down).map(|part| part.round().clamp(0.0, 255.0) as u8));
            }
        }
        Picture { width, height, pixels }
    }
}

/// The cell at a place that is counted from the cell before the first one.
fn mirrored(place: usize, cells: usize) -> usize {
    match place {
        0 => 1.min(cells - 1),
        past if past > cells => cells.saturating_sub(2),
        within => within - 1,
    }
}

/// The cell before a pixel's centre, and how far it is to the next one, 0 to 1.
fn between(pixel: u32, pixels: u32, cells: usize) -> (usize, f32) {
    let place = ((pixel as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5).max(0.0);
    (place as usize, place.fract())
}

fn mixed(a: [f32; 3], b: [f32; 3], part: f32) -> [f32; 3] {
    std::array::from_fn(|at| a[at] + (b[at] - a[at]) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn striped(width: u32, height: u32, stripe: u32) -> Picture {
        let pixel = |at: u32| if (at % width / stripe).is_multiple_of(2) { [255_u8, 40, 40] } else { [0, 40, 40] };
        Picture { width, height, pixels: (0..width * height).flat_map(pixel).collect() }
    }

    fn contrast(picture: &Picture) -> u8 {
        let reds: Vec<u8> = picture.pixels.chunks(3).map(|pixel| pixel[0]).collect();
        reds.iter().max().unwrap() - reds.iter().min().unwrap()
    }

    #[test]
    fn what_is_finer_than_the_cells_is_gone_and_what_is_coarser_is_there() {
        let options = ThumbnailOptions::default();
        // A cell is 40 pixels of 960: features of a face that fills half of the picture are about as large.
        assert!(contrast(&blurred(&striped(960, 720, 20), &options)) < 10);
        assert!(contrast(&blurred(&striped(960, 720, 40), &options)) < 30);
        assert!(contrast(&blurred(&striped(960, 720, 240), &options)) > 200);
    }

    #[test]
    fn it_has_the_shape_of_the_picture_at_every_size() {
        for (width, height) in [(1, 1), (3, 2), (768, 576), (1920, 1080), (5, 4000), (4000, 5)] {
            let thumbnail = blurred(&striped(width, height, 1), &ThumbnailOptions::default());
            assert_eq!(thumbnail.pixels.len(), (thumbnail.width * thumbnail.height * 3) as usize, "{width}×{height}");
            assert_eq!(thumbnail.width, 160);
        }
        assert_eq!(blurred(&striped(768, 576, 9), &ThumbnailOptions::default()).height, 120);
        let nothing = Picture { width: 10, height: 10, pixels: Vec::new() };
        assert_eq!(contrast(&blurred(&nothing, &ThumbnailOptions::default())), 0);
    }

    #[test]
    fn the_file_is_a_jpeg_of_its_colours() {
        let file = jpeg(&striped(64, 48, 64), &ThumbnailOptions::default()).unwrap();
        let image = image::load_from_memory(&file).unwrap().into_rgb8();
        assert_eq!((image.width(), image.height()), (160, 120));
        assert!(image.pixels().all(|pixel| pixel[0] > 240 && pixel[1] < 60));
    }
}
