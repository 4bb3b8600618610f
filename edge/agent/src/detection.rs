//! The detector's thread: takes the newest frame of each camera in turn, detects, and makes rows of what it saw.
//!
//! One thread for all cameras, so that the time of a detection is the time of that detection and not of a queue. Carbon
//! control stands here because here is where effort is spent, and settings that change while the agent runs are taken
//! over here, between two frames.

pub(crate) mod watched;

use std::sync::Arc;
use std::time::Instant;

use headwater_camera::{Board, Taken};
use headwater_detector::{Detector, DetectorError};
use headwater_proto::batch::frames::FrameRow;
use headwater_sensors::EnergyAccount;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::config::Config;
use crate::error::chain;
use crate::intake::{Item, Observation};
use crate::metered::{self, Metered};
use watched::WatchedCamera;

/// The class that `persons_detected` counts.
const PERSON: &str = "person";

/// What the detector's thread needs.
pub(crate) struct Watch {
    pub(crate) device_id: Arc<str>,
    pub(crate) detector: Detector,
    /// Threads that a detection computes on.
    pub(crate) threads: usize,
    pub(crate) board: Arc<Board>,
    pub(crate) cameras: Vec<WatchedCamera>,
    pub(crate) settings: watch::Receiver<Arc<Config>>,
    pub(crate) energy: Arc<EnergyAccount>,
    pub(crate) intake: mpsc::Sender<Item>,
}

impl Watch {
    /// Detects until every camera is closed, or nobody takes the rows any more.
    pub(crate) fn run(mut self) {
        while let Some(taken) = self.board.take() {
            self.follow_settings();
            let observation = match self.look(&taken) {
                None => continue,
                Some(Ok(observation)) => observation,
                Some(Err(error)) => {
                    // The frame is counted as not looked at; the next one may be good.
                    let camera = &self.cameras[taken.camera];
                    camera.live.count_skipped(1);
                    let reason = chain(&error);
                    tracing::warn!(camera = %camera.id, frame = taken.frame.number, %reason, "frame not detected");
                    continue;
                }
            };
            if self.intake.blocking_send(Item::Observation(observation)).is_err() {
                return;
            }
        }
    }

    /// Takes over settings that have changed. They were validated, so that only a defect keeps a camera from them.
    fn follow_settings(&mut self) {
        if !self.settings.has_changed().unwrap_or(false) {
            return;
        }
        let settings = Arc::clone(&self.settings.borrow_and_update());
        for (camera, wanted) in self.cameras.iter_mut().zip(&settings.cameras) {
            if let Err(error) = camera.follow(wanted) {
                tracing::error!(camera = %camera.id, reason = chain(&error), "settings not taken over");
            }
        }
    }

    fn look(&mut self, taken: &Taken) -> Option<Result<Observation, DetectorError>> {
        let camera = self.cameras.get_mut(taken.camera)?;
        camera.follow_carbon(clock::now_ms(), Instant::now());
        let tier = camera.tier();
        let picture = &taken.frame.picture;
        let options = camera.options(tier);
        let (detector, energy) = (&self.detector, &self.energy);
        let metered = match metered::detect(detector, self.threads, energy, &camera.id, picture, &options) {
            Ok(metered) => metered,
            Err(error) => return Some(Err(error)),
        };
        let Metered { detections, inference_ms, energy } = metered;
        let mut frame = FrameRow {
            device_id: Arc::clone(&self.device_id),
            camera_id: Arc::clone(&camera.id),
            ts: taken.frame.ts,
            frame: taken.frame.number,
            persons_detected: 0,
            objects_detected: 0,
            width: saturated(picture.width as usize),
            height: saturated(picture.height as usize),
            model: self.detector.model_name().into(),
            tier: tier.to_string().into(),
            inference_ms: inference_ms as f32,
            energy_mj: energy.energy_mj.map(|energy_mj| energy_mj as f32),
            energy_method: energy.method.into(),
            skipped: taken.skipped,
        };
        let seen = camera.see(&detections, &frame, taken.frame.steady_ms);
        let persons = seen.detections.iter().filter(|row| &*row.class == PERSON).count();
        frame.persons_detected = saturated(persons);
        frame.objects_detected = saturated(seen.detections.len());
        camera.live.count_frame(persons as u32, seen.detections.len() as u64, inference_ms, tier);
        Some(Ok(Observation { frame, detections: seen.detections, events: seen.events }))
    }
}

fn saturated(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
