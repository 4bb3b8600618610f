//! A camera that speaks RTSP: described, set up and played by retina, H.264 decoded in process. Streams of other codecs
//! are only told apart here.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use openh264::decoder::Decoder;
use retina::client::{
    Credentials, Demuxed, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions,
    UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, VideoFrame};

use super::h264::{KeyGate, decoder, picture_of};
use super::live::Transport;
use crate::clock::Stopwatch;
use crate::pacer::Pacer;
use crate::{Address, CameraError, Picture};

/// Frames in a row that cannot be decoded before the connection is given up and made anew. After each the next key
/// picture is waited for, so that these are seconds, and not a moment's disturbance.
const UNDECODABLE_MAX: u32 = 3;
/// How long a camera may take to hear that nobody listens any more.
const TEARDOWN_MAX: Duration = Duration::from_secs(2);
const UNAUTHORIZED: u16 = 401;

/// A stream of H.264 that plays.
pub(crate) struct Rtsp {
    url: String,
    frames: Demuxed,
    sessions: Arc<SessionGroup>,
    decoder: Decoder,
    gate: KeyGate,
}

/// What a camera offers.
pub(super) enum Opened {
    H264(Box<Rtsp>),
    /// Video of a codec that is not decoded in process, by its name in the SDP.
    Other {
        codec: String,
    },
}

/// Asks a camera for its video, and plays it where it is H.264.
pub(super) async fn open(
    address: &Address,
    transport: Transport,
    sessions: &Arc<SessionGroup>,
) -> Result<Opened, CameraError> {
    let url = address.to_string();
    let failed = |step| {
        let url = url.clone();
        move |source: retina::Error| match source.status_code() {
            Some(UNAUTHORIZED) => CameraError::Unauthorized { url },
            _ => CameraError::Rtsp { step, url, source },
        }
    };
    let options = SessionOptions::default()
        .creds(address.credentials().map(|credentials| Credentials {
            username: credentials.username.clone(),
            password: credentials.password.reveal().to_owned(),
        }))
        .user_agent("headwater".to_owned())
        .session_group(Arc::clone(sessions));
    let described = Session::describe(address.url().clone(), options).await;
    let mut session = described.map_err(failed("connecting to"))?;
    let videos = || session.streams().iter().enumerate().filter(|(_, stream)| stream.media() == "video");
    let h264 = videos().find(|(_, stream)| stream.encoding_name() == "h264").map(|(index, _)| index);
    let Some(index) = h264 else {
        let other = videos().next().map(|(_, stream)| stream.encoding_name().to_owned());
        return other.map(|codec| Opened::Other { codec }).ok_or(CameraError::NoStream { url });
    };
    let transport = match transport {
        Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
    };
    // Start codes, and the parameter sets before each key picture, however the camera tells them.
    let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
    session.setup(index, setup).await.map_err(failed("setting up"))?;
    let playing = session.play(PlayOptions::default()).await.map_err(failed("playing"))?;
    let frames = playing.demuxed().map_err(failed("playing"))?;
    let sessions = Arc::clone(sessions);
    let (decoder, gate) = (decoder()?, KeyGate::at_start());
    Ok(Opened::H264(Box::new(Rtsp { url, frames, sessions, decoder, gate })))
}

impl Rtsp {
    pub(super) async fn next_frame(&mut self, pacer: &mut Pacer, watch: Stopwatch) -> Result<Picture, CameraError> {
        loop {
            let item = self.frames.next().await;
            let failed = |source| CameraError::Rtsp { step: "receiving from", url: self.url.clone(), source };
            let item = item.ok_or_else(|| CameraError::Ended { url: self.url.clone() })?.map_err(failed)?;
            let CodecItem::VideoFrame(frame) = item else { continue };
            if let Some(picture) = self.decode(&frame, pacer, watch)? {
                return Ok(picture);
            }
        }
    }

    /// Decodes a unit; nothing where it gives no picture, or one that the pacer does not take.
    fn decode(
        &mut self,
        frame: &VideoFrame,
        pacer: &mut Pacer,
        watch: Stopwatch,
    ) -> Result<Option<Picture>, CameraError> {
        // Another resolution is another stream: what the decoder keeps of the one before is of no use.
        if frame.has_new_parameters() {
            self.decoder = decoder()?;
            self.gate.begin_anew();
        }
        if !self.gate.admits(frame.is_random_access_point(), frame.loss() > 0) {
            return Ok(None);
        }
        let decoded = match self.decoder.decode(frame.data()) {
            Ok(None) => return Ok(None),
            // What is not wanted is not converted.
            Ok(Some(image)) => pacer.takes(watch.elapsed_ms()).then(|| picture_of(&image)).transpose(),
            Err(error) => return self.failed(&error),
        };
        match decoded {
            Ok(picture) => {
                self.gate.decoded();
                Ok(picture)
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Goes on behind a unit that cannot be decoded, at the next key picture and with a decoder that knows of nothing.
    fn failed(&mut self, error: &dyn std::error::Error) -> Result<Option<Picture>, CameraError> {
        tracing::debug!(url = self.url, %error, "frame not decoded");
        let undecodable = self.gate.failed();
        if undecodable >= UNDECODABLE_MAX {
            return Err(CameraError::Undecodable { url: self.url.clone(), frames: undecodable });
        }
        self.decoder = decoder()?;
        Ok(None)
    }

    /// Lets the camera know, so that it does not go on sending to a port that is closed.
    pub(super) async fn close(self) {
        let Self { frames, sessions, .. } = self;
        drop(frames);
        // A camera that does not hear it forgets the session by itself.
        let _ = tokio::time::timeout(TEARDOWN_MAX, sessions.await_teardown()).await;
    }
}
