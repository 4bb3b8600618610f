//! What a tracker promises, a case at a time, and that nothing that comes in can break it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A person of 40 × 100 pixels who stands at x with the feet at 300.
fn person(x: f32) -> Sighting {
    sighting(x, 0.8)
}

fn sighting(x: f32, confidence: f32) -> Sighting {
    Sighting { class: 0, confidence, x1: x - 20.0, y1: 200.0, x2: x + 20.0, y2: 300.0 }
}

fn tracker() -> Tracker {
    Tracker::new(TrackOptions::default()).unwrap()
}

/// Feeds frames a tenth of a second apart and gives what was said of the last.
fn feed(tracker: &mut Tracker, from_ms: i64, frames: &[Vec<Sighting>]) -> Tracking {
    let mut last = Tracking::default();
    for (frame, sightings) in frames.iter().enumerate() {
        last = tracker.update(from_ms + 100 * frame as i64, sightings);
    }
    last
}

#[test]
fn a_thing_has_no_id_until_it_is_believed_and_keeps_it_then() {
    let mut tracker = tracker();
    let ids: Vec<Option<u64>> =
        (0..8).map(|frame| tracker.update(frame * 100, &[person(100.0 + 7.0 * frame as f32)]).ids[0]).collect();
    assert_eq!(ids, [None, None, None, Some(1), Some(1), Some(1), Some(1), Some(1)]);
}

#[test]
fn a_track_says_where_its_thing_was_first_seen() {
    let frames: Vec<_> = (0..8).map(|frame| vec![person(100.0 + 7.0 * frame as f32)]).collect();
    let tracking = feed(&mut tracker(), 0, &frames);
    assert_eq!((tracking.tracks[0].origin, tracking.tracks[0].age_ms), ([100.0, 300.0], 700));
}

#[test]
fn what_is_seen_once_never_gets_an_id() {
    let mut tracker = tracker();
    for frame in 0..50 {
        // Each time elsewhere.
        let tracking = tracker.update(frame * 100, &[person(100.0 + 300.0 * (frame % 7) as f32)]);
        assert_eq!(tracking, Tracking { ids: vec![None], tracks: vec![] });
    }
}

#[test]
fn a_thing_that_is_hidden_for_a_while_comes_back_with_its_id() {
    for hidden_frames in [1, 5, 10, 20] {
        let mut tracker = tracker();
        let x = |frame: i64| 100.0 + 5.0 * frame as f32;
        (0..15).for_each(|frame| drop(tracker.update(frame * 100, &[person(x(frame))])));
        (15..15 + hidden_frames).for_each(|frame| drop(tracker.update(frame * 100, &[])));
        let back = 15 + hidden_frames;
        let tracking = tracker.update(back * 100, &[person(x(back))]);
        assert_eq!(tracking.ids, [Some(1)], "after {hidden_frames} frames");
    }
}

#[test]
fn a_thing_that_was_away_for_too_long_is_another() {
    let mut tracker = tracker();
    (0..10).for_each(|frame| drop(tracker.update(frame * 100, &[person(100.0)])));
    assert_eq!(tracker.update(3300, &[]).tracks.len(), 1);
    assert_eq!(tracker.update(3500, &[]).tracks.len(), 0);
    let frames: Vec<_> = (0..10).map(|_| vec![person(100.0)]).collect();
    assert_eq!(feed(&mut tracker, 3600, &frames).ids, [Some(2)]);
}

#[test]
fn a_half_hidden_thing_is_carried_on_by_low_confidence_and_none_begins_by_it() {
    let mut tracker = tracker();
    (0..10).for_each(|frame| drop(tracker.update(frame * 100, &[person(100.0)])));
    for frame in 10..40 {
        let tracking = tracker.update(frame * 100, &[sighting(100.0, 0.3), sighting(400.0, 0.3)]);
        assert_eq!(tracking.ids, [Some(1), None]);
    }
}

