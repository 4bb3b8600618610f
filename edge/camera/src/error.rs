//! Why there is no frame. Where a camera is named, its password is not.

use std::path::PathBuf;

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
