//! The settings of one camera.

use std::path::{Path, PathBuf};

use headwater_camera::health::HealthOptions;
use headwater_camera::mask::Polygon;
use headwater_camera::motion::MotionOptions;
use headwater_camera::source::{DecoderChoice, HTTP_SCHEMES, LiveKind, RTSP_SCHEMES, Transport};
use headwater_camera::supervise::ReconnectOptions;
use headwater_camera::thumbnail::ThumbnailOptions;
use headwater_camera::{Address, AddressError, Pace, Secret};
use headwater_proto::batch::control::{Line, Zone};
use headwater_track::{CountOptions, TrackOptions};
use serde::Deserialize;

/// One camera of the device.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// Name of the camera, unique on its device.
    pub id: String,
    /// What kind of camera it is.
    pub source: SourceKind,
    /// The clip, picture or folder of pictures of a `file`; the device of a `v4l2`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Where an `rtsp`, `mjpeg` or `snapshot` is; may hold user name and password.
    #[serde(default)]
    pub url: Option<Secret>,
    /// Who enters; stands over the URL.
    #[serde(default)]
    pub username: Option<String>,
    /// The password; stands over the URL.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file that holds the password and nothing else, instead of `password`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// How the packets of an `rtsp` come.
    #[serde(default)]
    pub transport: Transport,
    /// What decodes an `rtsp`.
    #[serde(default)]
    pub decoder: DecoderChoice,
    /// The program that decodes what is not decoded in process.
    #[serde(default = "default_ffmpeg")]
    pub ffmpeg: PathBuf,
    /// Begin again at the end.
    #[serde(default, rename = "loop")]
    pub looped: bool,
    /// Frames a second; when unsaid a clip's own, one for pictures and snapshots, ten for a synthetic camera, all that
    /// come of a live one.
    #[serde(default)]
    pub fps: Option<f64>,
    /// Whether time passes.
    #[serde(default)]
    pub pace: Pace,
    /// Input sizes of the network, the best first; carbon control steps along them.
    #[serde(default = "default_tiers")]
    pub tiers: Vec<u32>,
    /// Least confidence of a detection.
    #[serde(default = "default_threshold")]
    pub threshold: f32,
    /// Of two boxes of one class that overlap more than this the weaker goes, as intersection over union.
    #[serde(default = "default_nms_iou")]
    pub nms_iou: f32,
    /// COCO classes that are reported; none means all.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Whether things are followed from frame to frame; zones and lines need it.
    #[serde(default = "default_track")]
    pub track: bool,
    /// How sightings become tracks.
    #[serde(default)]
    pub tracking: TrackOptions,
    /// Areas in which things are counted.
    #[serde(default)]
    pub zones: Vec<Zone>,
    /// Lines over which things are counted.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// What it takes to have entered, left or crossed.
    #[serde(default)]
    pub counting: CountOptions,
    /// Whether nothing is looked at.
    #[serde(default)]
    pub paused: bool,
    /// Frames after which a synthetic camera ends; none means never.
    #[serde(default)]
    pub frames: Option<u64>,
    /// Width of a synthetic frame, and the one that a `v4l2` is asked for, pixels.
    #[serde(default = "default_width")]
    pub width: u32,
    /// Height of a synthetic frame, and the one that a `v4l2` is asked for, pixels.
    #[serde(default = "default_height")]
    pub height: u32,
    /// Areas that are blanked before anything looks at a frame: corners from 0 to 1.
    #[serde(default)]
    pub masks: Vec<Polygon>,
    /// When frames are worth a detection.
    #[serde(default)]
    pub motion: MotionOptions,
    /// When the picture of a live camera is no good sign.
    #[serde(default)]
    pub health: HealthOptions,
    /// Blurred pictures for people who look after cameras.
    #[serde(default)]
    pub thumbnail: ThumbnailOptions,
    /// How patiently a live camera is asked again.
    #[serde(default)]
    pub reconnect: ReconnectOptions,
}

/// What kind of camera it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A clip (mp4 with H.264), a picture, or a folder of pictures in the order of their names.
    File,
    /// Moving blocks that the agent draws.
    Synthetic,
    /// A stream by RTSP.
    Rtsp,
    /// A camera of this machine (Video4Linux), through ffmpeg.
    V4l2,
    /// JPEGs without end in one answer of HTTP.
    Mjpeg,
    /// A picture that is asked for again and again by HTTP.
    Snapshot,
}

