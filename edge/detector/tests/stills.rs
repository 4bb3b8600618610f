//! The detector on photographs: people where there are people, nobody where there is nobody, and odd frames.

#![allow(clippy::unwrap_used)] // clippy.toml spares test functions, not what they call; here, too, a failed step ends the test

use std::num::NonZeroUsize;

use headwater_detector::{
    ClassId, ClassSet, DetectOptions, Detection, Detector, Engine, LoadOptions, RgbFrame, bundled_weights,
};

const SSDLITE: &[u8] = include_bytes!("../../../models/ssdlite_mobilenet_v2.safetensors");

const PEOPLE: DetectOptions =
    DetectOptions { input_size: 416, threshold: 0.40, nms_iou: 0.5, classes: ClassSet::PERSON };

fn picture(still: &str) -> image::RgbImage {
    image::open(format!("{}/../../footage/{still}", env!("CARGO_MANIFEST_DIR"))).unwrap().to_rgb8()
}

fn frame(picture: &image::RgbImage) -> RgbFrame<'_> {
    RgbFrame::new(picture.width(), picture.height(), picture.as_raw()).unwrap()
}

fn detect(detector: &Detector, still: &str, options: &DetectOptions) -> Vec<Detection> {
    detector.detect(&frame(&picture(still)), options).unwrap()
}

fn iou(found: &Detection, [x1, y1, x2, y2]: [f32; 4]) -> f32 {
    let overlap = (found.x2.min(x2) - found.x1.max(x1)).max(0.0) * (found.y2.min(y2) - found.y1.max(y1)).max(0.0);
    overlap / ((found.x2 - found.x1) * (found.y2 - found.y1) + (x2 - x1) * (y2 - y1) - overlap)
}

/// Each model at the input size that it was trained for; the expected boxes are those of another runtime.
#[test]
fn people_are_found_where_they_are() {
    let astronaut = [14.0, 14.0, 364.0, 508.0];
    let camera = [4.0, 68.0, 319.0, 514.0];
    let nanodet = [("astronaut.png", 0.73, astronaut), ("camera.png", 0.88, camera)];
    let ssdlite =
        [("astronaut.png", 0.67, [42.0, 11.0, 350.0, 468.0]), ("camera.png", 0.87, [6.0, 54.0, 278.0, 494.0])];
    for (weights, input_size, expected) in [(bundled_weights(), 416, nanodet), (SSDLITE, 320, ssdlite)] {
        let people = DetectOptions { input_size, ..PEOPLE };
        for engine in [Engine::ChannelsLast, Engine::Candle] {
            let options = LoadOptions { threads: NonZeroUsize::MIN, engine };
            let detector = Detector::from_bytes_with(weights, options).unwrap();
            for (still, score, corners) in expected {
                let found = detect(&detector, still, &people);
                assert_eq!(found.len(), 1, "{still}: {found:?}");
                assert_eq!(found[0].class, ClassId::PERSON);
                assert!((found[0].confidence - score).abs() <= 0.05, "{still}: {found:?}");
                assert!(iou(&found[0], corners) >= 0.85, "{still}: {found:?}");
            }
            assert_eq!(detect(&detector, "leuvenA.jpg", &people), []);
        }
    }
}

#[test]
fn any_frame_and_any_size_gives_ordered_boxes_inside_the_frame() {
    for weights in [bundled_weights(), SSDLITE] {
        boxes_are_ordered_and_inside(&Detector::from_bytes(weights).unwrap());
    }
}

fn boxes_are_ordered_and_inside(detector: &Detector) {
    for (width, height) in [(1, 1), (1, 700), (700, 1), (33, 17), (640, 480)] {
        let pixels: Vec<u8> =
            (0..width * height * 3).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let frame = RgbFrame::new(width, height, &pixels).unwrap();
        // The size changes from call to call, as it does when a node saves power.
        for input_size in [32, 64, 96, 32, 256] {
            let options = DetectOptions { input_size, threshold: 0.0, ..DetectOptions::default() };
            let found = detector.detect(&frame, &options).unwrap();
            assert!(!found.is_empty(), "nothing is under a threshold of zero");
            assert!(found.is_sorted_by(|a, b| a.confidence >= b.confidence));
            for one in &found {
                assert!((0.0..=1.0).contains(&one.confidence));
                assert!(0.0 <= one.x1 && one.x1 < one.x2 && one.x2 <= width as f32, "{one:?}");
                assert!(0.0 <= one.y1 && one.y1 < one.y2 && one.y2 <= height as f32, "{one:?}");
            }
        }
    }
}

#[test]
fn a_detector_is_shared_between_callers() {
    let threads = NonZeroUsize::new(2).unwrap();
    let options = LoadOptions { threads, ..LoadOptions::default() };
    let detector = Detector::from_bytes_with(bundled_weights(), options).unwrap();
    let alone = detect(&detector, "astronaut.png", &PEOPLE);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| detect(&detector, "astronaut.png", &PEOPLE))).collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), alone);
        }
    });
}

#[test]
fn options_are_checked_before_anything_is_computed() {
    let detector = Detector::from_bytes(bundled_weights()).unwrap();
    let frame = RgbFrame::new(1, 1, &[0; 3]).unwrap();
    let wrong = DetectOptions { input_size: 400, ..PEOPLE };
    let error = detector.detect(&frame, &wrong).unwrap_err().to_string();
    assert_eq!(error, "input size 400 is not a multiple of 32 from 32 to 2048");
}
