//! Drawn scenes whose movement is known: noise, drift, a switched light, a small walker, one who stops.

use super::*;
use crate::Picture;
use crate::glance::ROWS;

const FRAME_MS: u64 = 100;

/// A grey ramp with noise of this amplitude and an offset in brightness, 192 × 144.
struct Room {
    chance: u64,
    noise: i32,
    light: i32,
    walker: Option<(u32, u32)>,
    /// How much darker the walker is than what is behind.
    contrast: i32,
}

impl Room {
    fn new(noise: i32) -> Self {
        Self { chance: 7, noise, light: 0, walker: None, contrast: 60 }
    }

    fn glance(&mut self) -> Glance {
        let mut pixels = Vec::with_capacity(192 * 144 * 3);
        for y in 0..144_u32 {
            for x in 0..192_u32 {
                self.chance =
                    self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let noise = (self.chance >> 33) as i32 % (2 * self.noise + 1) - self.noise;
                let is_walker = self
                    .walker
                    .is_some_and(|(left, top)| (left..left + 8).contains(&x) && (top..top + 20).contains(&y));
                let grey = 80 + x as i32 / 3 + self.light - if is_walker { self.contrast } else { 0 };
                pixels.extend([(grey + noise).clamp(0, 255) as u8; 3]);
            }
        }
        Glance::of(&Picture { width: 192, height: 144, pixels })
    }
}

fn decisions(
    gate: &mut MotionGate,
    room: &mut Room,
    frames: std::ops::Range<u64>,
    mut each: impl FnMut(&mut Room, u64),
) -> Vec<Motion> {
    frames
        .map(|frame| {
            each(room, frame);
            gate.decide(&room.glance(), &[], frame * FRAME_MS)
        })
        .collect()
}

fn share(decisions: &[Motion], wanted: Motion) -> f64 {
    decisions.iter().filter(|&&motion| motion == wanted).count() as f64 / decisions.len() as f64
}

#[test]
fn noise_and_a_slow_cloud_are_no_motion() {
    for noise in [0, 3, 12, 30] {
        let mut gate = MotionGate::new(MotionOptions::default());
        let mut room = Room::new(noise);
        let cloud = |room: &mut Room, frame| room.light = frame as i32 / 10;
        // A sensor noisier than is assumed at first has to be learnt.
        let learning = decisions(&mut gate, &mut room, 0..100, cloud);
        assert_eq!(learning[0], Motion::First);
        let seen = decisions(&mut gate, &mut room, 100..300, cloud);
        assert_eq!(share(&seen, Motion::Moves), 0.0, "noise {noise}");
        // Looked at every two seconds all the same: one frame in twenty.
        assert!((share(&seen, Motion::Idle) - 0.05).abs() < 0.01, "noise {noise}");
    }
}

#[test]
fn a_small_walker_is_motion_and_is_held_and_then_forgotten() {
    let mut gate = MotionGate::new(MotionOptions::default());
    let mut room = Room::new(3);
    decisions(&mut gate, &mut room, 0..50, |_, _| ());
    let walking =
        decisions(&mut gate, &mut room, 50..100, |room, frame| room.walker = Some(((frame - 50) as u32 * 3, 60)));
    assert!(share(&walking, Motion::Moves) > 0.95, "{walking:?}");
    let gone = decisions(&mut gate, &mut room, 100..200, |room, _| room.walker = None);
    let after_hold = &gone[15..];
    assert_eq!(share(after_hold, Motion::Moves), 0.0, "{gone:?}");
    assert!(gone.contains(&Motion::Held));
    assert!(share(after_hold, Motion::Still) > 0.9);
}

