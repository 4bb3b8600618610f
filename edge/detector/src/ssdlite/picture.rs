//! From the bytes of a stretched frame to SSDLite's input: red first, −1 to 1.

use super::map::Map;

/// Bytes of RGB to values from −1 to 1.
pub(super) fn scale(bytes: &[u8], input: &mut Map) {
    for (value, byte) in input.values_mut().iter_mut().zip(bytes) {
        *value = f32::from(*byte) * (2.0 / 255.0) - 1.0;
    }
}
