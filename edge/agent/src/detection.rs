//! The detection thread: takes the newest frame of each camera in turn, detects, and makes rows of what it saw.
//!
//! One thread for all cameras, so that the time of a detection is the time of that detection and not of a queue; where
//! frames of several cameras wait, as many as there are threads are detected at once ([`batch`]). Carbon
//! control stands here because here is where effort is spent, and settings that change while the agent runs are taken
//! over here, between two frames.

pub(crate) mod batch;
pub(crate) mod watched;

use std::sync::Arc;
use std::time::Instant;

use headwater_camera::{Board, Taken};
use headwater_proto::batch::frames::FrameRow;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::config::Config;
use crate::error::chain;
use crate::intake::{Item, Observation};
use crate::metered::Metered;
use batch::{BatchDetector, Job};
use watched::WatchedCamera;

/// The class that `persons_detected` counts.
const PERSON: &str = "person";

/// What the detector's thread needs.
pub(crate) struct Watch {
    pub(crate) device_id: Arc<str>,
    pub(crate) detector: BatchDetector,
    pub(crate) board: Arc<Board>,
    pub(crate) cameras: Vec<WatchedCamera>,
    pub(crate) settings: watch::Receiver<Arc<Config>>,
    pub(crate) intake: mpsc::Sender<Item>,
}

impl Watch {
    /// Detects until every camera is closed, or nobody takes the rows any more.
    pub(crate) fn run(mut self) {
        loop {
            let taken = self.board.take(self.detector.at_once());
            if taken.is_empty() {
                return;
            }
            self.follow_settings();
            for observation in self.look(&taken) {
                if self.intake.blocking_send(Item::Observation(observation)).is_err() {
                    return;
                }
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

    /// Detects in frames of as many cameras, and says what was seen.
    fn look<'a>(&mut self, taken: &'a [Taken]) -> Vec<Observation> {
        let (now_ms, now) = (clock::now_ms(), Instant::now());
        let job = |taken: &'a Taken| {
            let camera = &mut self.cameras[taken.camera];
            camera.follow_carbon(now_ms, now);
            Job { camera: Arc::clone(&camera.id), picture: &taken.frame.picture, options: camera.options() }
        };
        let jobs: Vec<Job<'a>> = taken.iter().map(job).collect();
        let detected = self.detector.detect(&jobs);
        let seen = taken.iter().zip(jobs).zip(detected);
        seen.filter_map(|((taken, job), detected)| match detected {
            Ok(metered) => Some(self.see(taken, job.options.input_size, metered)),
            Err(error) => {
                // The frame is counted as not looked at; the next one may be good.
                let camera = &self.cameras[taken.camera];
                camera.live.count_skipped(1);
                let reason = chain(&error);
                tracing::warn!(camera = %camera.id, frame = taken.frame.number, %reason, "frame not detected");
                None
            }
        })
        .collect()
    }

    fn see(&mut self, taken: &Taken, tier: u32, metered: Metered) -> Observation {
        let Metered { detections, inference_ms, energy } = metered;
        let camera = &mut self.cameras[taken.camera];
        let picture = &taken.frame.picture;
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
        Observation { frame, detections: seen.detections, events: seen.events }
    }
}

fn saturated(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
