//! A detection and what it took: its time, its energy, and how that is known. Those who detect for the result and those
//! who measure do it alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_camera::Picture;
use headwater_detector::{DetectOptions, Detection, Detector, DetectorError, RgbFrame};
use headwater_sensors::{EnergyAccount, FrameEnergy, cpu};

/// What was found in a frame, and at what cost.
pub(crate) struct Metered {
    pub(crate) detections: Vec<Detection>,
    pub(crate) inference_ms: f64,
    pub(crate) energy: FrameEnergy,
}

/// Detects for a camera, and charges it.
///
/// # Errors
/// As [`Detector::detect`]; nobody is charged then.
pub(crate) fn detect(
    detector: &Detector,
    energy: &EnergyAccount,
    camera: &Arc<str>,
    picture: &Picture,
    options: &DetectOptions,
) -> Result<Metered, DetectorError> {
    let frame = RgbFrame::new(picture.width, picture.height, &picture.pixels)?;
    // By the threads' own clocks: other threads of the process, another agent's among them, are busy as well.
    let busy = || detector.on_each_thread(cpu::thread_time).into_iter().sum::<Duration>();
    let (busy_before, started) = (busy(), Instant::now());
    let span = energy.begin(camera, detector.thread_count(), started);
    let detections = detector.detect(&frame, options)?;
    let ended = Instant::now();
    let energy = span.finish(busy().saturating_sub(busy_before), ended);
    Ok(Metered { detections, inference_ms: ended.duration_since(started).as_secs_f64() * 1000.0, energy })
}
