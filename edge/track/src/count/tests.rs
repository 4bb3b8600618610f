//! The known mistakes of counting, one by one, and what holds whatever comes.

use proptest::prelude::*;

use super::event::{Arrival, Change, Departure, Direction};
use super::*;

const FRAME: [u32; 2] = [1000, 1000];

/// A track that stands at a point of a frame of 1000 × 1000, seen now and never before.
fn standing(id: u64, x: f32, y: f32) -> Track {
    let [x1, y1, x2, y2] = [x - 20.0, y - 100.0, x + 20.0, y];
    Track { id, class: 0, x1, y1, x2, y2, seen: true, age_ms: 0, origin: [x, y] }
}

/// From the top of the picture to its bottom, in the middle of it.
fn door() -> Line {
    Line { name: "door".into(), from: [0.5, 0.2], to: [0.5, 0.8], classes: vec![] }
}

fn shop() -> Zone {
    Zone { name: "shop".into(), polygon: vec![[0.5, 0.2], [0.9, 0.2], [0.9, 0.8], [0.5, 0.8]], classes: vec![] }
}

/// A counter with all that it has said.
struct Watched {
    counter: Counter,
    events: Vec<Event>,
}

impl Watched {
    fn new(zones: &[Zone], lines: &[Line]) -> Self {
        Self { counter: Counter::new(zones, lines, CountOptions::default()).unwrap(), events: Vec::new() }
    }

    fn update(&mut self, ts_ms: i64, tracks: &[Track]) -> Vec<Event> {
        let events = self.counter.update(ts_ms, tracks, FRAME);
        self.events.extend_from_slice(&events);
        events
    }

    /// One thing along these points, a tenth of a second each.
    fn walk(&mut self, id: u64, points: &[[f32; 2]]) -> Vec<Event> {
        let from_ms = self.counter.now_ms;
        let frames = points.iter().enumerate();
        frames.flat_map(|(i, &[x, y])| self.update(from_ms + 100 * (i as i64 + 1), &[standing(id, x, y)])).collect()
    }

    fn count(&self, place: &str, wanted: impl Fn(Change) -> bool) -> usize {
        self.events.iter().filter(|event| &*event.place == place && wanted(event.change)).count()
    }

    /// How often a line was crossed, forward and backward.
    fn crossings(&self, line: &str) -> (usize, usize) {
        let crossed =
            |wanted| self.count(line, |change| matches!(change, Change::Cross { direction } if direction == wanted));
        (crossed(Direction::Forward), crossed(Direction::Backward))
    }

    /// How many came into the shop, and how many left it.
    fn visits(&self) -> (usize, usize) {
        let entries = self.count("shop", |change| matches!(change, Change::Enter { .. }));
        (entries, self.count("shop", |change| matches!(change, Change::Exit { .. })))
    }

    /// How many are in the first zone.
    fn occupancy(&self) -> u32 {
        self.counter.zones[0].occupancy
    }
}

fn watched() -> Watched {
    Watched::new(&[shop()], &[door()])
}

fn along(from: [f32; 2], to: [f32; 2], steps: usize) -> Vec<[f32; 2]> {
    let share = |step: usize| step as f32 / steps as f32;
    (0..=steps).map(|step| [0, 1].map(|axis| from[axis] + share(step) * (to[axis] - from[axis]))).collect()
}

#[test]
fn the_way_from_the_left_of_a_line_to_its_right_is_forward() {
    // Looking down the picture the left hand is on its right.
    let mut watched = watched();
    let events = watched.walk(1, &along([700.0, 500.0], [300.0, 500.0], 20));
    let crossed: Vec<Change> =
        events.iter().filter(|event| &*event.place == "door").map(|event| event.change).collect();
    assert_eq!(crossed, [Change::Cross { direction: Direction::Forward }]);
    watched.walk(1, &along([300.0, 500.0], [700.0, 500.0], 20));
    assert_eq!(watched.crossings("door"), (1, 1));
}

#[test]
fn a_slow_one_is_counted_once() {
    let mut watched = watched();
    watched.walk(1, &along([470.0, 500.0], [530.0, 500.0], 900));
    assert_eq!(watched.crossings("door"), (0, 1));
}

