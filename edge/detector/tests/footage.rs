//! The detector on surveillance footage: its boxes are those which ONNX Runtime finds with the same weights, on every
//! tenth frame of the clip and at the three input sizes between which a node steps.

#![allow(clippy::unwrap_used)] // clippy.toml spares test functions, not what they call; here, too, a failed step ends the test

#[path = "footage/clip.rs"]
mod clip;

use headwater_detector::{ClassSet, DetectOptions, Detector, RgbFrame, bundled_weights};
use serde_json::Value;

const INPUT_SIZES: [u32; 3] = [416, 320, 256];

/// A person as (score, [x1, y1, x2, y2]).
type Person = (f32, [f32; 4]);

/// How many boxes of one side have their like on the other.
#[derive(Default)]
struct Tally {
    expected: usize,
    expected_found: usize,
    found: usize,
    found_expected: usize,
}

#[test]
fn people_are_those_that_another_runtime_finds() {
    let expected: Value = serde_json::from_slice(&clip::read("vtest-a.expected.json")).unwrap();
    let frames: Vec<&Value> = expected.as_array().unwrap().iter().collect();
    let numbers: Vec<usize> = frames.iter().map(|frame| frame["frame"].as_u64().unwrap() as usize).collect();
    let detector = Detector::from_bytes(bundled_weights()).unwrap();
    let mut tallies = INPUT_SIZES.map(|_| Tally::default());
    let mut compared = 0;

    let decoded = clip::decode("vtest-a.mp4", |number, frame| {
        let Ok(index) = numbers.binary_search(&number) else { return };
        compared += 1;
        for (input_size, tally) in INPUT_SIZES.into_iter().zip(&mut tallies) {
            tally.add(&expected_people(frames[index], input_size), &found_people(&detector, frame, input_size));
        }
    });

    assert_eq!((decoded, compared), (400, frames.len()));
    for (input_size, tally) in INPUT_SIZES.into_iter().zip(&tallies) {
        let Tally { expected, expected_found, found, found_expected } = *tally;
        println!(
            "{input_size}: {expected_found} of {expected} expected found, {found_expected} of {found} found expected"
        );
        assert!(expected > 150, "the comparison is about something");
        assert!(expected_found * 100 >= expected * 95, "{input_size}: {expected_found} of {expected} found");
        assert!(found_expected * 100 >= found * 95, "{input_size}: {found_expected} of {found} expected");
    }
}

fn expected_people(frame: &Value, input_size: u32) -> Vec<Person> {
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let people = frame[input_size.to_string()].as_array().unwrap();
    people.iter().map(|person| (number(&person["score"]), [0, 1, 2, 3].map(|i| number(&person["box"][i])))).collect()
}

fn found_people(detector: &Detector, frame: &RgbFrame<'_>, input_size: u32) -> Vec<Person> {
    let options = DetectOptions { input_size, classes: ClassSet::PERSON, ..DetectOptions::default() };
    let found = detector.detect(frame, &options).unwrap();
    found.iter().map(|one| (one.confidence, [one.x1, one.y1, one.x2, one.y2])).collect()
}

impl Tally {
    fn add(&mut self, expected: &[Person], found: &[Person]) {
        self.expected += expected.len();
        self.found += found.len();
        self.expected_found += expected.iter().filter(|one| found.iter().any(|other| alike(one, other))).count();
        self.found_expected += found.iter().filter(|one| expected.iter().any(|other| alike(one, other))).count();
    }
}

fn alike((score, a): &Person, (other_score, b): &Person) -> bool {
    let area = |[x1, y1, x2, y2]: &[f32; 4]| (x2 - x1) * (y2 - y1);
    let overlap = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    (score - other_score).abs() <= 0.05 && overlap / (area(a) + area(b) - overlap) >= 0.85
}
