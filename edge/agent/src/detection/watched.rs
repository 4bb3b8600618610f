//! What the detection thread knows of one camera: what to look for, which thing is which, and where things are counted.
//!
//! Detection is asked for more than is reported: boxes of low confidence carry on what is tracked already, so that a
//! person who is half hidden does not flicker. What is reported is what is sure enough by itself, and what is tracked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use headwater_carbon::controller::ControlError;
use headwater_detector::{ClassId, ClassSet, DetectOptions, Detection};
use headwater_proto::batch::control::{Line, Zone};
use headwater_proto::batch::detections::DetectionRow;
use headwater_proto::batch::events::EventRow;
use headwater_proto::batch::frames::FrameRow;
use headwater_track::{
    Arrival, Change, Counter, Departure, Direction, Event, Sighting, TrackError, TrackOptions, Tracker,
};

use crate::carbon::Alert;
use crate::carbon::control::CameraControl;
use crate::config::CameraConfig;
use crate::effort::Effort;
use crate::live::CameraLive;

/// Why a camera cannot be watched like this.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A zone, a line, or an option of tracking cannot be.
    #[error("tracking")]
    Track(#[from] TrackError),
    /// No way to look is left for carbon control.
    #[error("carbon control")]
    Control(#[from] ControlError),
}

/// A camera that is watched.
pub(crate) struct WatchedCamera {
    pub(crate) id: Arc<str>,
    pub(crate) live: Arc<CameraLive>,
    effort: Arc<Effort>,
    control: CameraControl,
    alert_classes: Vec<String>,
    /// What the network can tell apart.
    findable: ClassSet,
    /// Of this camera, and of any.
    alerts: [Arc<Alert>; 2],
    tier: u32,
    threshold: f32,
    options: DetectOptions,
    /// Nothing where things are not tracked.
    tracking: Option<Tracking>,
}

struct Tracking {
    tracker: Tracker,
    counter: Counter,
}

/// What was seen in a frame, as rows.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) detections: Vec<DetectionRow>,
    pub(crate) events: Vec<EventRow>,
}

impl WatchedCamera {
    /// # Errors
    /// A zone, a line or an option of tracking that cannot be; the settings were not validated then.
    pub(crate) fn new(
        config: &CameraConfig,
        live: Arc<CameraLive>,
        effort: Arc<Effort>,
        control: CameraControl,
        alert_classes: Vec<String>,
        findable: ClassSet,
        any_alert: Arc<Alert>,
    ) -> Result<Self, TrackError> {
        let mut camera = Self {
            id: config.id.as_str().into(),
            live,
            effort,
            control,
            alert_classes,
            findable,
            alerts: [Arc::default(), any_alert],
            tier: config.tiers.first().copied().unwrap_or_default(),
            threshold: config.threshold,
            options: DetectOptions::default(),
            tracking: None,
        };
        camera.take_over(config)?;
        Ok(camera)
    }

    /// Goes on with other settings; what is tracked stays, and so do the counts of zones and lines that are the same.
    ///
    /// # Errors
    /// As [`WatchedCamera::new`].
    pub(crate) fn follow(&mut self, config: &CameraConfig) -> Result<(), TrackError> {
        self.control.follow(config);
        self.take_over(config)
    }

    fn take_over(&mut self, config: &CameraConfig) -> Result<(), TrackError> {
        self.warn_of_unfindable(config);
        self.threshold = config.threshold;
        // What nobody is told of by itself begins no track either.
        let confidence_start = config.tracking.confidence_start.max(config.threshold);
        let tracking = TrackOptions { confidence_start, ..config.tracking };
        let low = if config.track { config.tracking.confidence_low } else { config.threshold };
        self.options = DetectOptions {
            threshold: config.threshold.min(low),
            nms_iou: config.nms_iou,
            classes: class_set(&config.classes),
            ..DetectOptions::default()
        };
        if !config.track {
            self.tracking = None;
            return Ok(());
        }
        let (zones, lines) = (zones(&config.zones), lines(&config.lines));
        match &mut self.tracking {
            None => {
                let tracker = Tracker::new(tracking)?;
                let counter = Counter::new(&zones, &lines, config.counting)?;
                self.tracking = Some(Tracking { tracker, counter });
            }
            Some(Tracking { tracker, counter }) => {
                tracker.set_options(tracking)?;
                counter.set_places(&zones, &lines, config.counting)?;
            }
        }
        Ok(())
    }

    /// Says which classes are asked for that the network does not know: they would be waited for in vain.
    fn warn_of_unfindable(&self, config: &CameraConfig) {
        let of_places =
            config.zones.iter().map(|zone| &zone.classes).chain(config.lines.iter().map(|line| &line.classes));
        let asked: BTreeSet<&String> = of_places.flatten().chain(&config.classes).chain(&self.alert_classes).collect();
        for class in asked.into_iter().filter(|name| !is_findable(self.findable, name)) {
            tracing::warn!(camera = config.id, class, "the network does not know this class and will never find it");
        }
    }

