//! Drawn scenes: identities and counts, at many frame rates.

use std::collections::{BTreeMap, BTreeSet};

use headwater_track::{Change, CountOptions, Counter, Direction, Line, TrackOptions, Tracker, Zone};

use crate::drawing::{Drawn, FRAME, Scene};
use crate::metrics::Score;

/// Scenes of a kind, each drawn anew.
const SCENES: u64 = 25;

/// What came of a number of scenes.
#[derive(Debug, Default)]
struct Sum {
    idf1: f64,
    mota: f64,
    switches: usize,
    people: usize,
    tracks: usize,
    crossings: [u64; 2],
    counted: [u64; 2],
    /// Crossings that are counted too often or too little, scene by scene and direction by direction.
    wrong: u64,
    zone_entries: u64,
    zone_counted: u64,
}

impl Sum {
    /// Whether the entries are right to within a part of them. Who is lost in a zone and found again as another counts
    /// twice.
    fn zones_are_within(&self, part: f64) -> bool {
        self.zone_counted.abs_diff(self.zone_entries) as f64 <= part * self.zone_entries as f64
    }
}

fn middle() -> Line {
    Line { name: "middle".into(), from: [0.5, 0.0], to: [0.5, 1.0], classes: vec![] }
}

fn half() -> Zone {
    Zone { name: "half".into(), polygon: vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]], classes: vec![] }
}

fn run(scene: Scene, sum: &mut Sum) {
    let frames = scene.draw();
    let mut tracker = Tracker::new(TrackOptions::default()).expect("the defaults are good");
    let mut counter = Counter::new(&[half()], &[middle()], CountOptions::default()).expect("these can be counted at");
    let (mut score, mut ids, mut changes) = (Score::default(), BTreeSet::new(), Vec::new());
    for frame in &frames {
        let tracking = tracker.update(frame.ts_ms, &frame.sightings);
        changes.extend(counter.update(frame.ts_ms, &tracking.tracks, FRAME).into_iter().map(|event| event.change));
        let seen = tracking.tracks.iter().filter(|track| track.seen);
        let boxes: Vec<_> = seen.map(|track| (track.id, [track.x1, track.y1, track.x2, track.y2])).collect();
        ids.extend(boxes.iter().map(|(id, _)| *id));
        score.add(&frame.truth, &boxes);
    }
    let true_counts = crossings(&frames);
    let count = |wanted: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| wanted(change)).count() as u64;
    let crossed =
        [Direction::Forward, Direction::Backward].map(|direction| count(&|&c| c == Change::Cross { direction }));
    for (index, (truth, counted)) in true_counts.into_iter().zip(crossed).enumerate() {
        sum.crossings[index] += truth;
        sum.counted[index] += counted;
        sum.wrong += truth.abs_diff(counted);
    }
    // Those who come from the right appear in the zone, and those who come from the left cross into it.
    let entries = count(&|change| matches!(change, Change::Enter { .. }));
    let exits = count(&|change| matches!(change, Change::Exit { .. }));
    let occupancy = changes.iter().rev().find_map(|change| match change {
        Change::Enter { occupancy, .. } | Change::Exit { occupancy, .. } => Some(u64::from(*occupancy)),
        Change::Cross { .. } => None,
    });
    assert_eq!(entries - exits, occupancy.unwrap_or(0));
    sum.zone_entries += scene.people as u64 / 2 + true_counts[1];
    sum.zone_counted += entries;
    sum.idf1 += score.idf1();
    sum.mota += score.mota();
    sum.switches += score.switches();
    sum.people += scene.people;
    sum.tracks += ids.len();
}

/// True crossings of the middle of the frame: to the left, which is forward over a line drawn downwards, and back.
fn crossings(frames: &[Drawn]) -> [u64; 2] {
    let middle = FRAME[0] as f32 / 2.0;
    let mut last = BTreeMap::new();
    let mut counts = [0, 0];
    for present in frames.iter().flat_map(|frame| &frame.truth) {
        let is_left = 0.5 * (present.corners[0] + present.corners[2]) < middle;
        match last.insert(present.person, is_left) {
            Some(false) if is_left => counts[0] += 1,
            Some(true) if !is_left => counts[1] += 1,
            _ => {}
        }
    }
    counts
}

fn many(name: &str, scene: Scene) -> Sum {
    let mut sum = Sum::default();
    (1..=SCENES).for_each(|seed| run(Scene { seed, ..scene }, &mut sum));
    sum.idf1 /= SCENES as f64;
    sum.mota /= SCENES as f64;
    let Sum { idf1, mota, switches, people, tracks, .. } = sum;
    print!("{name:<22} IDF1 {idf1:.3}  MOTA {mota:.3}  switches {switches:>3}  tracks {tracks:>3} of {people:>3}  ");
    print!("crossings {:?} counted {:?} wrong {:>2}  ", sum.crossings, sum.counted, sum.wrong);
    println!("entries {} counted {}", sum.zone_entries, sum.zone_counted);
    sum
}

#[test]
fn a_quiet_scene_is_crossed_without_a_mistake() {
    let quiet = Scene { people: 3, missed: 0.0, invented_per_s: 0.0, ..Scene::default() };
    let sum = many("quiet, 10 fps", quiet);
    assert!(sum.idf1 > 0.92 && sum.wrong == 0, "{sum:?}");
    assert!(sum.zones_are_within(0.1), "{sum:?}");
}

#[test]
fn a_busy_scene_is_counted_nearly_right_from_two_frames_a_second_on() {
    let busy = Scene { people: 10, missed: 0.08, invented_per_s: 1.0, ..Scene::default() };
    let rates = [
        ("busy, 30 fps", [30.0, 37.0], 0.75, 0.1),
        ("busy, 10 fps", [90.0, 110.0], 0.75, 0.1),
        ("busy, uneven 2 to 20", [50.0, 500.0], 0.65, 0.25),
        ("busy, 2 fps", [490.0, 510.0], 0.58, 0.3),
    ];
    for (name, step_ms, idf1_min, zones_within) in rates {
        let sum = many(name, Scene { step_ms, ..busy });
        assert!(sum.idf1 >= idf1_min, "{name}: {sum:?}");
        assert!(sum.wrong * 10 <= sum.crossings[0] + sum.crossings[1], "{name}: {sum:?}");
        assert!(sum.zones_are_within(zones_within), "{name}: {sum:?}");
    }
}

/// People here walk several of their widths in a second. That is the limit, and it is known.
#[test]
fn a_busy_scene_at_one_frame_a_second_is_followed_in_part() {
    let busy = Scene { people: 10, missed: 0.08, invented_per_s: 1.0, step_ms: [980.0, 1020.0], ..Scene::default() };
    assert!(many("busy, 1 fps", busy).idf1 > 0.35);
}

#[test]
fn a_detector_that_misses_every_third_time_still_gives_counts() {
    let sum = many("a third missed, 10 fps", Scene { missed: 0.33, people: 5, ..Scene::default() });
    assert!(sum.idf1 > 0.6, "{sum:?}");
    assert!(sum.wrong * 10 <= sum.crossings[0] + sum.crossings[1], "{sum:?}");
    assert!(sum.zones_are_within(0.25), "{sum:?}");
}
