//! The known mistakes of counting, one by one, and what holds whatever comes.

use proptest::prelude::*;

use super::event::{Arrival, Change, Departure, Direction};
use super::*;

const FRAME: [u32; 2] = [1000, 1000];

/// A track that stands at a point of a frame of 1000 × 1000, seen now and never before.
fn standing(id: u64, x: f32, y: f32) -> Track {
    let [x1, y1, x2, y2] = [x - 20.0, y - 100.0, x + 20.0, y];
    Track { id, class: 0, confidence: 0.9, x1, y1, x2, y2, seen: true, age_ms: 0, unseen_ms: 0, origin: [x, y] }
}

/// From the top of the picture to its bottom, in the middle of it.
fn door() -> Line {
    Line { name: "door".into(), from: [0.5, 0.2], to: [0.5, 0.8], classes: vec![] }
}

fn shop() -> Zone {
    Zone { name: "shop".into(), polygon: vec![[0.5, 0.2], [0.9, 0.2], [0.9, 0.8], [0.5, 0.8]], classes: vec![] }
}

fn counter() -> Counter {
    Counter::new(&[shop()], &[door()], CountOptions::default()).unwrap()
}

/// One thing along these points, a tenth of a second each.
fn walk(counter: &mut Counter, id: u64, points: &[[f32; 2]]) -> Vec<Event> {
    let from_ms = counter.now_ms;
    let frames = points.iter().enumerate();
    frames
        .flat_map(|(i, &[x, y])| counter.update(from_ms + 100 * (i as i64 + 1), &[standing(id, x, y)], FRAME))
        .collect()
}

fn along(from: [f32; 2], to: [f32; 2], steps: usize) -> Vec<[f32; 2]> {
    let share = |step: usize| step as f32 / steps as f32;
    (0..=steps).map(|step| [0, 1].map(|axis| from[axis] + share(step) * (to[axis] - from[axis]))).collect()
}

fn crossings(counter: &Counter) -> (u64, u64) {
    (counter.lines()[0].forward, counter.lines()[0].backward)
}

#[test]
fn the_way_from_the_left_of_a_line_to_its_right_is_forward() {
    // Looking down the picture the left hand is on its right.
    let mut counter = counter();
    let events = walk(&mut counter, 1, &along([700.0, 500.0], [300.0, 500.0], 20));
    let crossed: Vec<Change> =
        events.iter().filter(|event| &*event.place == "door").map(|event| event.change).collect();
    assert_eq!(crossed, [Change::Cross { direction: Direction::Forward }]);
    walk(&mut counter, 1, &along([300.0, 500.0], [700.0, 500.0], 20));
    assert_eq!(crossings(&counter), (1, 1));
}

#[test]
fn a_slow_one_is_counted_once() {
    let mut counter = counter();
    walk(&mut counter, 1, &along([470.0, 500.0], [530.0, 500.0], 900));
    assert_eq!(crossings(&counter), (0, 1));
}

#[test]
fn a_fast_one_that_is_never_seen_near_the_line_is_counted() {
    let mut counter = counter();
    walk(&mut counter, 1, &[[100.0, 500.0], [900.0, 500.0], [900.0, 500.0], [900.0, 500.0]]);
    assert_eq!(crossings(&counter), (0, 1));
}

#[test]
fn who_stands_on_the_line_and_trembles_is_not_counted() {
    let mut counter = counter();
    walk(&mut counter, 1, &along([300.0, 500.0], [500.0, 500.0], 20));
    let trembling: Vec<[f32; 2]> = (0..600).map(|i| [500.0 + 14.0 * (i as f32 * 1.7).sin(), 500.0]).collect();
    walk(&mut counter, 1, &trembling);
    assert_eq!(crossings(&counter), (0, 0));
    walk(&mut counter, 1, &along([500.0, 500.0], [700.0, 500.0], 20));
    assert_eq!(crossings(&counter), (0, 1), "and once where it went on at last");
}

#[test]
fn who_turns_back_on_the_line_is_not_counted() {
    let mut counter = counter();
    let mut there_and_back = along([300.0, 500.0], [510.0, 500.0], 20);
    there_and_back.extend(along([510.0, 500.0], [300.0, 500.0], 20));
    walk(&mut counter, 1, &there_and_back);
    assert_eq!(crossings(&counter), (0, 0));
}

