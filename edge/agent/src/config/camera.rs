//! The settings of one camera.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One camera of the device.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// Name of the camera, unique on its device.
    pub id: String,
    /// What kind of camera it is.
    pub source: SourceKind,
    /// The clip, picture or folder of pictures of a `file`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Begin again at the end.
    #[serde(default, rename = "loop")]
    pub looped: bool,
    /// Frames a second; when unsaid a clip's own, one for pictures, ten for a synthetic camera.
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
    /// COCO classes that are reported; none means all.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Frames after which a synthetic camera ends; none means never.
    #[serde(default)]
    pub frames: Option<u64>,
    /// Width of a synthetic frame, pixels.
    #[serde(default = "default_width")]
    pub width: u32,
    /// Height of a synthetic frame, pixels.
    #[serde(default = "default_height")]
    pub height: u32,
}

/// What kind of camera it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A clip (mp4 with H.264), a picture, or a folder of pictures in the order of their names.
    File,
    /// Moving blocks that the agent draws.
    Synthetic,
}

/// Whether time passes while frames are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Frames come at their rate and are taken now; where detection is slower the newest wins.
    #[default]
    Live,
    /// Every frame is detected, as fast as that goes; its time is the start plus its place in the clip.
    EveryFrame,
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
            looped: false,
            fps: None,
            pace: Pace::Live,
            tiers: default_tiers(),
            threshold: default_threshold(),
            classes: Vec::new(),
            frames,
            width: default_width(),
            height: default_height(),
        }
    }

    fn with_source(self, source: SourceKind) -> Self {
        Self { source, ..self }
    }

    /// How the camera is described to people: `file:clip.mp4` or `synthetic`.
    pub fn describe(&self) -> String {
        match (&self.source, &self.path) {
            (SourceKind::File, Some(path)) => format!("file:{}", path.display()),
            (SourceKind::File, None) => "file".to_owned(),
            (SourceKind::Synthetic, _) => "synthetic".to_owned(),
        }
    }
}

fn default_tiers() -> Vec<u32> {
    vec![416, 320, 256]
}

fn default_threshold() -> f32 {
    0.40
}

fn default_width() -> u32 {
    640
}

fn default_height() -> u32 {
    480
}
