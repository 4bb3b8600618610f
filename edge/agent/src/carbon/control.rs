//! Carbon control of one camera: which tier and how many frames the controller asks for now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_carbon::controller::ControlError;
use headwater_carbon::{Configuration, ControlSettings, Controller, Machine, Outlook, Table};

use super::OutlookWatch;
use crate::camera::is_gated;
use crate::config::CameraConfig;
use crate::error::chain;

/// Between two decisions while nothing new is known.
const DECISION_INTERVAL: Duration = Duration::from_secs(10);

/// What a camera is looked at with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Input size of the network, pixels.
    pub(crate) tier: u32,
    /// Frames a second at most; infinite for all that come.
    pub(crate) fps_max: f64,
    /// Steps down from the best of the ways to look, for people.
    pub(crate) step: usize,
}

/// What the ways to look at a camera depend on besides its settings.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// What is to be least and what must hold; nothing is controlled without it.
    pub(crate) settings: Option<ControlSettings>,
    /// The model that runs here.
    pub(crate) model: String,
    /// What this machine draws.
    pub(crate) machine: Machine,
    /// What is known of the electricity.
    pub(crate) outlook: OutlookWatch,
}

/// The controller of one camera, or what its settings say where there is none.
pub(crate) struct CameraControl {
    means: Means,
    controller: Option<Controller>,
    decided: Option<Instant>,
    base: Setting,
    setting: Setting,
}

impl Means {
    /// The ways to look at a camera on this machine: those of the table whose model runs here, at the camera's tiers, at
    /// no more than its frame rate, with or without a motion gate as the camera has it. The gate is no knob: the table
    /// has what it costs where something moves all the time, and not what it saves where nothing does.
    fn ways(&self, camera: &CameraConfig, settings: &ControlSettings) -> Vec<Configuration> {
        let fps_max = camera.fps.unwrap_or(f64::INFINITY);
        let mut ways = Table::measured().configurations(&self.machine, settings.measure);
        ways.retain(|way| {
            let is_of_camera = way.gate == is_gated(camera) && camera.tiers.contains(&way.tier);
            is_of_camera && way.model == self.model && way.fps <= fps_max
        });
        ways
    }

    fn controller(&self, camera: &CameraConfig) -> Result<Option<Controller>, ControlError> {
        let made = |settings: &ControlSettings| Controller::new(settings.clone(), self.ways(camera, settings));
        self.settings.as_ref().map(made).transpose()
    }
}

impl CameraControl {
    /// # Errors
    /// [`ControlError`] when no way to look is left.
    pub(crate) fn new(camera: &CameraConfig, means: Means) -> Result<Self, ControlError> {
        let (controller, base) = (means.controller(camera)?, base(camera));
        Ok(Self { means, controller, decided: None, setting: base.clone(), base })
    }

    /// Goes on with other settings of the camera. What was saved or lent of accuracy is forgotten where other ways to look
    /// are left by them; where none is left, the camera is looked at as its settings say.
    pub(crate) fn follow(&mut self, camera: &CameraConfig) {
        let controller = self.means.controller(camera).unwrap_or_else(|error| {
            tracing::warn!(camera = camera.id, reason = chain(&error), "carbon control rests for these settings");
            None
        });
        let ways = |controller: &Option<Controller>| controller.as_ref().map(|made| made.configurations().to_vec());
        if ways(&controller) != ways(&self.controller) {
            self.controller = controller;
        }
        (self.base, self.decided) = (base(camera), None);
        if self.controller.is_none() {
            self.setting = self.base.clone();
        }
    }

    /// How to look now. `alert` says that somebody must not be missed.
    pub(crate) fn setting(&mut self, now_ms: i64, now: Instant, alert: bool) -> &Setting {
        let Some(controller) = &mut self.controller else { return &self.setting };
        let is_due = self.decided.is_none_or(|decided| now.saturating_duration_since(decided) >= DECISION_INTERVAL);
        if !is_due && !alert && !self.means.outlook.has_changed().unwrap_or(false) {
            return &self.setting;
        }
        let Some(outlook) = self.means.outlook.borrow_and_update().clone() else { return &self.setting };
        self.decided = Some(now);
        let decision = controller.decide(now_ms, &outlook, alert);
        let (way, index) = (decision.configuration.clone(), decision.index);
        let (changed, reason) = (decision.changed, decision.reason);
        let step = controller.frontier().steps_down(index);
        let fps_max = way.fps.min(self.base.fps_max);
        self.setting = Setting { tier: way.tier, fps_max, step };
        if changed {
            say(&outlook, &self.setting, reason.name());
        }
        &self.setting
    }
}

/// What the settings say where nothing is controlled.
fn base(camera: &CameraConfig) -> Setting {
    Setting {
        tier: camera.tiers.first().copied().unwrap_or_default(),
        fps_max: camera.fps.unwrap_or(f64::INFINITY),
        step: 0,
    }
}

fn say(outlook: &Arc<Outlook>, setting: &Setting, reason: &str) {
    let Setting { tier, fps_max, .. } = setting;
    tracing::info!(tier, fps_max, intensity_g_per_kwh = outlook.current.g_per_kwh, reason, "carbon control");
}

#[cfg(test)]
mod tests {
    use headwater_carbon::{Intensity, Origin};
    use tokio::sync::watch;

    use super::*;
    use crate::config::SourceKind;

    fn means() -> Means {
        let current = Intensity { at_ms: 0, g_per_kwh: 400.0, origin: Origin::Measured };
        let outlook = Outlook { current, past: vec![], forecast: vec![], source: "the grid".to_owned() };
        Means {
            settings: Some(ControlSettings::default()),
            model: "nanodet-g".to_owned(),
            machine: Machine::default(),
            outlook: watch::channel(Some(Arc::new(outlook))).1,
        }
    }

    #[test]
    fn the_motion_gate_stays_as_the_camera_has_it() {
        let ungated = CameraConfig { tiers: vec![416, 320], fps: Some(5.0), ..CameraConfig::synthetic("door", None) };
        let gated = CameraConfig { source: SourceKind::Rtsp, ..ungated.clone() };
        assert!(is_gated(&gated) && !is_gated(&ungated));
        for camera in [ungated, gated] {
            let ways = means().ways(&camera, &ControlSettings::default());
            assert!(ways.iter().all(|way| way.gate == is_gated(&camera) && way.fps <= 5.0 && way.tier != 256));
            assert!(ways.iter().any(|way| way.tier == 416) && ways.iter().any(|way| way.tier == 320));
        }
    }

    #[test]
    fn an_alert_has_the_best_way_and_settings_that_leave_none_let_control_rest() {
        let mut camera = CameraConfig { tiers: vec![320, 416], ..CameraConfig::synthetic("door", None) };
        let mut control = CameraControl::new(&camera, means()).unwrap();
        let Setting { tier, fps_max, step } = *control.setting(0, Instant::now(), true);
        assert_eq!((tier, fps_max, step), (416, 10.0, 0));
        camera.tiers = vec![512];
        control.follow(&camera);
        let Setting { tier, fps_max, step } = *control.setting(1, Instant::now(), true);
        assert_eq!((tier, fps_max, step), (512, f64::INFINITY, 0), "no way of the table has this tier");
        assert!(CameraControl::new(&camera, means()).is_err());
    }
}