#[test]
fn a_fast_one_that_is_never_seen_near_the_line_is_counted() {
    let mut watched = watched();
    watched.walk(1, &[[100.0, 500.0], [900.0, 500.0], [900.0, 500.0], [900.0, 500.0]]);
    assert_eq!(watched.crossings("door"), (0, 1));
}

#[test]
fn who_stands_on_the_line_and_trembles_is_not_counted() {
    let mut watched = watched();
    watched.walk(1, &along([300.0, 500.0], [500.0, 500.0], 20));
    let trembling: Vec<[f32; 2]> = (0..600).map(|i| [500.0 + 14.0 * (i as f32 * 1.7).sin(), 500.0]).collect();
    watched.walk(1, &trembling);
    assert_eq!(watched.crossings("door"), (0, 0));
    watched.walk(1, &along([500.0, 500.0], [700.0, 500.0], 20));
    assert_eq!(watched.crossings("door"), (0, 1), "and once where it went on at last");
}

#[test]
fn who_turns_back_on_the_line_is_not_counted() {
    let mut watched = watched();
    let mut there_and_back = along([300.0, 500.0], [510.0, 500.0], 20);
    there_and_back.extend(along([510.0, 500.0], [300.0, 500.0], 20));
    watched.walk(1, &there_and_back);
    assert_eq!(watched.crossings("door"), (0, 0));
}

#[test]
fn a_flicker_to_the_other_side_is_no_crossing() {
    let mut watched = watched();
    for _ in 0..20 {
        watched.walk(1, &[[400.0, 500.0], [400.0, 500.0], [400.0, 500.0], [600.0, 500.0], [600.0, 500.0]]);
    }
    assert_eq!(watched.crossings("door"), (0, 0));
    assert_eq!(watched.visits(), (0, 0));
}

#[test]
fn a_track_that_is_not_seen_crosses_nothing_until_it_is_seen_again() {
    let mut watched = watched();
    watched.walk(1, &along([300.0, 500.0], [450.0, 500.0], 10));
    for frame in 1..10 {
        let guessed = Track { seen: false, ..standing(1, 450.0 + 20.0 * frame as f32, 500.0) };
        assert!(watched.update(watched.counter.now_ms + 100, &[guessed]).is_empty());
    }
    watched.walk(1, &along([640.0, 500.0], [700.0, 500.0], 5));
    assert_eq!(watched.crossings("door"), (0, 1));
}

#[test]
fn who_walks_around_the_end_of_a_line_has_not_crossed_it() {
    let mut watched = watched();
    let mut around = along([300.0, 500.0], [300.0, 900.0], 10);
    around.extend(along([300.0, 900.0], [700.0, 900.0], 20));
    around.extend(along([700.0, 900.0], [700.0, 500.0], 10));
    watched.walk(1, &around);
    assert_eq!(watched.crossings("door"), (0, 0));
    watched.walk(1, &along([700.0, 500.0], [300.0, 500.0], 20));
    assert_eq!(watched.crossings("door"), (1, 0));
}

#[test]
fn two_at_once_are_two() {
    // Without ids of their own they were one that jumps to and fro.
    let mut watched = watched();
    for step in 0..30 {
        let x = 300.0 + 15.0 * step as f32;
        let tracks = [standing(1, x, 400.0), standing(2, x, 600.0), standing(3, 1000.0 - x, 500.0)];
        watched.update(step * 100, &tracks);
    }
    assert_eq!(watched.crossings("door"), (1, 2));
    assert_eq!((watched.visits(), watched.occupancy()), ((3, 1), 2));
}

#[test]
fn a_thing_that_is_believed_late_is_counted_from_where_it_was_first_seen() {
    let mut watched = watched();
    // First seen 300 ms ago on the other side of the line.
    let late = Track { age_ms: 300, origin: [440.0, 500.0], ..standing(1, 560.0, 500.0) };
    watched.update(1000, &[late]);
    watched.update(1200, &[Track { age_ms: 500, ..late }]);
    assert_eq!(watched.crossings("door"), (0, 1));
    assert_eq!(watched.visits(), (1, 0));
}

