//! A decoded frame: the one form in which pictures go through this crate.

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
