//! Cameras that are live: connected to, read from, and closed again. When that is done is decided elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use retina::client::SessionGroup;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::ffmpeg::{Ffmpeg, Input};
use super::http::{self, Http};
use super::mjpeg::Mjpeg;
use super::rtsp::{self, Rtsp};
use super::snapshot::Snapshot;
use crate::clock::Stopwatch;
use crate::pacer::Pacer;
use crate::{Address, CameraError, Picture};

/// Schemes of the URLs of RTSP cameras.
pub const RTSP_SCHEMES: &[&str] = &["rtsp"];
/// Schemes of the URLs of HTTP cameras.
pub const HTTP_SCHEMES: &[&str] = &["http", "https"];

/// What kind of live camera it is, and where.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveKind {
    /// A stream by RTSP.
    Rtsp {
        /// Where it is.
        address: Address,
        /// How packets come.
        transport: Transport,
        /// What decodes them.
        decoder: DecoderChoice,
    },
    /// A camera of this machine (Video4Linux), read by ffmpeg.
    V4l2 {
        /// For example `/dev/video0`.
        device: PathBuf,
        /// The size that the camera is asked for; its own where nothing is said.
        size: Option<(u32, u32)>,
    },
    /// JPEGs that come one after the other in one answer of HTTP.
    Mjpeg {
        /// Where it is.
        address: Address,
    },
    /// A picture that is asked for again and again by HTTP.
    Snapshot {
        /// Where it is.
        address: Address,
    },
}

/// How RTP packets come from an RTSP camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Within the RTSP connection: nothing is lost.
    #[default]
    Tcp,
    /// On ports of their own: what is late is lost. For cameras that know nothing else.
    Udp,
}

/// What decodes the stream of an RTSP camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderChoice {
    /// H.264 in process, everything else by ffmpeg.
    #[default]
    Auto,
    /// Everything by ffmpeg.
    Ffmpeg,
}

/// A live camera that may be connected to again and again.
pub(crate) struct LiveSource {
    pub(crate) kind: LiveKind,
    /// Frames a second at most.
    pub(crate) fps: Option<f64>,
    /// The program that decodes what is not decoded in process.
    pub(crate) ffmpeg: PathBuf,
    /// What all connections of an HTTP camera share; made for the first one.
    client: OnceCell<reqwest::Client>,
    /// What all connections of an RTSP camera share.
    sessions: Arc<SessionGroup>,
}

/// A connection to a live camera.
pub(crate) enum Connection {
    Rtsp(Box<Rtsp>),
    Ffmpeg(Box<Ffmpeg>),
    Mjpeg(Box<Mjpeg>),
    Snapshot(Box<Snapshot>),
}

impl LiveKind {
    /// What the camera is called where people see it; without user name and password.
    pub fn describe(&self) -> String {
        match self {
            Self::V4l2 { device, .. } => format!("v4l2:{}", device.display()),
            Self::Rtsp { address, .. } => address.to_string(),
            Self::Mjpeg { address } => format!("mjpeg:{address}"),
            Self::Snapshot { address } => format!("snapshot:{address}"),
        }
    }

    /// The URL where there is one.
    pub(crate) fn address(&self) -> Option<&Address> {
        match self {
            Self::Rtsp { address, .. } | Self::Mjpeg { address } | Self::Snapshot { address } => Some(address),
            Self::V4l2 { .. } => None,
        }
    }
}

impl LiveSource {
    /// A camera that nobody has connected to yet.
    pub(crate) fn new(kind: LiveKind, fps: Option<f64>, ffmpeg: PathBuf) -> Self {
        Self { kind, fps, ffmpeg, client: OnceCell::new(), sessions: Arc::default() }
    }

    /// Connects. Dropping the future gives up.
    pub(crate) async fn connect(&self) -> Result<Connection, CameraError> {
        match &self.kind {
            LiveKind::Rtsp { address, transport, decoder: DecoderChoice::Auto } => {
                match rtsp::open(address, *transport, &self.sessions).await? {
                    rtsp::Opened::H264(stream) => Ok(Connection::Rtsp(stream)),
                    rtsp::Opened::Other { codec } => {
                        tracing::info!(url = %address, codec, "ffmpeg decodes this camera");
                        self.child(Input::rtsp(address, *transport))
                    }
                }
            }
            LiveKind::Rtsp { address, transport, decoder: DecoderChoice::Ffmpeg } => {
                self.child(Input::rtsp(address, *transport))
            }
            LiveKind::V4l2 { device, size } => self.child(Input::v4l2(device, *size, self.fps)),
            LiveKind::Mjpeg { address } => {
                let opened = Mjpeg::open(self.http(address).await?).await?;
                Ok(Connection::Mjpeg(Box::new(opened)))
            }
            LiveKind::Snapshot { address } => {
                Ok(Connection::Snapshot(Box::new(Snapshot::new(self.http(address).await?))))
            }
        }
    }

    async fn http(&self, address: &Address) -> Result<Http, CameraError> {
        let client = self.client.get_or_try_init(|| async { http::client() }).await?;
        Ok(Http::new(client.clone(), address.clone()))
    }

    fn child(&self, input: Input) -> Result<Connection, CameraError> {
        Ok(Connection::Ffmpeg(Box::new(Ffmpeg::start(&self.ffmpeg, input, self.fps)?)))
    }
}

impl Connection {
    /// The next frame that the pacer takes.
    pub(crate) async fn next_frame(&mut self, pacer: &mut Pacer, watch: Stopwatch) -> Result<Picture, CameraError> {
        match self {
            Self::Rtsp(stream) => stream.next_frame(pacer, watch).await,
            // The program thins the stream itself.
            Self::Ffmpeg(child) => child.next_frame().await,
            Self::Mjpeg(stream) => stream.next_frame(pacer, watch).await,
            Self::Snapshot(camera) => camera.next_frame(pacer, watch).await,
        }
    }

    /// Says goodbye where that is polite, and waits for a child to be gone.
    pub(crate) async fn close(self) {
        match self {
            Self::Rtsp(stream) => stream.close().await,
            Self::Ffmpeg(child) => child.close().await,
            Self::Mjpeg(_) | Self::Snapshot(_) => {}
        }
    }
}