#[test]
fn a_stay_lasts_from_the_first_frame_inside_to_the_first_outside() {
    let mut watched = watched();
    let outside = [[400.0, 500.0]; 5];
    let events = watched.walk(7, &[outside.as_slice(), &[[700.0, 500.0]; 20], &outside].concat());
    let changes: Vec<Change> =
        events.iter().filter(|event| &*event.place == "shop").map(|event| event.change).collect();
    let enter = Change::Enter { arrival: Arrival::Crossed, occupancy: 1 };
    let exit = Change::Exit { departure: Departure::Crossed, dwell_ms: 2000, occupancy: 0 };
    assert_eq!(changes, [enter, exit]);
}

#[test]
fn who_is_lost_in_a_zone_leaves_it_when_the_track_ends_and_stayed_until_last_seen() {
    let mut watched = watched();
    watched.walk(1, &[[700.0, 500.0]; 11]);
    let gone = Track { seen: false, ..standing(1, 700.0, 500.0) };
    assert!(watched.update(2600, &[gone]).is_empty());
    assert_eq!(watched.occupancy(), 1);
    let events = watched.update(3_600_000, &[]);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].change, Change::Exit { departure: Departure::Lost, dwell_ms: 1000, occupancy: 0 });
    assert!(watched.counter.last_seen_ms.is_empty());
}

#[test]
fn who_is_there_when_a_zone_is_made_has_appeared_in_it() {
    let mut watched = Watched::new(&[], &[]);
    watched.walk(1, &[[400.0, 500.0], [700.0, 500.0], [700.0, 500.0]]);
    watched.counter.set_places(&[shop()], &[], CountOptions::default()).unwrap();
    let events = watched.walk(1, &[[700.0, 500.0]; 3]);
    assert_eq!(events[0].change, Change::Enter { arrival: Arrival::Appeared, occupancy: 1 });
}

#[test]
fn places_that_stay_the_same_keep_who_is_in_and_before_them() {
    let mut watched = watched();
    let set = |watched: &mut Watched, zones: &[Zone], line: &Line| {
        watched.counter.set_places(zones, &[line.clone(), door()], CountOptions::default())
    };
    watched.walk(1, &along([300.0, 500.0], [450.0, 500.0], 10));
    let gate = Line { name: "gate".into(), from: [0.1, 0.5], to: [0.9, 0.5], classes: vec![] };
    set(&mut watched, &[shop()], &gate).unwrap();
    // A new door would see it for the first time here, and a new shop too.
    watched.walk(1, &along([600.0, 500.0], [700.0, 500.0], 10));
    assert_eq!((watched.crossings("gate"), watched.crossings("door")), ((0, 0), (0, 1)));
    assert_eq!(watched.count("shop", |change| change == Change::Enter { arrival: Arrival::Crossed, occupancy: 1 }), 1);
    let wrong = Line { to: gate.from, ..gate.clone() };
    assert!(set(&mut watched, &[], &wrong).is_err());
    assert_eq!((watched.occupancy(), watched.counter.lines.len()), (1, 2), "what is refused changes nothing");
    let moved = Line { to: [0.5, 0.7], ..door() };
    watched.counter.set_places(&[shop()], &[moved], CountOptions::default()).unwrap();
    watched.walk(1, &along([400.0, 500.0], [300.0, 500.0], 10));
    assert_eq!(watched.crossings("door"), (0, 1), "one that changed begins anew");
    assert_eq!((watched.visits(), watched.occupancy()), ((1, 1), 0));
}

