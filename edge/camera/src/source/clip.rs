//! A clip: H.264 in an mp4, demuxed and decoded in process. Other codecs are refused at opening.
//!
//! Only the index is kept in memory; a frame's bytes are read when it is its turn.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use openh264::decoder::Decoder;
use re_mp4::{Mp4, Sample, StsdBoxContent, TrackKind};

use super::h264::{START_CODE, decoder, picture_of};
use super::{CameraError, Picture, Recording};

/// Frames a second that are believed of a container.
const FPS: RangeInclusive<f64> = 0.1..=1000.0;
/// And those of one that says others.
const FPS_UNSAID: f64 = 25.0;

/// A clip that is being played.
pub(super) struct Clip {
    path: PathBuf,
    file: File,
    index: Index,
    decoder: Decoder,
    /// The sample that is decoded next.
    next: usize,
    /// Frames that are decoded but not given out: a decoder that reorders gives them late.
    decoded: VecDeque<Picture>,
}

/// What the container says: where the samples lie and how to read them.
struct Index {
    samples: Vec<Sample>,
    /// Parameter sets in the decoder's own framing, put before every sample that can be begun with.
    parameter_sets: Vec<u8>,
    /// Bytes of a unit's length in a sample.
    length_bytes: usize,
    fps: f64,
}

impl Clip {
    pub(super) fn open(path: &Path) -> Result<Self, CameraError> {
        let read = |source| CameraError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        // The demuxer indexes into the container's tables as they stand: a broken file makes it panic.
        let parsed = catch_unwind(AssertUnwindSafe(|| Mp4::read(&mut file, bytes)));
        let not_mp4 = |reason: String| CameraError::NotMp4 { path: path.to_owned(), reason };
        let mp4 = match parsed {
            Ok(parsed) => parsed.map_err(|error| not_mp4(error.to_string()))?,
            Err(_) => return Err(not_mp4("its tables contradict each other".to_owned())),
        };
        let index = Index::of(&mp4).ok_or_else(|| CameraError::NoVideo { path: path.to_owned() })?;
        Ok(Self { path: path.to_owned(), file, index, decoder: decoder()?, next: 0, decoded: VecDeque::new() })
    }

    /// The bytes of a sample as the decoder wants them: units behind start codes instead of behind their lengths.
    fn sample_bytes(&mut self, sample: Sample) -> Result<Vec<u8>, CameraError> {
        let cut_short = || CameraError::CutShort { path: self.path.clone(), frame: u64::from(sample.id) };
        let read = |source| CameraError::Read { path: self.path.clone(), source };
        // A size from a broken index must not decide how much memory is taken.
        if sample.size > 64 << 20 {
            return Err(cut_short());
        }
        let mut bytes = vec![0; sample.size as usize];
        self.file.seek(SeekFrom::Start(sample.offset)).map_err(read)?;
        self.file.read_exact(&mut bytes).map_err(|_| cut_short())?;
        let mut packet = Vec::with_capacity(bytes.len() + self.index.parameter_sets.len() + 16);
        if sample.is_sync {
            packet.extend_from_slice(&self.index.parameter_sets);
        }
        units(&bytes, self.index.length_bytes, &mut packet).ok_or_else(cut_short)?;
        Ok(packet)
    }

    fn decode_next(&mut self, sample: Sample) -> Result<(), CameraError> {
        let packet = self.sample_bytes(sample)?;
        let frame = u64::from(sample.id);
        let failed = |source| CameraError::Decode { path: self.path.clone(), frame, source };
        let decoded = self.decoder.decode(&packet).map_err(failed)?;
        if let Some(image) = decoded {
            let unfit = |source| CameraError::Frame { path: self.path.clone(), frame, source };
            self.decoded.push_back(picture_of(&image).map_err(unfit)?);
        }
        Ok(())
    }

    fn decode_rest(&mut self) -> Result<(), CameraError> {
        let frame = self.next as u64;
        let failed = |source| CameraError::Decode { path: self.path.clone(), frame, source };
        let rest = self.decoder.flush_remaining().map_err(failed)?;
        let unfit = |source| CameraError::Frame { path: self.path.clone(), frame, source };
        for image in &rest {
            self.decoded.push_back(picture_of(image).map_err(unfit)?);
        }
        Ok(())
    }
}

impl Recording for Clip {
    fn next_frame(&mut self) -> Result<Option<Picture>, CameraError> {
        while self.decoded.is_empty() {
            match self.index.samples.get(self.next).copied() {
                Some(sample) => {
                    self.decode_next(sample)?;
                    self.next += 1;
                }
                None if self.next == self.index.samples.len() => {
                    self.decode_rest()?;
                    self.next += 1;
                }
                None => break,
            }
        }
        Ok(self.decoded.pop_front())
    }

    fn rewind(&mut self) -> Result<(), CameraError> {
        self.decoder = decoder()?;
        self.next = 0;
        self.decoded.clear();
        Ok(())
    }

    fn fps(&self) -> f64 {
        self.index.fps
    }

    fn frame_count(&self) -> Option<u64> {
        Some(self.index.samples.len() as u64)
    }
}

impl Index {
    /// The first H.264 track; nothing when there is none.
    fn of(mp4: &Mp4) -> Option<Self> {
        let mut tracks = mp4.tracks().values().filter(|track| track.kind == Some(TrackKind::Video));
        tracks.find_map(|track| {
            let StsdBoxContent::Avc1(video) = &track.trak(mp4).mdia.minf.stbl.stsd.contents else {
                return None;
            };
            let config = &video.avcc;
            let sets = config.sequence_parameter_sets.iter().chain(&config.picture_parameter_sets);
            let parameter_sets = sets.flat_map(|set| START_CODE.iter().chain(&set.bytes).copied()).collect();
            let seconds = track.duration as f64 / track.timescale.max(1) as f64;
            let fps = track.samples.len() as f64 / seconds;
            Some(Self {
                samples: track.samples.clone(),
                parameter_sets,
                length_bytes: usize::from(config.length_size_minus_one & 3) + 1,
                fps: if FPS.contains(&fps) { fps } else { FPS_UNSAID },
            })
        })
    }
}

/// Appends the units of a sample behind start codes; nothing when a length points beyond the sample.
fn units(mut bytes: &[u8], length_bytes: usize, packet: &mut Vec<u8>) -> Option<()> {
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        packet.extend_from_slice(&START_CODE);
        packet.extend_from_slice(unit);
        bytes = rest;
    }
    Some(())
}
