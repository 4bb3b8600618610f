//! Tests of SSDLite: both engines against what the original graph answers, and against each other; boxes against the
//! original's anchors.

use candle_core::{Device, safetensors};
use proptest::prelude::*;

use super::architecture::{ANCHORS, LEVELS, Step};
use super::*;

const ENGINES: [Engine; 2] = [Engine::ChannelsLast, Engine::Candle];
const WEIGHTS: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/ssdlite_mobilenet_v2.safetensors"));
const REFERENCE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/reference-ssdlite-320.safetensors"));

fn model(engine: Engine) -> SsdLite {
    SsdLite::of(&WeightFile::open("test", WEIGHTS).unwrap(), engine).unwrap()
}

/// The square of the photograph that the reference was computed from.
fn reference_input(input: &mut Map) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../footage/astronaut.png");
    let picture = image::open(path).unwrap().crop_imm(96, 16, 320, 320).to_rgb8();
    picture::scale(picture.as_raw(), input);
}

#[test]
fn the_table_is_the_published_network() {
    let all = Architecture::new(ClassId::COUNT + 11);
    assert_eq!(all.steps().len(), 18 + 1 + 1 + 4 + 2 * LEVELS);
    // The paper's 4.3 million parameters and 0.8 billion multiply-adds, with a logit more for each box; and what the
    // converted file holds.
    let parameters = |architecture: &Architecture| -> usize {
        architecture.steps().iter().flat_map(Step::layers).map(|layer| layer.weights() + layer.outputs).sum()
    };
    assert_eq!(parameters(&Architecture::new(29)), 3_461_281);
    assert!((4.3e6..4.6e6).contains(&(parameters(&all) as f64)), "{}", parameters(&all));
    assert!((0.7e9..0.85e9).contains(&(all.macs(320) as f64)), "{}", all.macs(320));
    assert_eq!(Architecture::new(29).macs(0), 0);
    assert!(all.macs(u32::MAX) > all.macs(2048));
}

#[test]
fn both_engines_give_what_the_original_graph_gives() {
    let reference = safetensors::load_buffer(REFERENCE, &Device::Cpu).unwrap();
    for engine in ENGINES {
        let model = model(engine);
        let mut activations = Activations::new(&model.architecture, 320);
        reference_input(&mut activations.input);
        // Twice, so that nothing which the first frame left behind can reach the second.
        for _ in 0..2 {
            model.forward(&mut activations).unwrap();
            for (index, map) in activations.maps[model.architecture.heads()].iter().enumerate() {
                let name = format!("{}.{}", ["class", "box"][index % 2], index / 2);
                let expected: Vec<f32> = reference[&name].flatten_all().unwrap().to_vec1().unwrap();
                assert_eq!(map.values().len(), expected.len(), "{name}");
                let difference = |(found, expected): (&f32, &f32)| (found - expected).abs();
                let largest = map.values().iter().zip(&expected).map(difference).fold(0.0, f32::max);
                assert!(largest < 1e-3, "{engine:?}, {name}: {largest}");
            }
        }
    }
}

#[test]
fn the_reference_test_sees_a_wrong_weight() {
    let reference = safetensors::load_buffer(REFERENCE, &Device::Cpu).unwrap();
    let file = WeightFile::open("test", WEIGHTS).unwrap();
    let architecture = Architecture::of(&file).unwrap();
    let mut parameters = Parameters::read(&file, &architecture).unwrap();
    let bias = &mut parameters.0[5][1].bias;
    *bias = (&*bias + 0.05).unwrap();
    let network = Fast::new(&architecture, &parameters).unwrap();
    let mut activations = Activations::new(&architecture, 320);
    reference_input(&mut activations.input);
    network.forward(&architecture, &mut activations);
    let expected: Vec<f32> = reference["class.0"].flatten_all().unwrap().to_vec1().unwrap();
    let found = activations.maps[architecture.heads().start].values();
    assert!(found.iter().zip(&expected).any(|(found, expected)| (found - expected).abs() > 1e-3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// At sizes whose grids are odd, have one cell, or many; with strips dealt out to one, two or three threads.
    #[test]
    fn the_engines_agree_at_every_size(cells in 1_u32..=7, threads in 1_usize..=3, seed in any::<u32>()) {
        let noise = |index: usize| (index as u32 ^ seed).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 * 2.0 - 1.0;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let [fast, plain] = ENGINES.map(|engine| {
            let model = model(engine);
            let mut activations = Activations::new(&model.architecture, cells * 32);
            activations.input.values_mut().iter_mut().enumerate().for_each(|(index, value)| *value = noise(index));
            pool.install(|| model.forward(&mut activations)).unwrap();
            activations.maps.split_off(model.architecture.heads().start)
        });
        for (fast, plain) in fast.iter().zip(&plain).flat_map(|(fast, plain)| fast.values().iter().zip(plain.values())) {
            prop_assert!((fast - plain).abs() < 2e-3, "{fast} is not {plain} at {cells} cells");
        }
    }
}

#[test]
fn uncorrected_boxes_are_the_originals_anchors() {
    // Sides that the graph holds for its pictures of 300, as fractions of the picture (`Postprocessor/ExpandDims`).
    let expected: [&[[f32; 2]]; 2] = [
        &[[0.1, 0.1], [0.28284, 0.14142], [0.14142, 0.28284]],
        &[
            [0.35, 0.35],
            [0.49497, 0.24749],
            [0.24749, 0.49497],
            [0.60622, 0.20207],
            [0.20206, 0.60625],
            [0.41833, 0.41833],
        ],
    ];
    for (level, (cells, sides)) in [19, 10].into_iter().zip(expected).enumerate() {
        let anchors = Anchors::of(level, cells, 300);
        for (index, [width, height]) in sides.iter().enumerate() {
            // The second cell of the third row.
            let corners = anchors.corners((2 * cells + 1) * ANCHORS[level] + index, &[0.0; 4]);
            let (x, y) = (1.5 / cells as f32, 2.5 / cells as f32);
            let wanted = [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0];
            for (found, wanted) in corners.iter().zip(wanted) {
                assert!((found / 300.0 - wanted).abs() < 1e-4, "level {level}, {index}: {corners:?}");
            }
        }
    }
}

#[test]
fn a_correction_moves_and_scales_a_box() {
    // One cell at input size 320, box 0: a square of 0.95 · 300 pixels in the middle.
    let anchors = Anchors::of(5, 1, 320);
    let double = 5.0 * 2.0_f32.ln();
    let [x1, y1, x2, y2] = anchors.corners(0, &[-1.0, 2.0, -double, double]);
    for (found, expected) in [
        (x1 + x2, 2.0 * (160.0 + 57.0)),
        (y1 + y2, 2.0 * (160.0 - 28.5)),
        (x2 - x1, 2.0 * 285.0),
        (y2 - y1, 0.5 * 285.0),
    ] {
        assert!((found - expected).abs() < 1e-2, "{found} is not {expected}");
    }
}

#[test]
fn boxes_keep_their_size_in_pixels_when_the_input_grows() {
    let width = |input_size: u32| {
        let [x1, _, x2, _] = Anchors::of(0, input_size as usize / 16, input_size).corners(0, &[0.0; 4]);
        x2 - x1
    };
    assert_eq!(width(320), width(512));
}
