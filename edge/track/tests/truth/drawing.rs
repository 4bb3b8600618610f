//! Draws scenes: people who walk over a square and turn, hide each other, and a detector that trembles, misses, doubts
//! and invents. The truth is known because it is drawn first.

use headwater_track::Sighting;

use crate::metrics::{Corners, Present};
use crate::random::Random;

pub(crate) const FRAME: [u32; 2] = [960, 540];

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) people: usize,
    pub(crate) seconds: f32,
    /// Least and most time between two frames.
    pub(crate) step_ms: [f32; 2],
    /// How often the detector misses somebody who can be seen, 0 to 1.
    pub(crate) missed: f32,
    /// How many things it invents in a second.
    pub(crate) invented_per_s: f32,
}

impl Default for Scene {
    fn default() -> Self {
        Self { seed: 1, people: 8, seconds: 40.0, step_ms: [90.0, 110.0], missed: 0.05, invented_per_s: 0.5 }
    }
}

/// A frame with what is there and what is seen.
pub(crate) struct Drawn {
    pub(crate) ts_ms: i64,
    pub(crate) truth: Vec<Present>,
    pub(crate) sightings: Vec<Sighting>,
}

/// One who walks: from place to place, each reached at its time.
struct Walker {
    stations: Vec<(f32, [f32; 2])>,
}

impl Scene {
    pub(crate) fn draw(&self) -> Vec<Drawn> {
        let mut random = Random::new(self.seed);
        let walkers: Vec<Walker> = (0..self.people).map(|index| self.walker(index, &mut random)).collect();
        let mut frames = Vec::new();
        let mut now_ms = 0.0;
        while now_ms < self.seconds * 1000.0 {
            let truth = present(&walkers, now_ms / 1000.0);
            let step_ms = random.between(self.step_ms[0], self.step_ms[1]);
            let mut sightings: Vec<Sighting> =
                truth.iter().filter_map(|present| self.sighting(present, &truth, &mut random)).collect();
            if random.happens(self.invented_per_s * step_ms / 1000.0) {
                sightings.push(invented(&mut random));
            }
            frames.push(Drawn { ts_ms: now_ms as i64, truth, sightings });
            now_ms += step_ms;
        }
        frames
    }

    /// Walks over the whole width, the odd ones to the left, and half of them turn back in the middle of it, well beyond
    /// it or well before.
    fn walker(&self, index: usize, random: &mut Random) -> Walker {
        let [width, height] = FRAME.map(|pixels| pixels as f32);
        let (left, right) = (0.06 * width, 0.94 * width);
        let (from, to) = if index.is_multiple_of(2) { (left, right) } else { (right, left) };
        let begin = random.between(0.0, 0.4 * self.seconds);
        let y = |random: &mut Random| random.between(0.35, 0.95) * height;
        let mut stations = vec![(begin, [from, y(random)])];
        let mut way = vec![to];
        if random.happens(0.5) {
            let turn = if random.happens(0.5) { 0.3 } else { 0.7 };
            way = vec![from + turn * (to - from), from];
        }
        for x in way {
            let (time, [last_x, _]) = stations[stations.len() - 1];
            let pace = random.between(60.0, 130.0);
            stations.push((time + (x - last_x).abs() / pace, [x, y(random)]));
            if random.happens(0.4) {
                let (time, place) = stations[stations.len() - 1];
                stations.push((time + random.between(0.5, 4.0), place));
            }
        }
        Walker { stations }
    }

    fn sighting(&self, present: &Present, all: &[Present], random: &mut Random) -> Option<Sighting> {
        let covered = covered(present, all);
        if covered > 0.8 || random.happens(self.missed) {
            return None;
        }
        let confidence = if covered > 0.4 { random.between(0.12, 0.45) } else { random.between(0.45, 0.9) };
        let height = present.corners[3] - present.corners[1];
        let [x1, y1, x2, y2] = present.corners.map(|corner| corner + 0.025 * height * random.tremble());
        Some(Sighting { class: 0, confidence, x1, y1, x2, y2 })
    }
}

impl Walker {
    fn place(&self, seconds: f32) -> Option<[f32; 2]> {
        self.stations.windows(2).find_map(|pair| {
            let ((from_s, from), (to_s, to)) = (pair[0], pair[1]);
            let share = (seconds - from_s) / (to_s - from_s);
            (0.0..=1.0).contains(&share).then(|| [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis])))
        })
    }
}

fn present(walkers: &[Walker], seconds: f32) -> Vec<Present> {
    let mut truth = Vec::new();
    for (person, walker) in walkers.iter().enumerate() {
        if let Some([x, y]) = walker.place(seconds) {
            truth.push(Present { person, corners: corners(x, y, 0.2 * y), hidden: false });
        }
    }
    let hidden: Vec<bool> = truth.iter().map(|present| covered(present, &truth) > 0.5).collect();
    truth.iter_mut().zip(hidden).for_each(|(present, hidden)| present.hidden = hidden);
    truth
}

/// The box of one who stands there.
pub(crate) fn corners(x: f32, y: f32, height: f32) -> Corners {
    [x - 0.2 * height, y - height, x + 0.2 * height, y]
}

/// The share of a box that the one in front of it hides most of it.
fn covered(present: &Present, all: &[Present]) -> f32 {
    let of = present.corners;
    let area = (of[2] - of[0]) * (of[3] - of[1]);
    let nearer = all.iter().filter(|other| other.corners[3] > of[3]);
    let shared = nearer.map(|other| {
        let by = other.corners;
        let (width, height) = (of[2].min(by[2]) - of[0].max(by[0]), of[3].min(by[3]) - of[1].max(by[1]));
        width.max(0.0) * height.max(0.0) / area
    });
    shared.fold(0.0, f32::max)
}

fn invented(random: &mut Random) -> Sighting {
    let (x, y) = (random.between(50.0, 900.0), random.between(100.0, 520.0));
    let height = random.between(40.0, 110.0);
    let [x1, y1, x2, y2] = corners(x, y, height);
    Sighting { class: 0, confidence: random.between(0.1, 0.6), x1, y1, x2, y2 }
}
