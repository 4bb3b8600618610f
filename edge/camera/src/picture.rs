//! A decoded frame: the one form in which pictures go through this crate, and how large one may be.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

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

/// Why bytes are no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// They are no JPEG and no PNG, or a broken one.
    #[error("the picture cannot be decoded")]
    Broken { source: image::ImageError },
    /// There are more pixels than a picture may have.
    #[error("the picture has {width}×{height} pixels, and {PIXELS_MAX} are allowed")]
    TooLarge { width: u32, height: u32 },
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
        let reader = |limits| {
            let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
            reader.limits(limits);
            reader
        };
        let (width, height) = reader(Limits::default()).into_dimensions().map_err(broken)?;
        if u64::from(width) * u64::from(height) > PIXELS_MAX {
            return Err(PictureError::TooLarge { width, height });
        }
        // Sixteen bits a channel and an alpha channel are decoded as they are before they become RGB.
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(PIXELS_MAX * 16);
        let image = reader(limits).decode().map_err(broken)?.into_rgb8();
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
    fn a_few_bytes_that_claim_a_huge_picture_take_no_memory() {
        // The sizes of a JPEG stand in its frame header (FF C0, length, precision, height, width).
        let mut jpeg = encoded(16, 16, ImageFormat::Jpeg);
        let header = jpeg.windows(2).position(|found| found == [0xff, 0xc0]).unwrap();
        jpeg[header + 5..header + 9].copy_from_slice(&[0xff; 4]);
        assert!(matches!(Picture::decode(&jpeg), Err(PictureError::TooLarge { width: 65535, height: 65535 })));
    }
}