#[test]
fn two_who_pass_each_other_keep_their_ids() {
    let mut tracker = tracker();
    let mut last = Tracking::default();
    for frame in 0..40_i64 {
        let (left, right) = (100.0 + 8.0 * frame as f32, 420.0 - 8.0 * frame as f32);
        let mut sightings = vec![person(left)];
        // While they are on top of each other one box is all there is.
        if (left - right).abs() > 20.0 {
            sightings.push(Sighting { y1: 190.0, y2: 290.0, ..person(right) });
        }
        last = tracker.update(frame * 100, &sightings);
        if frame == 5 {
            assert_eq!(last.ids, [Some(1), Some(2)]);
        }
    }
    assert_eq!(last.ids, [Some(1), Some(2)]);
}

#[test]
fn things_of_two_classes_in_one_place_are_two_things() {
    let bicycle = Sighting { class: 1, ..person(100.0) };
    let frames: Vec<_> = (0..8).map(|_| vec![person(100.0), bicycle]).collect();
    assert_eq!(feed(&mut tracker(), 0, &frames).tracks.len(), 2);
}

#[test]
fn a_second_box_of_the_same_thing_begins_no_track() {
    let torso = Sighting { y2: 250.0, confidence: 0.6, ..person(100.0) };
    let frames: Vec<_> = (0..8).map(|_| vec![person(100.0), torso]).collect();
    let tracking = feed(&mut tracker(), 0, &frames);
    assert_eq!(tracking.ids, [Some(1), None]);
}

#[test]
fn the_same_walk_is_one_track_at_any_frame_rate() {
    for step_ms in [33, 100, 200, 500, 1000] {
        let mut tracker = tracker();
        let mut ids = BTreeSet::new();
        for ts_ms in (0..10_000).step_by(step_ms) {
            let tracking = tracker.update(ts_ms, &[person(100.0 + 0.07 * ts_ms as f32)]);
            ids.extend(tracking.ids.into_iter().flatten());
        }
        assert_eq!(ids, BTreeSet::from([1]), "a frame every {step_ms} ms");
    }
}

#[test]
fn a_clock_that_jumps_back_ends_no_track_and_one_that_jumps_ahead_ends_all() {
    let mut tracker = tracker();
    (0..10).for_each(|frame| drop(tracker.update(1_000_000 + frame * 100, &[person(100.0)])));
    assert_eq!(tracker.update(5_000, &[person(100.0)]).ids, [Some(1)]);
    assert_eq!(tracker.update(5_100, &[person(100.0)]).ids, [Some(1)]);
    let tracking = tracker.update(5_100 + 3_600_000, &[person(100.0)]);
    assert_eq!(tracking, Tracking { ids: vec![None], tracks: vec![] });
}

#[test]
fn options_change_and_tracks_stay() {
    let mut tracker = tracker();
    (0..10).for_each(|frame| drop(tracker.update(frame * 100, &[person(100.0)])));
    tracker.set_options(TrackOptions { lost_ms: 500, ..Default::default() }).unwrap();
    assert!(tracker.set_options(TrackOptions { lost_ms: -1, ..Default::default() }).is_err());
    assert_eq!(tracker.update(1000, &[person(100.0)]).ids, [Some(1)]);
    assert_eq!(tracker.update(1600, &[]).tracks.len(), 0);
}

#[test]
fn a_flood_of_sightings_is_bounded() {
    let mut tracker = tracker();
    for frame in 0..6 {
        let grid = |index: usize| Sighting {
            confidence: 0.5 + index as f32 * 1e-6,
            y1: (index / 100) as f32 * 200.0,
            y2: (index / 100) as f32 * 200.0 + 100.0,
            ..person(100.0 * (index % 100) as f32)
        };
        let flood: Vec<Sighting> = (0..10_000).map(grid).collect();
        let tracking = tracker.update(frame * 100, &flood);
        assert_eq!(tracking.ids.len(), 10_000);
        assert!(tracking.tracks.len() <= TRACKS_MAX && tracker.paths.len() <= TRACKS_MAX);
    }
    assert_eq!(tracker.paths.len(), TRACKS_MAX);
}

