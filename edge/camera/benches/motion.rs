//! What the motion gate costs and what it misses, as a table.
//!
//! ```text
//! headwater-edge detect footage/vtest-a.mp4 --format json > /tmp/detections.jsonl
//! cargo bench -p headwater-camera --bench motion -- /tmp/detections.jsonl
//! ```
//!
//! The scenes are the clip, in which people walk nearly always, and still ones made of its first frame: with noise, with
//! a drifting light, with a light that is switched. Missed and stale are counted against a detection of every frame,
//! with the result of the last passed frame held: people who are in a frame and not in the held result, and people in
//! the held result who are gone. Without a file of detections only cost and share are shown.

use std::path::{Path, PathBuf};
use std::time::Instant;

use headwater_camera::glance::Glance;
use headwater_camera::motion::{MotionGate, MotionOptions};
use headwater_camera::{Picture, Recording, open_file};

const FRAME_MS: u64 = 100;
const STILL_FRAMES: u64 = 300;

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let people = file.map(|path| people_of(&path)).unwrap_or_default();
    let frames = clip();
    println!("scene                sensitivity  idle ms  passed    glance µs  decide µs  people  missed  stale");
    for (sensitivity, max_idle_ms) in [(0.5, 2000), (0.25, 2000), (0.75, 2000)] {
        let options = MotionOptions { sensitivity, max_idle_ms, ..MotionOptions::default() };
        let show = |name: &str, result: &Outcome| result.print(name, &options);
        show("vtest-a", &run(options, frames.iter().cloned(), &people));
        show("still, noise", &run(options, still(&frames[0], |_| 0), &[]));
        show("still, drift", &run(options, still(&frames[0], |frame| (frame % 300) as i32 / 10), &[]));
        show("still, switched", &run(options, still(&frames[0], |frame| 40 * (frame / 100 % 2) as i32), &[]));
        let rest = vec![people.first().copied().unwrap_or_default(); STILL_FRAMES as usize];
        let (rest, frames) = (rest.iter().chain(&people).copied().collect::<Vec<_>>(), frames.iter().cloned());
        let rest = if people.is_empty() { Vec::new() } else { rest };
        show("still, then vtest-a", &run(options, still(&clip()[0], |_| 0).chain(frames), &rest));
    }
}

struct Outcome {
    frames: usize,
    passed: usize,
    glance_us: f64,
    decide_us: f64,
    people: u64,
    missed: u64,
    stale: u64,
}

impl Outcome {
    fn print(&self, name: &str, options: &MotionOptions) {
        let percent = 100.0 * self.passed as f64 / self.frames as f64;
        let of_people = |count: u64| format!("{:.1}%", 100.0 * count as f64 / self.people.max(1) as f64);
        let (missed, stale) = match self.people {
            0 => ("-".to_owned(), "-".to_owned()),
            _ => (of_people(self.missed), of_people(self.stale)),
        };
        println!(
            "{name:<20} {:>11.2} {:>8} {percent:>6.1}%  {:>10.1} {:>10.1} {:>7} {missed:>7} {stale:>6}",
            options.sensitivity, options.max_idle_ms, self.glance_us, self.decide_us, self.people
        );
    }
}

/// Runs the gate over frames; `people` is how many there are in each, by a detection of every frame.
fn run(options: MotionOptions, frames: impl Iterator<Item = Picture>, people: &[u64]) -> Outcome {
    let mut gate = MotionGate::new(options);
    let (mut glance_us, mut decide_us, mut passed, mut held) = (Vec::new(), Vec::new(), 0, 0);
    let (mut missed, mut stale) = (0, 0);
    for (number, picture) in frames.enumerate() {
        let started = Instant::now();
        let glance = Glance::of(&picture);
        glance_us.push(started.elapsed().as_secs_f64() * 1e6);
        let started = Instant::now();
        let motion = gate.decide(&glance, &[], number as u64 * FRAME_MS);
        decide_us.push(started.elapsed().as_secs_f64() * 1e6);
        passed += usize::from(motion.passes());
        let there = people.get(number).copied().unwrap_or_default();
        if motion.passes() {
            held = there;
        }
        missed += there.saturating_sub(held);
        stale += held.saturating_sub(there);
    }
    let frames = glance_us.len();
    let (glance_us, decide_us) = (median(glance_us), median(decide_us));
    Outcome { frames, passed, glance_us, decide_us, people: people.iter().sum(), missed, stale }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A picture again and again, with the noise of a sensor (two levels of deviation) and so much more light.
fn still(picture: &Picture, light: impl Fn(u64) -> i32) -> impl Iterator<Item = Picture> {
    let mut state = 1_u64;
    (0..STILL_FRAMES).map(move |frame| {
        let light = light(frame);
        let mut noisy = picture.clone();
        for byte in &mut noisy.pixels {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The sum of three even distributions of −2 to 2 is nearly normal with a deviation of 2.4.
            let noise = (0..3).map(|part| (state >> (40 + part * 8) & 0xff) as i32 % 5 - 2).sum::<i32>();
            *byte = (i32::from(*byte) + noise + light).clamp(0, 255) as u8;
        }
        noisy
    })
}

fn clip() -> Vec<Picture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../footage/vtest-a.mp4");
    let mut clip: Box<dyn Recording> = open_file(&path).expect("the clip is in the repository");
    std::iter::from_fn(|| clip.next_frame().expect("the clip is whole")).collect()
}

/// People in each frame, from the lines of `headwater-edge detect --format json`.
fn people_of(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).expect("the file of detections can be read");
    let people = |line: &str| {
        let frame: serde_json::Value = serde_json::from_str(line).expect("each line is a JSON object");
        let found = frame["detections"].as_array().map(Vec::as_slice).unwrap_or_default();
        found.iter().filter(|found| found["class"] == "person").count() as u64
    };
    text.lines().map(people).collect()
}