#[test]
fn a_flicker_to_the_other_side_is_no_crossing() {
    let mut counter = counter();
    for _ in 0..20 {
        walk(&mut counter, 1, &[[400.0, 500.0], [400.0, 500.0], [400.0, 500.0], [600.0, 500.0], [600.0, 500.0]]);
    }
    assert_eq!(crossings(&counter), (0, 0));
    assert_eq!(counter.zones()[0].entries, 0);
}

#[test]
fn a_track_that_is_not_seen_crosses_nothing_until_it_is_seen_again() {
    let mut counter = counter();
    walk(&mut counter, 1, &along([300.0, 500.0], [450.0, 500.0], 10));
    for frame in 1..10 {
        let guessed = Track { seen: false, unseen_ms: frame * 100, ..standing(1, 450.0 + 20.0 * frame as f32, 500.0) };
        assert!(counter.update(counter.now_ms + 100, &[guessed], FRAME).is_empty());
    }
    walk(&mut counter, 1, &along([640.0, 500.0], [700.0, 500.0], 5));
    assert_eq!(crossings(&counter), (0, 1));
}

#[test]
fn who_walks_around_the_end_of_a_line_has_not_crossed_it() {
    let mut counter = counter();
    let mut around = along([300.0, 500.0], [300.0, 900.0], 10);
    around.extend(along([300.0, 900.0], [700.0, 900.0], 20));
    around.extend(along([700.0, 900.0], [700.0, 500.0], 10));
    walk(&mut counter, 1, &around);
    assert_eq!(crossings(&counter), (0, 0));
    walk(&mut counter, 1, &along([700.0, 500.0], [300.0, 500.0], 20));
    assert_eq!(crossings(&counter), (1, 0));
}

#[test]
fn two_at_once_are_two() {
    // Without ids of their own they were one that jumps to and fro.
    let mut counter = counter();
    for step in 0..30 {
        let x = 300.0 + 15.0 * step as f32;
        counter.update(
            step * 100,
            &[standing(1, x, 400.0), standing(2, x, 600.0), standing(3, 1000.0 - x, 500.0)],
            FRAME,
        );
    }
    assert_eq!(crossings(&counter), (1, 2));
    let zone = &counter.zones()[0];
    assert_eq!((zone.entries, zone.exits, zone.occupancy), (3, 1, 2));
}

#[test]
fn a_thing_that_is_believed_late_is_counted_from_where_it_was_first_seen() {
    let mut counter = counter();
    // First seen 300 ms ago on the other side of the line.
    let late = Track { age_ms: 300, origin: [440.0, 500.0], ..standing(1, 560.0, 500.0) };
    counter.update(1000, &[late], FRAME);
    counter.update(1200, &[Track { age_ms: 500, ..late }], FRAME);
    assert_eq!(crossings(&counter), (0, 1));
    assert_eq!(counter.zones()[0].entries, 1);
}

#[test]
fn a_stay_lasts_from_the_first_frame_inside_to_the_first_outside() {
    let mut counter = counter();
    let outside = [[400.0, 500.0]; 5];
    let events = walk(&mut counter, 7, &[outside.as_slice(), &[[700.0, 500.0]; 20], &outside].concat());
    let changes: Vec<Change> =
        events.iter().filter(|event| &*event.place == "shop").map(|event| event.change).collect();
    let enter = Change::Enter { arrival: Arrival::Crossed, occupancy: 1 };
    let exit = Change::Exit { departure: Departure::Crossed, dwell_ms: 2000, occupancy: 0 };
    assert_eq!(changes, [enter, exit]);
    let zone = &counter.zones()[0];
    assert_eq!((zone.dwell_ms_mean, zone.dwell_ms_longest), (Some(2000.0), Some(2000)));
}

#[test]
fn who_is_lost_in_a_zone_leaves_it_when_the_track_ends_and_stayed_until_last_seen() {
    let mut counter = counter();
    walk(&mut counter, 1, &[[700.0, 500.0]; 11]);
    assert_eq!(counter.zones()[0].dwell_ms_longest, Some(1000), "a stay under way counts");
    let gone = Track { seen: false, unseen_ms: 1500, ..standing(1, 700.0, 500.0) };
    assert!(counter.update(2600, &[gone], FRAME).is_empty());
    assert_eq!(counter.zones()[0].occupancy, 1);
    let events = counter.update(3_600_000, &[], FRAME);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].change, Change::Exit { departure: Departure::Lost, dwell_ms: 1000, occupancy: 0 });
    assert!(counter.last_seen_ms.is_empty());
}

