//! Why there is no frame. A camera on the network is named by its URL without user name and password.

use std::path::PathBuf;

use crate::mask::MaskError;
use crate::picture::PictureError;

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
    /// A frame was decoded to something that is no picture.
    #[error("decoding frame {frame} of {}", path.display())]
    Frame { path: PathBuf, frame: u64, source: PictureError },
    /// A frame lies outside the file or has no whole network units.
    #[error("frame {frame} of {} is cut short", path.display())]
    CutShort { path: PathBuf, frame: u64 },
    /// A picture cannot be decoded.
    #[error("decoding {}", path.display())]
    Picture { path: PathBuf, source: PictureError },
    /// A folder without a picture.
    #[error("{} has no .png, .jpg or .jpeg file", path.display())]
    NoPictures { path: PathBuf },
    /// The path has an ending that says nothing the agent can read.
    #[error("{} is neither an mp4, a png, a jpeg nor a folder of pictures", path.display())]
    UnknownKind { path: PathBuf },
    /// Areas to blank that are none.
    #[error("blanking areas")]
    Mask { source: MaskError },
    /// A thumbnail cannot be encoded.
    #[error("encoding a thumbnail")]
    Thumbnail { source: image::ImageError },
    /// The runtime or the client of a camera on the network cannot be made.
    #[error("preparing to ask cameras")]
    Prepare { source: Box<dyn std::error::Error + Send + Sync> },
    /// The camera was asked and has not answered in time.
    #[error("{url} has not answered within {patience_ms} ms")]
    NoAnswer { url: String, patience_ms: u64 },
    /// The camera refuses the user name or the password, or wants one.
    #[error("{url} wants another user name or password")]
    Unauthorized { url: String },
    /// The camera cannot be reached by RTSP, or has broken off.
    #[error("{step} {url}")]
    Rtsp { step: &'static str, url: String, source: retina::Error },
    /// The camera offers no picture.
    #[error("{url} offers no video")]
    NoStream { url: String },
    /// The camera cannot be reached by HTTP, or has broken off.
    #[error("asking {url}")]
    Http { url: String, source: reqwest::Error },
    /// The camera answers that it does not want to.
    #[error("{url} answers with status {status}")]
    Status { url: String, status: u16 },
    /// The answer is no stream of pictures.
    #[error("{url} answers with {found:?} and not with a multipart of pictures")]
    NotMultipart { url: String, found: String },
    /// The camera sends more than a picture may have.
    #[error("{url} sends a picture of {bytes} bytes or more, and {bytes_max} are allowed")]
    TooLong { url: String, bytes: usize, bytes_max: usize },
    /// So many pictures in a row could not be decoded.
    #[error("{frames} frames in a row from {url} cannot be decoded")]
    Undecodable { url: String, frames: u32 },
    /// The camera has ended its stream.
    #[error("{url} has ended its stream")]
    Ended { url: String },
    /// The camera sends nothing any more.
    #[error("no frame from {url} for {silence_ms} ms")]
    Silent { url: String, silence_ms: u64 },
    /// The decoder program cannot be started.
    #[error("starting {}", program.display())]
    Start { program: PathBuf, source: std::io::Error },
    /// The decoder program has ended; its last words are the reason.
    #[error("{} has ended on {input}: {reason}", program.display())]
    ProgramEnded { program: PathBuf, input: String, reason: String },
    /// The decoder program writes something that is no picture.
    #[error("{} writes no ppm pictures for {input}: {found:?}", program.display())]
    NotPpm { program: PathBuf, input: String, found: String },
}

/// An error and its sources on one line, also where a library breaks its own; what an error says of its source already
/// is not said twice.
pub(crate) fn chain(error: &CameraError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        source = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
