//! When rows become a message: at a number of them, or when the first has waited long enough. Pure: rows and moments in,
//! rows out.

use std::time::{Duration, Instant};

use headwater_proto::batch::detections::DetectionRow;
use headwater_proto::batch::events::EventRow;
use headwater_proto::batch::frames::FrameRow;

use crate::intake::Observation;

/// Rows that wait for others. Frames, their detections and events leave together, so that no topic runs ahead.
pub(crate) struct Batcher {
    rows: usize,
    linger: Duration,
    filled: Rows,
    first_at: Option<Instant>,
}

/// Rows that leave together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) frames: Vec<FrameRow>,
    pub(crate) detections: Vec<DetectionRow>,
    pub(crate) events: Vec<EventRow>,
}

impl Batcher {
    pub(crate) fn new(rows: usize, linger: Duration) -> Self {
        Self { rows, linger, filled: Rows::default(), first_at: None }
    }

    /// Takes a frame's rows; gives the batch when it is full.
    pub(crate) fn push(&mut self, observation: Observation, now: Instant) -> Option<Rows> {
        self.first_at.get_or_insert(now);
        self.filled.frames.push(observation.frame);
        self.filled.detections.extend(observation.detections);
        self.filled.events.extend(observation.events);
        let is_full = self.filled.frames.len() >= self.rows || self.filled.detections.len() >= self.rows;
        if is_full { self.take() } else { None }
    }

    /// When the batch is to leave though it is not full; nothing while it is empty.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.first_at.map(|first_at| first_at + self.linger)
    }

    /// The batch as it is; nothing when it is empty.
    pub(crate) fn take(&mut self) -> Option<Rows> {
        self.first_at.take().map(|_| std::mem::take(&mut self.filled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(frame: u64, detections: usize) -> Observation {
        let row = FrameRow {
            device_id: "d".into(),
            camera_id: "c".into(),
            ts: 0,
            frame,
            persons_detected: 0,
            objects_detected: 0,
            width: 1,
            height: 1,
            model: "m".into(),
            tier: "416".into(),
            inference_ms: 0.0,
            energy_mj: None,
            energy_method: "none".into(),
            skipped: 0,
        };
        let detection = DetectionRow {
            device_id: "d".into(),
            camera_id: "c".into(),
            ts: 0,
            frame,
            class: "person".into(),
            confidence: 1.0,
            x1: 0.0,
            y1: 0.0,
            x2: 1.0,
            y2: 1.0,
            track_id: None,
        };
        Observation { frame: row, detections: vec![detection; detections], events: Vec::new() }
    }

    fn sizes(rows: Option<Rows>) -> Option<(usize, usize)> {
        rows.map(|rows| (rows.frames.len(), rows.detections.len()))
    }

    #[test]
    fn a_batch_leaves_when_frames_or_detections_fill_it() {
        let now = Instant::now();
        let mut batcher = Batcher::new(3, Duration::from_secs(1));
        assert_eq!(sizes(batcher.push(observation(0, 0), now)), None);
        assert_eq!(sizes(batcher.push(observation(1, 1), now)), None);
        assert_eq!(sizes(batcher.push(observation(2, 0), now)), Some((3, 1)));
        assert_eq!(sizes(batcher.push(observation(3, 5), now)), Some((1, 5)));
        assert_eq!(sizes(batcher.take()), None);
    }

    #[test]
    fn the_first_row_sets_the_deadline() {
        let now = Instant::now();
        let mut batcher = Batcher::new(3, Duration::from_secs(1));
        assert_eq!(batcher.deadline(), None);
        batcher.push(observation(0, 0), now);
        batcher.push(observation(1, 0), now + Duration::from_millis(700));
        assert_eq!(batcher.deadline(), Some(now + Duration::from_secs(1)));
        assert_eq!(sizes(batcher.take()), Some((2, 0)));
        assert_eq!(batcher.deadline(), None);
    }
}
