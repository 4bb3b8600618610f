//! From the settings of a camera to a camera that can run. What it then does is in `headwater-camera`.

use std::path::Path;

use headwater_camera::motion::MotionOptions;
use headwater_camera::{CameraError, Feed, Recording, Secret, SightOptions, SyntheticScene, open_file};

use crate::config::{CameraConfig, SourceKind};
use crate::error::AgentError;

/// Opens what a camera's settings name: a file must be there, a live camera need not.
pub(crate) fn open(config: &CameraConfig) -> Result<Feed, AgentError> {
    let failed = |source| AgentError::Camera { camera: config.id.clone(), source: Box::new(source) };
    let recorded = |recording| {
        let (fps, looped, pace) = (config.fps, config.looped, config.pace);
        Feed::Recorded { recording, fps, looped, pace }
    };
    match (config.source, &config.path) {
        (SourceKind::File, Some(path)) => open_file(path).map(recorded).map_err(failed),
        (SourceKind::Synthetic, _) => {
            let scene = SyntheticScene::new(config.width, config.height).ending_after(config.frames);
            Ok(recorded(Box::new(scene) as Box<dyn Recording>))
        }
        _ => {
            let password = config.password_file.as_deref().map(read_password).transpose().map_err(failed)?;
            let kind = config.live_kind(password).map_err(|source| {
                let camera = config.id.clone();
                AgentError::Address { camera, source: Box::new(source) }
            })?;
            let kind = kind.ok_or_else(|| AgentError::NoSource { camera: config.id.clone() })?;
            let (fps, reconnect, ffmpeg) = (config.fps, config.reconnect, config.ffmpeg.clone());
            Ok(Feed::Live { kind: Box::new(kind), fps, reconnect, ffmpeg })
        }
    }
}

/// How a camera's frames are looked at. The motion gate and the look at the picture's health are for live cameras where
/// the settings do not say otherwise: a recording is there to be measured, and a picture in a file may be still.
pub(crate) fn sight(config: &CameraConfig) -> SightOptions {
    SightOptions {
        masks: config.masks.clone(),
        motion: is_gated(config).then_some(MotionOptions { enabled: Some(true), ..config.motion }),
        health: config.source.is_live().then_some(config.health),
        thumbnail: config.thumbnail,
    }
}

/// Whether frames in which nothing moves are left out.
pub(crate) fn is_gated(config: &CameraConfig) -> bool {
    config.motion.enabled.unwrap_or(config.source.is_live())
}

/// The password in a file, without the line end that editors leave behind it.
fn read_password(path: &Path) -> Result<Secret, CameraError> {
    let text = std::fs::read_to_string(path).map_err(|source| CameraError::Read { path: path.to_owned(), source })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use headwater_camera::LiveKind;

    use super::*;

    fn camera(text: &str) -> CameraConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_password_in_a_file_is_the_one_that_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "from file\n").unwrap();
        let text = format!("id = 'd'\nsource = 'rtsp'\nurl = 'rtsp://ann@door/'\npassword_file = {file:?}");
        let Feed::Live { kind, .. } = open(&camera(&text)).unwrap() else { panic!("no live camera") };
        let LiveKind::Rtsp { address, .. } = *kind else { panic!("no rtsp camera") };
        assert_eq!(address.credentials().unwrap().password.reveal(), "from file");
    }

    #[test]
    fn the_gate_is_for_live_cameras_unless_it_is_said() {
        let gated = |text: &str| sight(&camera(text)).motion.is_some();
        assert!(gated("id = 'd'\nsource = 'mjpeg'\nurl = 'http://d/'"));
        assert!(!gated("id = 'd'\nsource = 'mjpeg'\nurl = 'http://d/'\nmotion = { enabled = false }"));
        assert!(!gated("id = 'd'\nsource = 'synthetic'"));
        assert!(gated("id = 'd'\nsource = 'synthetic'\nmotion = { enabled = true }"));
    }
}