#[test]
fn who_is_there_when_a_zone_is_made_has_appeared_in_it() {
    let mut counter = Counter::new(&[], &[], CountOptions::default()).unwrap();
    walk(&mut counter, 1, &[[400.0, 500.0], [700.0, 500.0], [700.0, 500.0]]);
    counter.set_places(&[shop()], &[], CountOptions::default()).unwrap();
    let events = walk(&mut counter, 1, &[[700.0, 500.0]; 3]);
    assert_eq!(events[0].change, Change::Enter { arrival: Arrival::Appeared, occupancy: 1 });
}

#[test]
fn places_that_stay_the_same_keep_their_counts() {
    let mut counter = counter();
    walk(&mut counter, 1, &along([300.0, 500.0], [700.0, 500.0], 20));
    let gate = Line { name: "gate".into(), from: [0.1, 0.5], to: [0.9, 0.5], classes: vec![] };
    counter.set_places(&[shop()], &[gate.clone(), door()], CountOptions::default()).unwrap();
    assert_eq!((counter.lines()[0].backward, counter.lines()[1].backward), (0, 1));
    assert_eq!(counter.zones()[0].occupancy, 1);
    let wrong = Line { to: gate.from, ..gate };
    assert!(counter.set_places(&[], &[wrong], CountOptions::default()).is_err());
    assert_eq!(counter.zones()[0].occupancy, 1, "what is refused changes nothing");
    let moved = Line { to: [0.5, 0.7], ..door() };
    counter.set_places(&[shop()], &[moved], CountOptions::default()).unwrap();
    assert_eq!(crossings(&counter), (0, 0));
}

#[test]
fn a_zone_that_is_narrower_than_the_hysteresis_still_counts() {
    let strip =
        Zone { name: "strip".into(), polygon: vec![[0.5, 0.2], [0.52, 0.2], [0.52, 0.8], [0.5, 0.8]], ..shop() };
    let mut counter = Counter::new(&[strip], &[], CountOptions::default()).unwrap();
    walk(&mut counter, 1, &[[510.0, 500.0]; 5]);
    assert_eq!(counter.zones()[0].occupancy, 1);
}

#[test]
fn classes_that_are_not_asked_for_are_not_counted() {
    let line = Line { classes: vec![2, 3], ..door() };
    let mut counter = Counter::new(&[], &[line], CountOptions::default()).unwrap();
    for step in 0..30 {
        let x = 300.0 + 15.0 * step as f32;
        let tracks = [standing(1, x, 400.0), Track { class: 3, ..standing(2, x, 600.0) }];
        counter.update(step * 100, &tracks, FRAME);
    }
    assert_eq!(crossings(&counter), (0, 1));
}

#[test]
fn another_resolution_of_the_same_shape_makes_no_difference() {
    let mut counter = counter();
    for step in 0..30 {
        let (x, scale) = (300.0 + 15.0 * step as f32, if step % 2 == 0 { 1.0 } else { 0.5 });
        let frame = FRAME.map(|pixels| (pixels as f32 * scale) as u32);
        counter.update(step * 100, &[standing(1, x * scale, 500.0 * scale)], frame);
    }
    assert_eq!(crossings(&counter), (0, 1));
    assert_eq!(counter.zones()[0].entries, 1);
}

proptest! {
    #[test]
    fn whatever_comes_entries_less_exits_are_who_is_there_and_crossings_alternate(
        frames in prop::collection::vec(
            (prop_oneof![5 => 0_i64..800, 1 => Just(i64::MIN), 1 => Just(i64::MAX)],
             prop::collection::btree_map(0_u64..6, (-200.0_f32..1200.0, -200.0_f32..1200.0, prop::bool::weighted(0.8)), 0..6)),
            1..80),
    ) {
        let mut counter = counter();
        let (mut ts_ms, mut inside) = (0_i64, std::collections::BTreeSet::new());
        for (step_ms, tracks) in frames {
            ts_ms = ts_ms.saturating_add(step_ms);
            let tracks: Vec<Track> =
                tracks.into_iter().map(|(id, (x, y, seen))| Track { seen, ..standing(id, x, y) }).collect();
            for event in counter.update(ts_ms, &tracks, FRAME) {
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
            let zone = &counter.zones()[0];
            prop_assert_eq!(zone.entries - zone.exits, u64::from(zone.occupancy));
            prop_assert_eq!(zone.occupancy as usize, inside.len());
            prop_assert!(counter.last_seen_ms.len() <= tracks.len().max(6));
        }
    }
}