#[test]
fn one_who_stands_still_is_looked_at_again_and_again() {
    let mut gate = MotionGate::new(MotionOptions::default());
    let mut room = Room::new(3);
    let stands = |room: &mut Room, _| room.walker = Some((90, 60));
    decisions(&mut gate, &mut room, 0..50, |_, _| ());
    decisions(&mut gate, &mut room, 50..1050, stands);
    let later = decisions(&mut gate, &mut room, 1050..1250, stands);
    assert_eq!(share(&later, Motion::Moves), 0.0, "one who stands has become background");
    assert_eq!(share(&later, Motion::Idle), 0.05);
}

#[test]
fn a_switched_light_passes_once_and_is_the_new_scene() {
    let mut gate = MotionGate::new(MotionOptions::default());
    let mut room = Room::new(3);
    decisions(&mut gate, &mut room, 0..50, |_, _| ());
    let switched = decisions(&mut gate, &mut room, 50..100, |room, _| room.light = 90);
    assert!(switched[0].passes());
    assert!(share(&switched[15..], Motion::Still) > 0.9, "{switched:?}");
}

#[test]
fn what_happens_in_ignored_cells_counts_for_nothing() {
    let mut gate = MotionGate::new(MotionOptions { max_idle_ms: u64::MAX, ..MotionOptions::default() });
    let mut room = Room::new(0);
    let ignored = vec![true; CELLS];
    for frame in 0..50 {
        room.walker = Some((frame * 3, 60));
        let motion = gate.decide(&room.glance(), &ignored, u64::from(frame) * FRAME_MS);
        assert_eq!(motion.passes(), frame == 0);
    }
}

#[test]
fn what_flickers_in_ignored_cells_is_no_shift_of_the_others() {
    let mut gate = MotionGate::new(MotionOptions { max_idle_ms: u64::MAX, ..MotionOptions::default() });
    let screen_rows = ROWS - 3;
    let ignored: Vec<bool> = (0..CELLS).map(|cell| cell < screen_rows * COLUMNS).collect();
    for frame in 0..200_u64 {
        let screen = if frame % 20 < 10 { 0 } else { 255 };
        let pixels = ignored.iter().flat_map(|&is_screen| [if is_screen { screen } else { 100 }; 3]).collect();
        let glance = Glance::of(&Picture { width: COLUMNS as u32, height: ROWS as u32, pixels });
        let motion = gate.decide(&glance, &ignored, frame * FRAME_MS);
        assert_eq!(motion.passes(), frame == 0, "frame {frame}");
    }
}

#[test]
fn a_light_switched_beside_ignored_cells_is_the_new_scene() {
    let mut gate = MotionGate::new(MotionOptions { hold_ms: 0, max_idle_ms: u64::MAX, ..MotionOptions::default() });
    let ignored: Vec<bool> = (0..CELLS).map(|cell| cell < CELLS / 2).collect();
    let mut room = Room::new(3);
    let seen: Vec<Motion> = (0..60)
        .map(|frame| {
            room.light = if frame < 50 { 0 } else { 90 };
            gate.decide(&room.glance(), &ignored, frame * FRAME_MS)
        })
        .collect();
    assert_eq!(seen[50], Motion::Moves);
    assert!(seen[51..].iter().all(|motion| *motion == Motion::Still), "{seen:?}");
}

#[test]
fn more_sensitive_gates_pass_more() {
    let passed = |sensitivity| {
        let mut gate = MotionGate::new(MotionOptions { sensitivity, hold_ms: 0, ..MotionOptions::default() });
        let mut room = Room::new(3);
        let seen = decisions(&mut gate, &mut room, 0..200, |room, frame| {
            room.contrast = [4, 7, 11, 60][frame as usize / 10 % 4];
            room.walker = (frame % 10 == 5).then_some((frame as u32 % 150, 60));
        });
        seen.iter().filter(|motion| **motion == Motion::Moves).count()
    };
    let passed: Vec<usize> = [0.0, 0.5, 1.0].into_iter().map(passed).collect();
    // Twenty walkers came by; the faintest came before the noise was known.
    assert!((18..26).contains(&passed[2]), "{passed:?}");
    assert!(passed.is_sorted_by(|a, b| a < b), "{passed:?}");
}
