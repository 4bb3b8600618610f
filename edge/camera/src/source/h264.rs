//! H.264 in process: openh264, and what its pictures become. Where the units come from is not known here.

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use super::color::{Plane, rgb_from_yuv420};
use crate::{CameraError, Picture, PictureError};

/// What stands before each unit that the decoder is given.
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A decoder that has seen nothing.
pub(super) fn decoder() -> Result<Decoder, CameraError> {
    // Flushing after every frame would give reordered frames out of order; what is left is flushed at the end.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config).map_err(|source| CameraError::Decoder { source })
}

/// The decoder's planes as a picture.
///
/// # Errors
/// A size that no picture has; planes that are shorter than they should be.
pub(super) fn picture_of(image: &DecodedYUV<'_>) -> Result<Picture, PictureError> {
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
    /// Units that could not be decoded since the last picture.
    undecodable: u32,
}

impl KeyGate {
    /// A stream is entered at a key picture.
    pub(super) fn at_start() -> Self {
        Self { waits_for_key: true, undecodable: 0 }
    }

    /// Whether the next unit is decoded: whether it is a key picture, and whether packets before it were lost.
    pub(super) fn admits(&mut self, is_key: bool, is_after_loss: bool) -> bool {
        self.waits_for_key = !is_key && (self.waits_for_key || is_after_loss);
        !self.waits_for_key
    }

    /// Another stream begins in the same connection. It is entered at a key picture, and failures go on being counted.
    pub(super) fn begin_anew(&mut self) {
        self.waits_for_key = true;
    }

    /// A unit became a picture.
    pub(super) fn decoded(&mut self) {
        self.undecodable = 0;
    }

    /// The decoder could not decode a unit; says how many it could not in a row, this one included.
    pub(super) fn failed(&mut self) -> u32 {
        self.waits_for_key = true;
        self.undecodable += 1;
        self.undecodable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `K` a key picture, `p` another one, `l` another one after a loss, `L` a key picture after a loss, `!` one that
    /// fails, `+` a key picture with other parameters before it; prints what was decoded.
    fn decoded(script: &str) -> String {
        let mut gate = KeyGate::at_start();
        let admit = |unit: char| {
            if unit == '+' {
                gate.begin_anew();
            }
            let is_admitted = gate.admits(matches!(unit, 'K' | 'L' | '+'), matches!(unit, 'l' | 'L'));
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
        assert_eq!(decoded("Kp!p+p!pK"), "Kp!.+p!.K");
    }

    #[test]
    fn failures_are_counted_from_the_last_picture_on_also_over_a_new_stream() {
        let mut gate = KeyGate::at_start();
        assert_eq!([gate.failed(), gate.failed()], [1, 2]);
        gate.begin_anew();
        assert!(gate.admits(true, false));
        assert_eq!(gate.failed(), 3);
        gate.decoded();
        assert_eq!(gate.failed(), 1);
    }
}