#[test]
fn a_box_next_to_nothing_wide_or_high_is_none() {
    let at_zero = |x2: f32, y2: f32| Sighting { class: 0, confidence: 0.8, x1: 0.0, y1: 0.0, x2, y2 };
    for (x2, y2) in [(1e-22, 1e-22), (1e-22, 100.0), (40.0, 1e-22), (0.9e-3, 100.0), (40.0, 0.9e-3), (0.0, 100.0)] {
        let frames: Vec<_> = (0..8).map(|_| vec![at_zero(x2, y2)]).collect();
        let mut tracker = tracker();
        assert_eq!(feed(&mut tracker, 0, &frames), Tracking { ids: vec![None], tracks: vec![] }, "{x2} by {y2}");
        assert!(tracker.paths.is_empty());
    }
    let far = Sighting { x1: 20_000.0, ..at_zero(20_000.002, 100.0) };
    let frames: Vec<_> = (0..8).map(|_| vec![far]).collect();
    assert_eq!(feed(&mut tracker(), 0, &frames).tracks, [], "its middle is its edge");
    let frames: Vec<_> = (0..8).map(|_| vec![at_zero(1e-3, 1e-3)]).collect();
    let tracking = feed(&mut tracker(), 0, &frames);
    assert_eq!(tracking.ids, [Some(1)], "the smallest box is followed");
    assert!(tracking.tracks[0].x1.is_finite() && tracking.tracks[0].x1 < tracking.tracks[0].x2);
}

fn any_number() -> impl Strategy<Value = f32> {
    let ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e6, -1e6];
    let small = [0.0, -0.0, f32::MIN_POSITIVE, 1e-22, 1e-3];
    prop_oneof![4 => -50.0_f32..700.0, 1 => prop::sample::select([&ends[..], &small].concat())]
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    let tuple = (0_u16..3, any_number(), any_number(), any_number(), any_number(), any_number());
    let odd = tuple.prop_map(|(class, confidence, x1, y1, x2, y2)| Sighting { class, confidence, x1, y1, x2, y2 });
    prop_oneof![1 => odd, 2 => (0.0_f32..600.0, 0.0_f32..1.0).prop_map(|(x, confidence)| sighting(x, confidence))]
}

fn any_step() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0_i64..1500, 1 => prop::sample::select(vec![i64::MIN, i64::MAX, -5000, 3_600_000])]
}

proptest! {
    #[test]
    fn whatever_comes_in_ids_are_unique_never_used_again_and_boxes_are_numbers(
        frames in prop::collection::vec((any_step(), prop::collection::vec(any_sighting(), 0..12)), 1..60),
    ) {
        let mut tracker = tracker();
        let (mut ts_ms, mut ended, mut alive) = (0_i64, BTreeSet::new(), BTreeSet::new());
        for (step_ms, sightings) in frames {
            ts_ms = ts_ms.saturating_add(step_ms);
            let tracking = tracker.update(ts_ms, &sightings);
            let now: BTreeSet<u64> = tracking.tracks.iter().map(|track| track.id).collect();
            prop_assert_eq!(now.len(), tracking.tracks.len());
            prop_assert!(now.is_disjoint(&ended), "an id came back from the end");
            ended.extend(alive.difference(&now).copied());
            let given: Vec<u64> = tracking.ids.iter().flatten().copied().collect();
            prop_assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "an id for two sightings");
            for track in &tracking.tracks {
                prop_assert!([track.x1, track.y1, track.x2, track.y2].iter().all(|corner| corner.is_finite()));
                prop_assert!(track.x1 < track.x2 && track.y1 < track.y2, "{:?}", track);
                prop_assert_eq!(given.contains(&track.id), track.seen);
                prop_assert!(track.age_ms >= 0);
            }
            for path in &tracker.paths {
                prop_assert!(path.first_ms <= path.last_ms && path.last_ms <= tracker.last_ms, "{:?}", path);
            }
            alive = now;
        }
    }
}
