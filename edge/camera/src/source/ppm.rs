//! The head of a PPM picture (`P6`), the form in which ffmpeg hands pictures over: raw RGB that says its own size.

use crate::picture::checked_size;

/// Bytes of a head at most.
pub(super) const HEAD_BYTES_MAX: usize = 64;

/// Width and height, where these three lines are the head of a picture of eight bits a channel and of a size that is
/// allowed.
pub(super) fn size(head: &str) -> Option<(u32, u32)> {
    let mut words = head.split_ascii_whitespace();
    if words.next() != Some("P6") {
        return None;
    }
    let size = checked_size(words.next()?.parse().ok()?, words.next()?.parse().ok()?).ok()?;
    (words.next() == Some("255") && words.next().is_none()).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_its_size_and_everything_else_is_none() {
        assert_eq!(size("P6\n768 576\n255\n"), Some((768, 576)));
        for wrong in
            ["", "P6", "P5\n1 1\n255\n", "P6\n0 4\n255\n", "P6\n1 1\n65535\n", "P6\n-1 1\n255\n", "P6\n1 1\n255\nx"]
        {
            assert_eq!(size(wrong), None, "{wrong:?}");
        }
        assert_eq!(size("P6\n99999 99999\n255\n"), None);
        assert_eq!(size("P6\n4294967295 4294967295\n255\n"), None);
    }
}
