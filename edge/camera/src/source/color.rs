//! From the decoder's planes to RGB: BT.601, limited range, the nearest chroma sample; what ffmpeg and OpenCV do with
//! such a clip, so that the detector sees the pixels that its reference saw.

use super::Picture;
use crate::PictureError;
use crate::picture::checked_size;

/// One plane: its bytes and how many of them a row takes.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) stride: usize,
}

impl<'a> Plane<'a> {
    fn row(&self, row: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(row * self.stride..)?.get(..length)
    }
}

/// Converts 4:2:0 planes.
///
/// # Errors
/// A size that no picture has; a plane that is too short for the size.
pub(super) fn rgb_from_yuv420(
    width: usize,
    height: usize,
    y: Plane,
    u: Plane,
    v: Plane,
) -> Result<Picture, PictureError> {
    let (columns, rows) = checked_size(width, height)?;
    let pixels = pixels(width, height, y, u, v).ok_or(PictureError::Short { width, height })?;
    Ok(Picture { width: columns, height: rows, pixels })
}

/// The bytes of a picture of a size that was checked; nothing when a plane is too short for it.
fn pixels(width: usize, height: usize, y: Plane, u: Plane, v: Plane) -> Option<Vec<u8>> {
    let mut pixels = vec![0; width * height * 3];
    let half_width = width.div_ceil(2);
    for (row, line) in pixels.chunks_exact_mut(width * 3).enumerate() {
        let luma = y.row(row, width)?;
        let blue = u.row(row / 2, half_width)?;
        let red = v.row(row / 2, half_width)?;
        let chroma = blue.iter().zip(red);
        for ((pair, luma), (&blue, &red)) in line.chunks_mut(6).zip(luma.chunks(2)).zip(chroma) {
            let shift = ChromaShift::of(blue, red);
            for (pixel, &luma) in pair.chunks_exact_mut(3).zip(luma) {
                pixel.copy_from_slice(&shift.rgb(luma));
            }
        }
    }
    Some(pixels)
}

/// What two chroma samples add to the luma of their pixels, in 256ths.
struct ChromaShift {
    red: i32,
    green: i32,
    blue: i32,
}

impl ChromaShift {
    /// Coefficients of ITU-R BT.601 for 8 bits in limited range, times 256.
    fn of(blue: u8, red: u8) -> Self {
        let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
        Self { red: 409 * red + 128, green: -100 * blue - 208 * red + 128, blue: 516 * blue + 128 }
    }

    fn rgb(&self, luma: u8) -> [u8; 3] {
        let luma = 298 * (i32::from(luma) - 16);
        [self.red, self.green, self.blue].map(|shift| ((luma + shift) >> 8).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb_of(y: u8, u: u8, v: u8) -> [u8; 3] {
        ChromaShift::of(u, v).rgb(y)
    }

    #[test]
    fn the_colours_of_the_test_card_are_right() {
        // 75% and 100% bars as BT.601 states them.
        for (yuv, rgb) in [
            ((16, 128, 128), [0, 0, 0]),
            ((235, 128, 128), [255, 255, 255]),
            ((81, 90, 240), [255, 0, 0]),
            ((145, 54, 34), [0, 255, 0]),
            ((41, 240, 110), [0, 0, 255]),
            ((210, 16, 146), [255, 255, 0]),
            ((126, 128, 128), [128, 128, 128]),
        ] {
            let found = rgb_of(yuv.0, yuv.1, yuv.2);
            let off = found.iter().zip(rgb).map(|(&found, rgb): (&u8, u8)| found.abs_diff(rgb)).max();
            assert!(off <= Some(2), "{yuv:?} gave {found:?}, not {rgb:?}");
        }
    }

    #[test]
    fn odd_sizes_and_strides_are_read_right() {
        let y = [[16, 235, 16, 99], [235, 16, 235, 99], [16, 235, 16, 99]].concat();
        let chroma = [[128, 128, 7], [128, 128, 7]].concat();
        let plane = |bytes, stride| Plane { bytes, stride };
        let picture = rgb_from_yuv420(3, 3, plane(&y, 4), plane(&chroma, 3), plane(&chroma, 3)).unwrap();
        let white: Vec<bool> = picture.pixels.chunks(3).map(|pixel| pixel == [255, 255, 255]).collect();
        assert_eq!(white, [false, true, false, true, false, true, false, true, false]);
        let short = rgb_from_yuv420(3, 4, plane(&y, 4), plane(&chroma, 3), plane(&chroma, 3));
        assert!(matches!(short, Err(PictureError::Short { width: 3, height: 4 })), "{short:?}");
    }

    #[test]
    fn a_stream_that_says_it_has_no_pixels_or_too_many_is_an_error() {
        let plane = Plane { bytes: &[0; 64], stride: 8 };
        for (width, height) in [(0, 0), (0, 8), (8, 0), (1 << 20, 1 << 20), (usize::MAX, usize::MAX)] {
            let converted = rgb_from_yuv420(width, height, plane, plane, plane);
            let is_named = |width_found, height_found| (width_found, height_found) == (width, height);
            assert!(
                matches!(&converted, Err(PictureError::Size { width, height }) if is_named(*width, *height)),
                "{width}×{height}: {converted:?}"
            );
        }
    }
}
