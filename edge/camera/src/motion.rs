//! The motion gate: whether a frame is worth a detection. It looks at a [`Glance`] and costs a hundredth of a detection.
//!
//! Each cell has a running background and a running deviation from it (a one-pole filter of the mean and of the
//! absolute difference, the Σ-Δ idea of Manzanera and Richefeu 2007 with real numbers). A cell has changed when it
//! differs from its background by more than its own noise explains; what all cells have in common (a cloud, a camera
//! that opens its iris) is taken out before. Cells count where a neighbour has changed too. A frame passes
//!
//! - while enough cells have changed, and for `hold_ms` after;
//! - at least every `max_idle_ms`, so that a person who stands still is seen again and again.
//!
//! Time is an argument. What the gate lets through it does not know to be a person.

use serde::Deserialize;

use crate::glance::{CELLS, COLUMNS, Glance};

/// When frames are worth a detection.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MotionOptions {
    /// Whether frames are held back at all. Unsaid it is so for cameras that are live and not for files.
    pub enabled: Option<bool>,
    /// How little a change may be, 0 (a lorry) to 1 (a cat in the dark).
    pub sensitivity: f32,
    /// How long frames go on passing after the last change, milliseconds.
    pub hold_ms: u64,
    /// The longest time without a detection, milliseconds.
    pub max_idle_ms: u64,
}

impl Default for MotionOptions {
    fn default() -> Self {
        Self { enabled: None, sensitivity: 0.5, hold_ms: 1000, max_idle_ms: 2000 }
    }
}

/// Why a frame passes, or that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// There was none to compare it with.
    First,
    /// Something moves.
    Moves,
    /// Something moved just now.
    Held,
    /// Nothing moves, but nobody has looked for long.
    Idle,
    /// Nothing moves: the frame is not looked at.
    Still,
}

impl Motion {
    /// Whether the frame is looked at.
    pub fn passes(self) -> bool {
        self != Self::Still
    }
}

/// How fast the background follows a cell in which nothing happens, milliseconds.
const FOLLOW_MS: f32 = 3000.0;
/// How fast it follows a cell that has changed: what stays for long becomes background.
const ABSORB_MS: f32 = 20_000.0;
/// How fast the noise of a cell is learnt, milliseconds.
const NOISE_MS: f32 = 5000.0;
/// The noise that is assumed at first, levels of brightness.
const NOISE_AT_FIRST: f32 = 1.5;
/// A difference counts so much at most when noise is learnt.
const NOISE_CLAMP: f32 = 20.0;
/// How much slower a changed cell learns: it may be an object, or a sensor that is noisier than was thought.
const NOISE_OF_CHANGED: f32 = 0.25;
/// A difference counts so much at most when the common shift is taken, so that an object is no shift.
const SHIFT_CLAMP: f32 = 6.0;
/// Beyond this share of changed cells it is another scene: the background begins anew.
const OTHER_SCENE: f32 = 0.6;

/// The gate of one camera.
pub struct MotionGate {
    hold_ms: u64,
    max_idle_ms: u64,
    /// A difference is a change beyond this many deviations of its cell.
    deviations: f32,
    /// And beyond this many levels of brightness.
    levels: f32,
    /// Changed cells that make a frame pass.
    cells_min: u32,
    scene: Option<Scene>,
}

struct Scene {
    background: Box<[f32]>,
    noise: Box<[f32]>,
    changed: Box<[u8]>,
    seen_ms: u64,
    moved_ms: Option<u64>,
    passed_ms: u64,
}

impl MotionGate {
    /// A gate that has seen nothing.
    pub fn new(options: MotionOptions) -> Self {
        let sensitivity = options.sensitivity.clamp(0.0, 1.0);
        Self {
            hold_ms: options.hold_ms,
            max_idle_ms: options.max_idle_ms,
            deviations: 6.5 - 3.0 * sensitivity,
            levels: 9.0 - 7.0 * sensitivity,
            cells_min: 2 + (8.0 * (1.0 - sensitivity)).round() as u32,
            scene: None,
        }
    }

