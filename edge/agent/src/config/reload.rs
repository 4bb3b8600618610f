//! Which settings may change while the agent runs, and which need a start.
//!
//! What is looked at and what is made of it may change: rate, tiers, threshold, classes, zones, lines, tracking, pause.
//! What was opened may not: sources, spool, broker, weights.

use super::{CameraConfig, Config, ConfigError, Problem};

impl Config {
    /// Whether these settings may take the place of those that an agent runs with; they are valid by themselves.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every key that differs and may not.
    pub fn may_follow(&self, running: &Self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut needs_start = |key: &str, differs: bool| {
            let what = "it differs from what the agent runs with; start the agent anew to change it".to_owned();
            problems.extend(differs.then(|| Problem { key: key.to_owned(), what }));
        };
        needs_start("device_id", self.device_id != running.device_id);
        needs_start("bootstrap_servers", self.bootstrap_servers != running.bootstrap_servers);
        needs_start("data_dir", self.data_dir != running.data_dir);
        needs_start("weights", self.weights != running.weights);
        needs_start("detector_threads", self.detector_threads != running.detector_threads);
        needs_start("batch", self.batch != running.batch);
        needs_start("spool", self.spool != running.spool);
        needs_start("uplink", self.uplink != running.uplink);
        needs_start("sensors", self.sensors != running.sensors);
        needs_start("status", self.status != running.status);
        needs_start("carbon", self.carbon != running.carbon);
        needs_start("energy", self.energy != running.energy);
        needs_start("metrics", self.metrics != running.metrics);
        needs_start("control", self.control != running.control);
        needs_start("cameras", ids(&self.cameras) != ids(&running.cameras));
        for (index, (wanted, running)) in self.cameras.iter().zip(&running.cameras).enumerate() {
            needs_start(&format!("cameras[{index}].source"), opened(wanted) != opened(running));
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::Invalid { problems }) }
    }
}

fn ids(cameras: &[CameraConfig]) -> Vec<&str> {
    cameras.iter().map(|camera| camera.id.as_str()).collect()
}

/// A camera's settings without those that may change.
fn opened(camera: &CameraConfig) -> CameraConfig {
    let unset = CameraConfig::synthetic(&camera.id, None);
    CameraConfig {
        fps: unset.fps,
        tiers: unset.tiers,
        threshold: unset.threshold,
        classes: unset.classes,
        zones: unset.zones,
        lines: unset.lines,
        nms_iou: unset.nms_iou,
        track: unset.track,
        tracking: unset.tracking,
        counting: unset.counting,
        paused: unset.paused,
        ..camera.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_was_opened_needs_a_start_and_the_rest_does_not() {
        let mut running = Config::new("north", "broker:9092", Path::new("/data"));
        running.cameras = vec![CameraConfig::synthetic("door", None)];
        let mut wanted = running.clone();
        wanted.cameras[0].threshold = 0.6;
        wanted.cameras[0].paused = true;
        wanted.may_follow(&running).unwrap();

        wanted.bootstrap_servers = "other:9092".into();
        wanted.cameras[0].frames = Some(3);
        let ConfigError::Invalid { problems } = wanted.may_follow(&running).unwrap_err() else { panic!() };
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["bootstrap_servers", "cameras[0].source"]);
        wanted.cameras.clear();
        assert!(wanted.may_follow(&running).unwrap_err().to_string().contains("\n  cameras: "));
    }
}
