//! Cameras: where frames come from, one after the other. When they come, and who looks, is not known here, except in
//! [`playback`], which owns a camera's thread.

mod clip;
mod color;
mod pictures;
mod playback;
mod synthetic;

use std::path::{Path, PathBuf};

pub(crate) use playback::{Playback, play};

pub use synthetic::{Block, SyntheticScene};

use crate::config::{CameraConfig, SourceKind};

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

/// A row of frames that can be begun again.
pub trait FrameSource: Send {
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

/// Why a camera gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// A file or folder cannot be read.
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is no mp4, or a broken one.
    #[error("{} is not a readable mp4: {reason}", path.display())]
    NotMp4 { path: PathBuf, reason: String },
    /// The clip has no video that this agent decodes.
    #[error("{} has no h.264 video track", path.display())]
    NoVideo { path: PathBuf },
    /// The decoder cannot be made.
    #[error("starting the h.264 decoder")]
    Decoder { source: openh264::Error },
    /// A frame cannot be decoded.
    #[error("decoding frame {frame} of {}", path.display())]
    Decode { path: PathBuf, frame: u64, source: openh264::Error },
    /// A frame lies outside the file or has no whole network units.
    #[error("frame {frame} of {} is cut short", path.display())]
    CutShort { path: PathBuf, frame: u64 },
    /// A picture cannot be decoded.
    #[error("decoding {}", path.display())]
    Picture { path: PathBuf, source: image::ImageError },
    /// A folder without a picture.
    #[error("{} has no .png, .jpg or .jpeg file", path.display())]
    NoPictures { path: PathBuf },
    /// The path has an ending that says nothing the agent can read.
    #[error("{} is neither an mp4, a png, a jpeg nor a folder of pictures", path.display())]
    UnknownKind { path: PathBuf },
    /// A camera of kind `file` without a path.
    #[error("camera {camera} has no path")]
    NoPath { camera: String },
}

/// Opens a clip, a picture, or a folder of pictures, by what stands at the path.
///
/// # Errors
/// [`CameraError`] with the path.
pub fn open_file(path: &Path) -> Result<Box<dyn FrameSource>, CameraError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        _ if path.is_dir() => Ok(Box::new(pictures::Pictures::folder(path)?)),
        Some("mp4" | "m4v" | "mov") => Ok(Box::new(clip::Clip::open(path)?)),
        Some(ending) if pictures::ENDINGS.contains(&ending) => Ok(Box::new(pictures::Pictures::single(path)?)),
        _ => Err(CameraError::UnknownKind { path: path.to_owned() }),
    }
}

/// Opens what a camera's settings name.
pub(crate) fn open(config: &CameraConfig) -> Result<Box<dyn FrameSource>, CameraError> {
    match (&config.source, &config.path) {
        (SourceKind::File, Some(path)) => open_file(path),
        (SourceKind::File, None) => Err(CameraError::NoPath { camera: config.id.clone() }),
        (SourceKind::Synthetic, _) => {
            Ok(Box::new(SyntheticScene::new(config.width, config.height).ending_after(config.frames)))
        }
    }
}

#[cfg(test)]
mod tests;