    /// Takes over what carbon control asks for now.
    pub(crate) fn follow_carbon(&mut self, now_ms: i64, now: Instant) {
        let setting = self.control.setting(now_ms, now, self.alerts[0].lasts(now_ms));
        self.tier = setting.tier;
        self.effort.set_fps_max(setting.fps_max);
        self.live.set_carbon_step(setting.step);
    }

    /// How to detect now.
    pub(crate) fn options(&self) -> DetectOptions {
        DetectOptions { input_size: self.tier, ..self.options }
    }

    /// Takes what was detected in a frame, `steady_ms` on a clock that nobody sets.
    pub(crate) fn see(&mut self, detections: &[Detection], frame: &FrameRow, steady_ms: i64) -> Seen {
        let mut seen = Seen::default();
        let mut ids = vec![None; detections.len()];
        if let Some(Tracking { tracker, counter }) = &mut self.tracking {
            let sightings: Vec<Sighting> = detections.iter().map(sighting).collect();
            let tracking = tracker.update(steady_ms, &sightings);
            let events = counter.update(steady_ms, &tracking.tracks, [frame.width.into(), frame.height.into()]);
            seen.events = events.iter().map(|event| event_row(event, frame)).collect();
            ids = tracking.ids;
        }
        let reported =
            detections.iter().zip(ids).filter(|(found, id)| found.confidence >= self.threshold || id.is_some());
        seen.detections = reported.map(|(found, id)| detection_row(found, id, frame)).collect();
        if seen.detections.iter().any(|row| self.alert_classes.iter().any(|class| **class == *row.class)) {
            self.alerts.iter().for_each(|alert| alert.seen(frame.ts));
        }
        seen
    }
}

fn is_findable(findable: ClassSet, name: &str) -> bool {
    ClassId::from_name(name).is_some_and(|class| findable.contains(class))
}

/// The classes of these names; all where none is named.
fn class_set(names: &[String]) -> ClassSet {
    if names.is_empty() {
        return ClassSet::ALL;
    }
    names.iter().filter_map(|name| ClassId::from_name(name)).collect()
}

fn class_numbers(names: &[String]) -> Vec<u16> {
    names.iter().filter_map(|name| ClassId::from_name(name)).map(number).collect()
}

fn number(class: ClassId) -> u16 {
    class.index() as u16
}

/// The zones of the settings, as the counter has them.
pub(crate) fn zones(zones: &[Zone]) -> Vec<headwater_track::Zone> {
    let zone = |Zone { name, polygon, classes }: &Zone| headwater_track::Zone {
        name: name.clone(),
        polygon: polygon.clone(),
        classes: class_numbers(classes),
    };
    zones.iter().map(zone).collect()
}

/// The lines of the settings, as the counter has them.
pub(crate) fn lines(lines: &[Line]) -> Vec<headwater_track::Line> {
    let line = |Line { name, from, to, classes }: &Line| headwater_track::Line {
        name: name.clone(),
        from: *from,
        to: *to,
        classes: class_numbers(classes),
    };
    lines.iter().map(line).collect()
}

fn sighting(detection: &Detection) -> Sighting {
    let Detection { class, confidence, x1, y1, x2, y2 } = *detection;
    Sighting { class: number(class), confidence, x1, y1, x2, y2 }
}

fn detection_row(detection: &Detection, track_id: Option<u64>, frame: &FrameRow) -> DetectionRow {
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
        track_id,
    }
}

fn event_row(event: &Event, frame: &FrameRow) -> EventRow {
    let (name, dwell_ms, occupancy) = match event.change {
        Change::Enter { arrival: Arrival::Crossed, occupancy } => ("enter", None, Some(occupancy)),
        Change::Enter { arrival: Arrival::Appeared, occupancy } => ("appear", None, Some(occupancy)),
        Change::Exit { departure: Departure::Crossed, dwell_ms, occupancy } => {
            ("exit", Some(dwell_ms), Some(occupancy))
        }
        Change::Exit { departure: Departure::Lost, dwell_ms, occupancy } => ("lost", Some(dwell_ms), Some(occupancy)),
        Change::Cross { direction: Direction::Forward } => ("forward", None, None),
        Change::Cross { direction: Direction::Backward } => ("backward", None, None),
    };
    EventRow {
        device_id: Arc::clone(&frame.device_id),
        camera_id: Arc::clone(&frame.camera_id),
        ts: frame.ts,
        frame: frame.frame,
        event: name.into(),
        place: Arc::clone(&event.place),
        class: ClassId::new(event.class.into()).map_or("unknown", ClassId::name).into(),
        track_id: event.track_id,
        dwell_ms: dwell_ms.and_then(|dwell_ms| u64::try_from(dwell_ms).ok()),
        occupancy,
    }
}

#[cfg(test)]
mod tests;
