//! Where frames come from, one after the other: recordings, which end and can be begun again, and cameras that are live,
//! which are connected to. When frames come, when a camera is asked again, and who looks, is not known here.

mod clip;
mod color;
mod ffmpeg;
mod h264;
mod http;
mod live;
mod mjpeg;
mod multipart;
mod pictures;
mod ppm;
mod rtsp;
mod snapshot;
mod synthetic;

use std::path::Path;

pub(crate) use live::{Connection, LiveSource};
pub use live::{DecoderChoice, HTTP_SCHEMES, LiveKind, RTSP_SCHEMES, Transport};
pub use synthetic::{Block, SyntheticScene};

use crate::{CameraError, Picture};

/// A row of frames that can be begun again.
pub trait Recording: Send {
    /// The next frame; nothing at the end.
    ///
    /// # Errors
    /// The file or the frame that cannot be read or decoded.
    fn next_frame(&mut self) -> Result<Option<Picture>, CameraError>;

    /// Goes back to the first frame.
    ///
    /// # Errors
    /// The file that cannot be read again.
    fn rewind(&mut self) -> Result<(), CameraError>;

    /// Frames a second as the source itself has them.
    fn fps(&self) -> f64;

    /// How many frames there are from the first to the end, where that is known.
    fn frame_count(&self) -> Option<u64>;
}

/// Opens a clip, a picture, or a folder of pictures, by what stands at the path.
///
/// # Errors
/// [`CameraError`] with the path.
pub fn open_file(path: &Path) -> Result<Box<dyn Recording>, CameraError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        _ if path.is_dir() => Ok(Box::new(pictures::Pictures::folder(path)?)),
        Some("mp4" | "m4v" | "mov") => Ok(Box::new(clip::Clip::open(path)?)),
        Some(ending) if pictures::ENDINGS.contains(&ending) => Ok(Box::new(pictures::Pictures::single(path)?)),
        _ => Err(CameraError::UnknownKind { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
