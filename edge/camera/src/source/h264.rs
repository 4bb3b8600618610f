//! H.264 in process: openh264, and what its pictures become. Where the units come from is not known here.

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use super::color::{Plane, rgb_from_yuv420};
use crate::{CameraError, Picture};

/// What stands before each unit that the decoder is given.
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A decoder that has seen nothing.
pub(super) fn decoder() -> Result<Decoder, CameraError> {
    // Flushing after every frame would give reordered frames out of order; what is left is flushed at the end.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config).map_err(|source| CameraError::Decoder { source })
}

/// The decoder's planes as a picture; nothing when they are shorter than they should be.
pub(super) fn picture_of(image: &DecodedYUV<'_>) -> Option<Picture> {
    let (width, height) = image.dimensions();
    let (y_stride, u_stride, v_stride) = image.strides();
    let plane = |bytes, stride| Plane { bytes, stride };
    rgb_from_yuv420(width, height, plane(image.y(), y_stride), plane(image.u(), u_stride), plane(image.v(), v_stride))
}

/// Which access units may be decoded: after a loss or an error every picture that builds on others would be a smear, so
/// nothing is decoded until one comes that needs no other.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyGate {
    waits_for_key: bool,
}

impl KeyGate {
    /// A stream is entered at a key picture.
    pub(super) fn at_start() -> Self {
        Self { waits_for_key: true }
    }

    /// Whether the next unit is decoded: whether it is a key picture, and whether packets before it were lost.
    pub(super) fn admits(&mut self, is_key: bool, is_after_loss: bool) -> bool {
        self.waits_for_key = !is_key && (self.waits_for_key || is_after_loss);
        !self.waits_for_key
    }

    /// The decoder could not decode a unit.
    pub(super) fn failed(&mut self) {
        self.waits_for_key = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `K` a key picture, `p` another one, `l` another one after a loss, `L` a key picture after a loss, `!` one that
    /// fails; prints what was decoded.
    fn decoded(script: &str) -> String {
        let mut gate = KeyGate::at_start();
        let admit = |unit: char| {
            let is_admitted = gate.admits(matches!(unit, 'K' | 'L'), matches!(unit, 'l' | 'L'));
            if is_admitted && unit == '!' {
                gate.failed();
            }
            if is_admitted { unit } else { '.' }
        };
        script.chars().map(admit).collect()
    }

    #[test]
    fn after_a_loss_or_an_error_it_waits_for_a_key_picture() {
        assert_eq!(decoded("ppKppKp"), "..KppKp");
        assert_eq!(decoded("KpplppKp"), "Kpp...Kp");
        assert_eq!(decoded("KpLppK"), "KpLppK");
        assert_eq!(decoded("Kp!ppKp!l"), "Kp!..Kp!.");
    }
}
