//! What a camera reports of made-up detections.

use headwater_carbon::Machine;

use super::*;
use crate::carbon::control::Means;
use crate::metrics::inference_times;

fn camera(config: &CameraConfig) -> WatchedCamera {
    let times = inference_times().get_or_create_owned(&crate::metrics::Labels::default());
    let live = Arc::new(CameraLive::new("door", "synthetic".into(), 416, times));
    let (_, outlook) = tokio::sync::watch::channel(None);
    let means = Means { settings: None, model: "nanodet-g".into(), machine: Machine::default(), outlook };
    let control = CameraControl::new(config, means).unwrap();
    WatchedCamera::new(config, live, Arc::default(), control, vec![], ClassSet::ALL, Arc::default()).unwrap()
}

fn settings() -> CameraConfig {
    let line = Line { name: "middle".into(), from: [0.5, 0.0], to: [0.5, 1.0], classes: vec!["person".into()] };
    let zone =
        Zone { name: "right".into(), polygon: vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]], classes: vec![] };
    CameraConfig { lines: vec![line], zones: vec![zone], ..CameraConfig::synthetic("door", None) }
}

fn frame(number: u64) -> FrameRow {
    FrameRow {
        device_id: "north".into(),
        camera_id: "door".into(),
        ts: 1_000_000 + number as i64 * 100,
        frame: number,
        persons_detected: 0,
        objects_detected: 0,
        width: 640,
        height: 480,
        model: "m".into(),
        tier: "416".into(),
        inference_ms: 0.0,
        energy_mj: None,
        energy_method: "none".into(),
        skipped: 0,
    }
}

/// A person whose foot point is at `x`, in pixels.
fn person(x: f32, confidence: f32) -> Detection {
    Detection { class: ClassId::PERSON, confidence, x1: x - 20.0, y1: 200.0, x2: x + 20.0, y2: 300.0 }
}

/// Somebody walks from the left to the right, 10 pixels a frame.
fn walk(camera: &mut WatchedCamera, confidence: impl Fn(u64) -> f32) -> Vec<Seen> {
    let step = |number: u64| {
        let seen = [person(100.0 + 10.0 * number as f32, confidence(number))];
        camera.see(&seen, &frame(number), number as i64 * 100)
    };
    (0..45).map(step).collect()
}

#[test]
fn who_walks_by_has_one_track_and_is_counted_once() {
    let seen = walk(&mut camera(&settings()), |_| 0.8);
    let ids: std::collections::BTreeSet<u64> =
        seen.iter().flat_map(|seen| &seen.detections).filter_map(|row| row.track_id).collect();
    assert_eq!(ids.len(), 1);
    let events: Vec<(&str, &str, Option<u32>)> =
        seen.iter().flat_map(|seen| &seen.events).map(|row| (&*row.place, &*row.event, row.occupancy)).collect();
    // The line is drawn from the top to the bottom: from the left of the picture to its right is backward.
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.contains(&("middle", "backward", None)), "{events:?}");
    assert!(events.contains(&("right", "enter", Some(1))), "{events:?}");
    let event = seen.iter().flat_map(|seen| &seen.events).next().unwrap();
    assert_eq!((event.ts, &*event.class), (1_000_000 + event.frame as i64 * 100, "person"));
}

#[test]
fn who_is_tracked_does_not_flicker() {
    let seen = walk(&mut camera(&settings()), |number| if number % 4 == 3 && number > 8 { 0.25 } else { 0.8 });
    let counts: Vec<usize> = seen.iter().map(|seen| seen.detections.len()).collect();
    assert_eq!(counts, [1; 45]);

    let untracked = CameraConfig { track: false, ..settings() };
    let seen = walk(&mut camera(&untracked), |number| if number % 4 == 3 && number > 8 { 0.25 } else { 0.8 });
    assert_eq!(seen.iter().filter(|seen| seen.detections.is_empty()).count(), 9);
    assert!(seen.iter().all(|seen| seen.events.is_empty() && seen.detections.iter().all(|row| row.track_id.is_none())));
}

#[test]
fn other_settings_keep_the_tracks() {
    let mut camera = camera(&settings());
    let mut ids = Vec::new();
    for number in 0..40 {
        if number == 20 {
            camera.follow(&CameraConfig { threshold: 0.5, lines: vec![], ..settings() }).unwrap();
        }
        let seen = camera.see(&[person(100.0 + 10.0 * number as f32, 0.8)], &frame(number), number as i64 * 100);
        ids.extend(seen.detections.iter().filter_map(|row| row.track_id));
        assert!(seen.events.iter().all(|event| &*event.place == "right" || number < 20));
    }
    assert!(ids.len() > 30 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn what_nobody_believes_is_reported_by_its_own_confidence_only() {
    let mut camera = camera(&settings());
    let seen = camera.see(&[person(100.0, 0.39), person(300.0, 0.41)], &frame(0), 0);
    assert_eq!(seen.detections.iter().map(|row| row.confidence).collect::<Vec<_>>(), [0.41]);
}
