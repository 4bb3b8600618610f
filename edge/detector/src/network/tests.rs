//! Tests of the forward pass: both engines against what the original network answered, and against each other.

use std::collections::HashMap;

use candle_core::{Device, Tensor, safetensors};
use proptest::prelude::*;

use super::*;
use crate::architecture::STRIDES;
use crate::{ClassId, bundled_weights};

const ENGINES: [Engine; 2] = [Engine::ChannelsLast, Engine::Candle];

#[test]
fn both_engines_give_the_reference_output() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/reference-416.safetensors")).unwrap();
    let reference = safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
    for engine in ENGINES {
        let mut activations = Activations::new(416);
        activations.set_input(picture_rows(&reference["input"]));
        let network = network(engine);
        // Twice, so that nothing which the first frame left behind can reach the second.
        for _ in 0..2 {
            let grids = network.forward(&mut activations).unwrap();
            for (grid, stride) in grids.iter().zip(STRIDES) {
                let difference = largest_difference(grid, &reference, stride);
                assert!(difference < 1e-4, "{engine:?}, stride {stride}: {difference}");
            }
        }
    }
}

#[test]
fn the_reference_test_sees_a_wrong_weight() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/reference-416.safetensors")).unwrap();
    let reference = safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
    let mut weights = Weights::parse("test", bundled_weights()).unwrap();
    let bias = &mut weights.backbone[3].bias;
    *bias = (&*bias + 0.01).unwrap();
    let network = Network::new(weights, Engine::ChannelsLast).unwrap();
    let mut activations = Activations::new(416);
    activations.set_input(picture_rows(&reference["input"]));
    let grids = network.forward(&mut activations).unwrap();
    assert!(grids.iter().zip(STRIDES).any(|(grid, stride)| largest_difference(grid, &reference, stride) > 1e-4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// At sizes that have odd grids, one cell, or many; with rows dealt out to one, two or three threads.
    #[test]
    fn the_engines_agree_at_every_size(cells in 1_u32..=10, threads in 1_usize..=3, seed in any::<u32>()) {
        let input_size = cells * 32;
        let noise = |index: u32| (index ^ seed).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32 * 4.0 - 2.0;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let [fast, plain] = ENGINES.map(|engine| {
            let mut activations = Activations::new(input_size);
            activations.set_input((0..input_size).map(|y| {
                (0..input_size).map(move |x| [0, 1, 2].map(|channel| noise((y * input_size + x) * 3 + channel)))
            }));
            pool.install(|| network(engine).forward(&mut activations).unwrap().map(|grid| cells_of(&grid)))
        });
        for (fast, plain) in fast.iter().flatten().flatten().zip(plain.iter().flatten().flatten()) {
            prop_assert!((fast - plain).abs() < 1e-3, "{fast} is not {plain} at {input_size}");
        }
    }
}

fn network(engine: Engine) -> Network {
    Network::new(Weights::parse("test", bundled_weights()).unwrap(), engine).unwrap()
}

/// The reference's `1 × 3 × side × side` as rows of pixels.
fn picture_rows(input: &Tensor) -> impl Iterator<Item = impl Iterator<Item = [f32; 3]>> {
    let rows: Vec<Vec<Vec<f32>>> = input.squeeze(0).unwrap().permute((1, 2, 0)).unwrap().to_vec3().unwrap();
    rows.into_iter().map(|row| row.into_iter().map(|pixel| [pixel[0], pixel[1], pixel[2]]))
}

fn cells_of(grid: &Grid<'_>) -> Vec<[f32; CELL_CHANNELS]> {
    (0..grid.side)
        .flat_map(|row| &grid.values[row * grid.pitch..].as_chunks::<CELL_CHANNELS>().0[..grid.side])
        .copied()
        .collect()
}

/// Over the scores after sigmoid and the logits of the distances.
fn largest_difference(grid: &Grid<'_>, reference: &HashMap<String, Tensor>, stride: usize) -> f32 {
    let scores: Vec<Vec<f32>> = reference[&format!("class_scores.{stride}")].to_vec2().unwrap();
    let sides: Vec<Vec<f32>> = reference[&format!("box_distribution.{stride}")].to_vec2().unwrap();
    let cells = cells_of(grid);
    assert_eq!(cells.len(), scores.len());
    assert_eq!((scores[0].len(), sides[0].len()), (ClassId::COUNT, CELL_CHANNELS - ClassId::COUNT));
    let mut largest: f32 = 0.0;
    for ((cell, scores), sides) in cells.iter().zip(&scores).zip(&sides) {
        let (logits, distances) = cell.split_at(ClassId::COUNT);
        for (logit, score) in logits.iter().zip(scores) {
            largest = largest.max((1.0 / (1.0 + (-logit).exp()) - score).abs());
        }
        for (found, expected) in distances.iter().zip(sides) {
            largest = largest.max((found - expected).abs());
        }
    }
    largest
}
