//! The detector's thread: takes the newest frame of each camera in turn, detects, and makes rows of what it saw.
//!
//! One thread for all cameras, so that the time of a detection is the time of that detection and not of a queue. Carbon
//! control stands here because here is where effort is spent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use headwater_camera::{Board, Taken};
use headwater_detector::{ClassId, DetectOptions, Detection, Detector, DetectorError, MODEL_NAME, RgbFrame};
use headwater_proto::batch::detections::DetectionRow;
use headwater_proto::batch::frames::FrameRow;
use tokio::sync::mpsc;

use crate::carbon::{CarbonSignal, Ladder, Policy, Step};
use crate::clock;
use crate::energy::{EnergyModel, METHOD_CPU_MODEL, METHOD_NONE};
use crate::intake::{Item, Observation};
use crate::live::{CameraLive, PowerLive};

/// What the detector's thread needs.
pub(crate) struct Watch {
    pub(crate) device_id: Arc<str>,
    pub(crate) detector: Detector,
    pub(crate) board: Arc<Board>,
    pub(crate) cameras: Vec<WatchedCamera>,
    pub(crate) signal: Option<Arc<CarbonSignal>>,
    pub(crate) policy: Policy,
    pub(crate) energy: Option<EnergyModel>,
    pub(crate) power: Arc<PowerLive>,
    pub(crate) intake: mpsc::Sender<Item>,
}

/// What it must know of a camera.
pub(crate) struct WatchedCamera {
    pub(crate) id: Arc<str>,
    /// Everything but the input size, which is the ladder's.
    pub(crate) options: DetectOptions,
    pub(crate) ladder: Ladder,
    pub(crate) share_percent: Arc<AtomicU8>,
    pub(crate) live: Arc<CameraLive>,
}

impl Watch {
    /// Detects until every camera is closed, or nobody takes the rows any more.
    pub(crate) fn run(self) {
        let mut step = Step::default();
        while let Some(taken) = self.board.take() {
            step = self.follow_carbon(step);
            let Some(camera) = self.cameras.get(taken.camera) else { continue };
            match self.look(camera, &taken, step) {
                Ok(observation) => {
                    if self.intake.blocking_send(Item::Observation(observation)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    // The frame is counted as not looked at; the next one may be good.
                    camera.live.count_skipped(1);
                    let reason = crate::error::chain(&error);
                    tracing::warn!(camera = %camera.id, frame = taken.frame.number, %reason, "frame not detected");
                }
            }
        }
    }

    fn follow_carbon(&self, step: Step) -> Step {
        let now_ms = clock::now_ms();
        let intensity = self.signal.as_ref().and_then(|signal| signal.at(now_ms));
        let next = self.policy.next(step, intensity, now_ms);
        if next.number != step.number {
            tracing::info!(step = next.number, intensity_g_per_kwh = intensity, "carbon step changed");
            self.power.set_step(next.number);
        }
        for camera in &self.cameras {
            if let Some(effort) = camera.ladder.effort(next.number) {
                camera.share_percent.store(effort.share_percent, Ordering::Relaxed);
            }
        }
        next
    }

    fn look(&self, camera: &WatchedCamera, taken: &Taken, step: Step) -> Result<Observation, DetectorError> {
        let picture = &taken.frame.picture;
        let input_size = camera.ladder.effort(step.number).map_or(camera.options.input_size, |effort| effort.tier);
        let options = DetectOptions { input_size, ..camera.options };
        let rgb = RgbFrame::new(picture.width, picture.height, &picture.pixels)?;
        let started = Instant::now();
        let detections = self.detector.detect(&rgb, &options)?;
        let inference_ms = started.elapsed().as_secs_f64() * 1000.0;
        let energy_mj = self.energy.map(|model| model.cost_mj(inference_ms));
        energy_mj.iter().for_each(|&energy_mj| self.power.add_energy_mj(energy_mj));
        let persons = detections.iter().filter(|detection| detection.class == ClassId::PERSON).count();
        camera.live.count_frame(persons as u32, detections.len() as u64, inference_ms, input_size);
        let frame = FrameRow {
            device_id: Arc::clone(&self.device_id),
            camera_id: Arc::clone(&camera.id),
            ts: taken.frame.ts,
            frame: taken.frame.number,
            persons_detected: saturated(persons),
            objects_detected: saturated(detections.len()),
            width: saturated(picture.width as usize),
            height: saturated(picture.height as usize),
            model: MODEL_NAME.into(),
            tier: input_size.to_string().into(),
            inference_ms: inference_ms as f32,
            energy_mj: energy_mj.map(|energy_mj| energy_mj as f32),
            energy_method: if energy_mj.is_some() { METHOD_CPU_MODEL } else { METHOD_NONE }.into(),
            skipped: taken.skipped,
        };
        let detections = detections.iter().map(|detection| row_of(detection, &frame)).collect();
        Ok(Observation { frame, detections })
    }
}

fn row_of(detection: &Detection, frame: &FrameRow) -> DetectionRow {
    DetectionRow {
        device_id: Arc::clone(&frame.device_id),
        camera_id: Arc::clone(&frame.camera_id),
        ts: frame.ts,
        frame: frame.frame,
        class: detection.class.name().into(),
        confidence: detection.confidence,
        x1: detection.x1,
        y1: detection.y1,
        x2: detection.x2,
        y2: detection.y2,
        track_id: None,
    }
}

fn saturated(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