    /// Decides about the next frame. `ignored` says for each cell whether what happens there counts for nothing; an
    /// empty list ignores none.
    pub fn decide(&mut self, glance: &Glance, ignored: &[bool], now_ms: u64) -> Motion {
        let Some(scene) = &mut self.scene else {
            self.scene = Some(Scene::begin(glance, now_ms));
            return Motion::First;
        };
        let changed = scene.compare(glance, ignored, self.deviations, self.levels);
        let looked_at = CELLS - ignored.iter().filter(|ignored| **ignored).count();
        if changed as f32 > OTHER_SCENE * looked_at as f32 {
            scene.background.copy_from_slice(glance.cells());
        } else {
            scene.learn(glance, now_ms.saturating_sub(scene.seen_ms));
        }
        scene.seen_ms = now_ms;
        let is_within = |since_ms: u64, span_ms: u64| now_ms.saturating_sub(since_ms) < span_ms;
        let motion = if changed >= self.cells_min {
            scene.moved_ms = Some(now_ms);
            Motion::Moves
        } else if scene.moved_ms.is_some_and(|moved_ms| is_within(moved_ms, self.hold_ms)) {
            Motion::Held
        } else if is_within(scene.passed_ms, self.max_idle_ms) {
            Motion::Still
        } else {
            Motion::Idle
        };
        if motion.passes() {
            scene.passed_ms = now_ms;
        }
        motion
    }
}

impl Scene {
    fn begin(glance: &Glance, now_ms: u64) -> Self {
        Self {
            background: glance.cells().into(),
            noise: vec![NOISE_AT_FIRST; CELLS].into_boxed_slice(),
            changed: vec![0; CELLS].into_boxed_slice(),
            seen_ms: now_ms,
            moved_ms: None,
            passed_ms: now_ms,
        }
    }

    /// Marks the changed cells and counts those with a changed neighbour to the right or below.
    fn compare(&mut self, glance: &Glance, ignored: &[bool], deviations: f32, levels: f32) -> u32 {
        let shift = self.shift(glance, ignored);
        let cells = glance.cells().iter().zip(&self.background).zip(&self.noise);
        for (changed, ((cell, background), noise)) in self.changed.iter_mut().zip(cells) {
            let threshold = (deviations * noise).max(levels);
            *changed = u8::from((cell - background - shift).abs() > threshold);
        }
        for (changed, _) in self.changed.iter_mut().zip(ignored).filter(|(_, ignored)| **ignored) {
            *changed = 0;
        }
        let right = self.changed.iter().zip(self.changed.iter().skip(1));
        let below = self.changed.iter().zip(self.changed.iter().skip(COLUMNS));
        let pairs = |(a, b): (&u8, &u8)| u32::from(a & b);
        // A pair over the end of a row joins two cells that do not touch; it takes two changed cells all the same.
        right.map(pairs).sum::<u32>().max(below.map(pairs).sum::<u32>())
    }

    /// What all cells that count have become brighter by.
    fn shift(&self, glance: &Glance, ignored: &[bool]) -> f32 {
        let cells = glance.cells().iter().zip(&self.background);
        let is_ignored = ignored.iter().copied().chain(std::iter::repeat(false));
        let (mut sum, mut count) = (0.0, 0.0);
        for ((cell, background), _) in cells.zip(is_ignored).filter(|(_, is_ignored)| !is_ignored) {
            sum += (cell - background).clamp(-SHIFT_CLAMP, SHIFT_CLAMP);
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }

    fn learn(&mut self, glance: &Glance, elapsed_ms: u64) {
        let part_of = |constant_ms: f32| 1.0 - (-(elapsed_ms as f32) / constant_ms).exp();
        let (follow, absorb, noisy) = (part_of(FOLLOW_MS), part_of(ABSORB_MS), part_of(NOISE_MS));
        let cells = glance.cells().iter().zip(&self.changed);
        let learnt = self.background.iter_mut().zip(self.noise.iter_mut());
        for ((background, noise), (cell, &changed)) in learnt.zip(cells) {
            let difference = cell - *background;
            let is_changed = changed != 0;
            *background += difference * if is_changed { absorb } else { follow };
            let deviation = difference.abs().min(NOISE_CLAMP);
            *noise += (deviation - *noise) * if is_changed { noisy * NOISE_OF_CHANGED } else { noisy };
        }
    }
}

#[cfg(test)]
mod tests;
