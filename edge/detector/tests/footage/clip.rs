//! Decodes the bundled clip for tests. It takes the clip as it is: one H.264 track with four-byte lengths.

use headwater_detector::RgbFrame;
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use re_mp4::{Mp4, StsdBoxContent};

/// The bytes of a file among the footage.
pub(crate) fn read(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../footage/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Calls `see` with every frame and its number, from 0; returns how many there were.
pub(crate) fn decode(name: &str, mut see: impl FnMut(usize, &RgbFrame<'_>)) -> usize {
    let bytes = read(name);
    let mp4 = Mp4::read_bytes(&bytes).unwrap();
    let track = mp4.tracks().values().next().unwrap();
    let StsdBoxContent::Avc1(avc) = &track.trak(&mp4).mdia.minf.stbl.stsd.contents else { panic!("not H.264") };
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let mut decoder = Decoder::with_api_config(OpenH264API::from_source(), config).unwrap();

    let mut packet = Vec::new();
    for unit in avc.avcc.sequence_parameter_sets.iter().chain(&avc.avcc.picture_parameter_sets) {
        push_unit(&mut packet, &unit.bytes);
    }
    let mut frames = 0;
    for sample in &track.samples {
        let mut units = &bytes[sample.byte_range()];
        while let Some((length, rest)) = units.split_first_chunk::<4>() {
            let (unit, next) = rest.split_at(u32::from_be_bytes(*length) as usize);
            push_unit(&mut packet, unit);
            units = next;
        }
        if let Some(picture) = decoder.decode(&packet).unwrap() {
            show(&picture, frames, &mut see);
            frames += 1;
        }
        packet.clear();
    }
    for picture in decoder.flush_remaining().unwrap() {
        show(&picture, frames, &mut see);
        frames += 1;
    }
    frames
}

fn push_unit(packet: &mut Vec<u8>, unit: &[u8]) {
    packet.extend_from_slice(&[0, 0, 0, 1]);
    packet.extend_from_slice(unit);
}

fn show(picture: &DecodedYUV<'_>, number: usize, see: &mut impl FnMut(usize, &RgbFrame<'_>)) {
    let (width, height) = picture.dimensions();
    let mut pixels = vec![0; width * height * 3];
    picture.write_rgb8(&mut pixels);
    see(number, &RgbFrame::new(width as u32, height as u32, &pixels).unwrap());
}