impl SourceKind {
    /// Whether it is asked again when it goes away, and has no end.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::File | Self::Synthetic)
    }

    /// The word for it in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Synthetic => "synthetic",
            Self::Rtsp => "rtsp",
            Self::V4l2 => "v4l2",
            Self::Mjpeg => "mjpeg",
            Self::Snapshot => "snapshot",
        }
    }

    /// Schemes of its URL; none where it has no URL.
    pub(crate) fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Rtsp => RTSP_SCHEMES,
            Self::Mjpeg | Self::Snapshot => HTTP_SCHEMES,
            Self::File | Self::Synthetic | Self::V4l2 => &[],
        }
    }
}

impl CameraConfig {
    /// A camera that plays a file at its own rate, with the usual tiers.
    pub fn file(id: &str, path: &Path, looped: bool) -> Self {
        Self { path: Some(path.to_owned()), looped, ..Self::synthetic(id, None) }.with_source(SourceKind::File)
    }

    /// A camera that draws moving blocks, without an end or with so many frames.
    pub fn synthetic(id: &str, frames: Option<u64>) -> Self {
        Self {
            id: id.to_owned(),
            source: SourceKind::Synthetic,
            path: None,
            url: None,
            username: None,
            password: None,
            password_file: None,
            transport: Transport::default(),
            decoder: DecoderChoice::default(),
            ffmpeg: default_ffmpeg(),
            looped: false,
            fps: None,
            pace: Pace::Live,
            tiers: default_tiers(),
            threshold: default_threshold(),
            nms_iou: default_nms_iou(),
            classes: Vec::new(),
            track: default_track(),
            tracking: TrackOptions::default(),
            zones: Vec::new(),
            lines: Vec::new(),
            counting: CountOptions::default(),
            paused: false,
            frames,
            width: default_width(),
            height: default_height(),
            masks: Vec::new(),
            motion: MotionOptions::default(),
            health: HealthOptions::default(),
            thumbnail: ThumbnailOptions::default(),
            reconnect: ReconnectOptions::default(),
        }
    }

    fn with_source(self, source: SourceKind) -> Self {
        Self { source, ..self }
    }

    /// How the camera is described to people: `file:clip.mp4`, `synthetic`, `rtsp://door/1`; without a password.
    pub fn describe(&self) -> String {
        match (self.source, &self.path) {
            (SourceKind::File, Some(path)) => format!("file:{}", path.display()),
            (kind, _) => match self.live_kind(None) {
                Ok(Some(live)) => live.describe(),
                _ => kind.as_str().to_owned(),
            },
        }
    }

    /// What the settings of a live camera name; nothing for a recording, or where path or URL is missing. A password
    /// that was read from a file stands over the one in the settings.
    pub(crate) fn live_kind(&self, read_password: Option<Secret>) -> Result<Option<LiveKind>, AddressError> {
        let address = || {
            let url = self.url.as_ref().map_or("", Secret::reveal);
            let password = read_password.as_ref().or(self.password.as_ref());
            Address::parse(url, self.source.schemes(), self.username.as_deref(), password)
        };
        let is_there = self.url.is_some() || (self.source == SourceKind::V4l2 && self.path.is_some());
        Ok(Some(match self.source {
            _ if !is_there => return Ok(None),
            SourceKind::File | SourceKind::Synthetic => return Ok(None),
            SourceKind::Rtsp => {
                LiveKind::Rtsp { address: address()?, transport: self.transport, decoder: self.decoder }
            }
            SourceKind::V4l2 => {
                let device = self.path.clone().unwrap_or_default();
                LiveKind::V4l2 { device, size: Some((self.width, self.height)) }
            }
            SourceKind::Mjpeg => LiveKind::Mjpeg { address: address()? },
            SourceKind::Snapshot => LiveKind::Snapshot { address: address()? },
        }))
    }
}

fn default_ffmpeg() -> PathBuf {
    PathBuf::from("ffmpeg")
}

fn default_tiers() -> Vec<u32> {
    vec![416, 320, 256]
}

fn default_threshold() -> f32 {
    0.40
}

fn default_nms_iou() -> f32 {
    0.5
}

fn default_track() -> bool {
    true
}

fn default_width() -> u32 {
    640
}

fn default_height() -> u32 {
    480
}
