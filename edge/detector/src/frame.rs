//! A picture as it reaches the detector. Where it comes from, and how it was decoded, is not known here.

use crate::DetectorError;

/// Borrowed RGB pixels: three bytes a pixel, rows from top to bottom, no padding between rows.
#[derive(Debug, Clone, Copy)]
pub struct RgbFrame<'a> {
    width: u32,
    height: u32,
    pixels: &'a [u8],
}

impl<'a> RgbFrame<'a> {
    /// Takes `width * height * 3` bytes.
    ///
    /// # Errors
    /// [`DetectorError::EmptyFrame`] where a side is zero, [`DetectorError::FrameLength`] where the bytes do not fit the
    /// sides.
    pub fn new(width: u32, height: u32, pixels: &'a [u8]) -> Result<Self, DetectorError> {
        if width == 0 || height == 0 {
            return Err(DetectorError::EmptyFrame { width, height });
        }
        let expected_bytes = u128::from(width) * u128::from(height) * 3;
        if pixels.len() as u128 != expected_bytes {
            return Err(DetectorError::FrameLength { width, height, expected_bytes, found_bytes: pixels.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The bytes, `width * height * 3` of them.
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_as_many_bytes_as_its_sides_say() {
        assert!(RgbFrame::new(2, 3, &[0; 18]).is_ok());
        assert!(matches!(RgbFrame::new(0, 3, &[]), Err(DetectorError::EmptyFrame { .. })));
        assert!(matches!(RgbFrame::new(3, 0, &[]), Err(DetectorError::EmptyFrame { .. })));
        assert!(matches!(RgbFrame::new(2, 3, &[0; 17]), Err(DetectorError::FrameLength { expected_bytes: 18, .. })));
        assert!(matches!(RgbFrame::new(u32::MAX, u32::MAX, &[]), Err(DetectorError::FrameLength { .. })));
    }
}
