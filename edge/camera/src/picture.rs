//! A decoded frame: the one form in which pictures go through this crate, and how large one may be.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// Pixels of a picture at most. A camera says itself how large its pictures are, and must not decide how much memory is
/// taken.
pub const PIXELS_MAX: u64 = 64 << 20;
/// Bytes of an encoded picture at most.
pub const ENCODED_BYTES_MAX: usize = 32 << 20;

/// A decoded frame: RGB, three bytes a pixel, rows from top to bottom, `width * height * 3` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The bytes.
    pub pixels: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The bytes are no JPEG and no PNG, or a broken one.
    #[error("the picture cannot be decoded")]
    Broken { source: image::ImageError },
    /// There are no pixels, or more than a picture may have.
    #[error("the picture has {width}×{height} pixels, and 1 to {PIXELS_MAX} are allowed")]
    Size { width: usize, height: usize },
    /// A decoder gave fewer bytes than its picture has.
    #[error("the picture has {width}×{height} pixels, and they are not all there")]
    Short { width: usize, height: usize },
}

/// Width and height in pixels, where a picture may have so many.
///
/// # Errors
/// [`PictureError::Size`] outside `1..=PIXELS_MAX`.
pub(crate) fn checked_size(width: usize, height: usize) -> Result<(u32, u32), PictureError> {
    let wrong = || PictureError::Size { width, height };
    let pixels = width.checked_mul(height).ok_or_else(wrong)?;
    if !(1..=PIXELS_MAX).contains(&(pixels as u64)) {
        return Err(wrong());
    }
    // Both are at most their product.
    Ok((width as u32, height as u32))
}

impl Picture {
    /// Decodes a JPEG or a PNG. How large it is is looked at first.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let broken = |source| PictureError::Broken { source };
        let format = image::guess_format(bytes).map_err(broken)?;
        if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
            return Err(broken(image::ImageError::Unsupported(image::error::ImageFormatHint::Exact(format).into())));
        }
        // Sixteen bits a channel and an alpha channel are decoded as they are before they become RGB.
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(PIXELS_MAX * 16);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        let (width, height) = checked_size(width as usize, height as usize)?;
        let image = DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgb8();
        Ok(Self { width, height, pixels: image.into_raw() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::from_pixel(width, height, image::Rgb([90; 3])).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_jpeg_and_a_png_become_their_pixels() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let picture = Picture::decode(&encoded(5, 3, format)).unwrap();
            assert_eq!((picture.width, picture.height, picture.pixels.len()), (5, 3, 45));
        }
    }

    #[test]
    fn a_picture_that_is_cut_or_is_none_is_an_error() {
        assert!(matches!(Picture::decode(b"<html>busy</html>"), Err(PictureError::Broken { .. })));
        assert!(matches!(Picture::decode(b""), Err(PictureError::Broken { .. })));
        let png = encoded(64, 64, ImageFormat::Png);
        assert!(matches!(Picture::decode(&png[..png.len() / 2]), Err(PictureError::Broken { .. })));
    }

    #[test]
    fn a_size_is_at_least_one_pixel_and_at_most_what_is_allowed() {
        let side = 8192;
        assert_eq!((side * side) as u64, PIXELS_MAX);
        for (width, height) in [(1, 1), (side, side), (side * side, 1)] {
            assert_eq!(checked_size(width, height).unwrap(), (width as u32, height as u32));
        }
        for (width, height) in [(0, 0), (0, 9), (9, 0), (side, side + 1), (usize::MAX, 2), (1 << 32, 1 << 32)] {
            let error = checked_size(width, height).unwrap_err().to_string();
            assert_eq!(error, format!("the picture has {width}×{height} pixels, and 1 to 67108864 are allowed"));
        }
    }

    #[test]
    fn a_few_bytes_that_claim_a_huge_picture_take_no_memory() {
        // The sizes of a JPEG stand in its frame header (FF C0, length, precision, height, width).
        let mut jpeg = encoded(16, 16, ImageFormat::Jpeg);
        let header = jpeg.windows(2).position(|found| found == [0xff, 0xc0]).unwrap();
        jpeg[header + 5..header + 9].copy_from_slice(&[0xff; 4]);
        assert!(matches!(Picture::decode(&jpeg), Err(PictureError::Size { width: 65535, height: 65535 })));
    }
}
