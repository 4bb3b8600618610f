//! The detector on surveillance footage: its boxes are those which another runtime finds with the same weights, on every
//! tenth frame of the clip and at the input sizes between which a node steps. ONNX Runtime ran NanoDet-g, and
//! TensorFlow.js the graph from which SSDLite's weights were converted, before they were rounded to half precision.

#![allow(clippy::unwrap_used)] // clippy.toml spares test functions, not what they call; here, too, a failed step ends the test

#[path = "footage/clip.rs"]
mod clip;

use headwater_detector::{ClassSet, DetectOptions, Detector, RgbFrame, bundled_weights};
use serde_json::Value;

const SSDLITE: &[u8] = include_bytes!("../../../models/ssdlite_mobilenet_v2.safetensors");

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
    compare(bundled_weights(), &clip::read("vtest-a.expected.json"), [416, 320, 256]);
}

#[test]
fn ssdlite_finds_the_people_that_the_original_graph_finds() {
    compare(SSDLITE, include_bytes!("footage/vtest-a.ssdlite.json"), [512, 416, 320]);
}

fn compare(weights: &[u8], expected: &[u8], input_sizes: [u32; 3]) {
    let expected: Value = serde_json::from_slice(expected).unwrap();
    let frames: Vec<&Value> = expected.as_array().unwrap().iter().collect();
    let numbers: Vec<usize> = frames.iter().map(|frame| frame["frame"].as_u64().unwrap() as usize).collect();
    let detector = Detector::from_bytes(weights).unwrap();
    let mut tallies = input_sizes.map(|_| Tally::default());
    let mut compared = 0;

    let decoded = clip::decode("vtest-a.mp4", |number, frame| {
        let Ok(index) = numbers.binary_search(&number) else { return };
        compared += 1;
        for (input_size, tally) in input_sizes.into_iter().zip(&mut tallies) {
            tally.add(&expected_people(frames[index], input_size), &found_people(&detector, frame, input_size));
        }
    });

    assert_eq!((decoded, compared), (400, frames.len()));
    for (input_size, tally) in input_sizes.into_iter().zip(&tallies) {
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