#[test]
fn who_is_in_a_zone_that_is_changed_or_taken_away_is_lost_to_it() {
    let mut watched = watched();
    watched.walk(1, &along([300.0, 500.0], [700.0, 500.0], 20));
    let smaller = Zone { polygon: vec![[0.6, 0.2], [0.9, 0.2], [0.9, 0.8], [0.6, 0.8]], ..shop() };
    watched.counter.set_places(&[smaller], &[], CountOptions::default()).unwrap();
    let events = watched.walk(1, &[[700.0, 500.0]; 5]);
    let changes: Vec<Change> = events.iter().map(|event| event.change).collect();
    let [lost, appeared] = changes[..] else { panic!("{changes:?}") };
    assert!(matches!(lost, Change::Exit { departure: Departure::Lost, occupancy: 0, dwell_ms: 1.. }), "{lost:?}");
    assert_eq!(appeared, Change::Enter { arrival: Arrival::Appeared, occupancy: 1 });
    assert_eq!((watched.visits(), watched.occupancy()), ((2, 1), 1));
    watched.counter.set_places(&[], &[], CountOptions::default()).unwrap();
    watched.walk(1, &[[700.0, 500.0]; 2]);
    assert_eq!(watched.visits(), (2, 2));
    assert!(watched.counter.gone.is_empty());
}

#[test]
fn a_zone_that_is_narrower_than_the_hysteresis_still_counts() {
    let strip =
        Zone { name: "strip".into(), polygon: vec![[0.5, 0.2], [0.52, 0.2], [0.52, 0.8], [0.5, 0.8]], ..shop() };
    let mut watched = Watched::new(&[strip], &[]);
    watched.walk(1, &[[510.0, 500.0]; 5]);
    assert_eq!(watched.occupancy(), 1);
}

#[test]
fn classes_that_are_not_asked_for_are_not_counted() {
    let line = Line { classes: vec![2, 3], ..door() };
    let mut watched = Watched::new(&[], &[line]);
    for step in 0..30 {
        let x = 300.0 + 15.0 * step as f32;
        let tracks = [standing(1, x, 400.0), Track { class: 3, ..standing(2, x, 600.0) }];
        watched.update(step * 100, &tracks);
    }
    assert_eq!(watched.crossings("door"), (0, 1));
}

#[test]
fn another_resolution_of_the_same_shape_makes_no_difference() {
    let mut watched = watched();
    for step in 0..30 {
        let (x, scale) = (300.0 + 15.0 * step as f32, if step % 2 == 0 { 1.0 } else { 0.5 });
        let frame = FRAME.map(|pixels| (pixels as f32 * scale) as u32);
        watched.events.extend(watched.counter.update(step * 100, &[standing(1, x * scale, 500.0 * scale)], frame));
    }
    assert_eq!(watched.crossings("door"), (0, 1));
    assert_eq!(watched.visits(), (1, 0));
}

proptest! {
    #[test]
    fn whatever_comes_entries_less_exits_are_who_is_there_and_crossings_alternate(
        frames in prop::collection::vec(
            (prop_oneof![5 => 0_i64..800, 1 => Just(i64::MIN), 1 => Just(i64::MAX)],
             prop::collection::btree_map(0_u64..6, (-200.0_f32..1200.0, -200.0_f32..1200.0, prop::bool::weighted(0.8)), 0..6)),
            1..80),
    ) {
        let mut watched = watched();
        let (mut ts_ms, mut inside) = (0_i64, std::collections::BTreeSet::new());
        for (step_ms, tracks) in frames {
            ts_ms = ts_ms.saturating_add(step_ms);
            let tracks: Vec<Track> =
                tracks.into_iter().map(|(id, (x, y, seen))| Track { seen, ..standing(id, x, y) }).collect();
            for event in watched.update(ts_ms, &tracks) {
                match event.change {
                    Change::Enter { occupancy, .. } => {
                        prop_assert!(inside.insert(event.track_id));
                        prop_assert_eq!(occupancy as usize, inside.len());
                    }
                    Change::Exit { dwell_ms, occupancy, .. } => {
                        prop_assert!(inside.remove(&event.track_id));
                        prop_assert!(dwell_ms >= 0);
                        prop_assert_eq!(occupancy as usize, inside.len());
                    }
                    Change::Cross { .. } => {}
                }
            }
            let ((entries, exits), occupancy) = (watched.visits(), watched.occupancy() as usize);
            prop_assert_eq!(entries - exits, occupancy);
            prop_assert_eq!(occupancy, inside.len());
            prop_assert!(watched.counter.last_seen_ms.len() <= tracks.len().max(6));
        }
    }
}
