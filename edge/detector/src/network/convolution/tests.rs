//! Every form of a convolution, with the kernels of every instruction set of this processor, against the sum that defines
//! it: random sides, channels and parts, odd sizes and borders, on one thread and several.

use proptest::prelude::*;

use super::*;
use crate::network::kernels::Kernels;

/// A convolution made up from a few numbers.
#[derive(Debug, Clone)]
struct Case {
    parts: Vec<usize>,
    outputs: usize,
    kernel: usize,
    stride: usize,
    side: usize,
    leaky: bool,
    threads: usize,
    seed: u32,
}

impl Case {
    fn parameters(&self, kernels: &'static Kernels) -> Parameters<'_> {
        let inputs: usize = self.parts.iter().sum();
        let length = self.outputs * inputs * self.kernel * self.kernel;
        Parameters {
            kernels,
            parts: &self.parts,
            outputs: self.outputs,
            kernel: self.kernel,
            stride: self.stride,
            slope: self.leaky.then_some(LEAKY_SLOPE),
            weights: noise(self.seed, length),
            bias: noise(self.seed ^ 1, self.outputs),
        }
    }

    fn sources(&self) -> Vec<Plane> {
        (2..)
            .zip(&self.parts)
            .map(|(part, channels)| {
                let side = self.side * self.stride;
                let mut plane = Plane::new(side, *channels);
                let values = noise(self.seed ^ part, side * side * channels);
                for (row, values) in plane.rows_mut().zip(values.chunks_exact(side * channels)) {
                    row.copy_from_slice(values);
                }
                plane
            })
            .collect()
    }

    /// Runs a form, twice over the same target, and compares every value, and the border with zero.
    fn check(
        &self,
        name: &str,
        tolerance: f64,
        run: impl Fn(&[&Plane], &mut Plane) + Sync,
    ) -> Result<(), TestCaseError> {
        let (parameters, sources) = (self.parameters(Kernels::best()), self.sources());
        let sources: Vec<&Plane> = sources.iter().collect();
        let mut target = Plane::new(self.side, self.outputs);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build().unwrap();
        for _ in 0..2 {
            pool.install(|| run(&sources, &mut target));
        }
        let mut left = target.values().iter().filter(|value| **value != 0.0).count();
        for y in 0..self.side {
            for (x, pixel) in target.row(y).chunks_exact(self.outputs).enumerate() {
                for (output, found) in pixel.iter().enumerate() {
                    let (expected, magnitude) = expected(&parameters, &sources, y, x, output);
                    let difference = (f64::from(*found) - expected).abs();
                    prop_assert!(
                        difference <= tolerance * magnitude,
                        "{name}: {found} is not {expected} at row {y}, column {x}, output {output}"
                    );
                    left -= usize::from(*found != 0.0);
                }
            }
        }
        prop_assert_eq!(left, 0, "the border of {} stays zero", name);
        Ok(())
    }
}

/// The definition, and the sum of the magnitudes in it, by which rounding is measured.
fn expected(parameters: &Parameters<'_>, sources: &[&Plane], y: usize, x: usize, output: usize) -> (f64, f64) {
    let (mut sum, mut magnitude) = (f64::from(parameters.bias[output]), 1.0);
    for ky in 0..parameters.kernel {
        for kx in 0..parameters.kernel {
            let padding = parameters.kernel / 2;
            let place = |at: usize, k: usize| (at * parameters.stride + k).checked_sub(padding);
            let (Some(y), Some(x)) = (place(y, ky), place(x, kx)) else { continue };
            if y >= sources[0].side() || x >= sources[0].side() {
                continue;
            }
            let mut input = 0;
            for source in sources {
                for value in &source.row(y)[x * source.channels()..][..source.channels()] {
                    let product = f64::from(*value) * f64::from(parameters.weight(output, input, ky, kx));
                    sum += product;
                    magnitude += product.abs();
                    input += 1;
                }
            }
        }
    }
    let slope = parameters.slope.map_or(1.0, f64::from);
    (sum.max(sum * slope), magnitude)
}

/// Numbers from −1 to 1.
fn noise(seed: u32, length: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

prop_compose! {
    fn any_case()(
        parts in proptest::collection::vec(1_usize..40, 1..=3),
        outputs in 1_usize..80,
        wide in any::<bool>(),
        stride in 1_usize..=2,
        side in 1_usize..12,
        leaky in any::<bool>(),
        threads in 1_usize..=3,
        seed in any::<u32>(),
    ) -> Case {
        Case { parts, outputs, kernel: if wide { 3 } else { 1 }, stride, side, leaky, threads, seed }
    }
}

prop_compose! {
    fn case_for_winograd()(
        parts in proptest::collection::vec((1_usize..=3).prop_map(|segments| segments * 16), 1..=3),
        outputs in prop::sample::select(vec![16_usize, 32, 64, 96]),
        side in 1_usize..22,
        leaky in any::<bool>(),
        threads in 1_usize..=3,
        seed in any::<u32>(),
    ) -> Case {
        Case { parts, outputs, kernel: 3, stride: 1, side, leaky, threads, seed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn products_over_patches_are_the_convolution(case in any_case()) {
        for kernels in Kernels::runnable() {
            let direct = Direct::new(&case.parameters(kernels));
            case.check(kernels.name, 1e-6, |sources, target| direct.run(sources, target))?;
        }
    }

    #[test]
    fn winograds_tiles_are_the_convolution(case in case_for_winograd()) {
        for kernels in Kernels::runnable() {
            let parameters = case.parameters(kernels);
            prop_assert!(winograd::suits(&parameters));
            let (two, four) = (Winograd::two(&parameters), Winograd::four(&parameters));
            case.check(kernels.name, 1e-6, |sources, target| two.run(sources, target))?;
            case.check(kernels.name, 1e-5, |sources, target| four.run(sources, target))?;
        }
    }

    #[test]
    fn the_stem_is_a_convolution_and_a_max_pool(
        (side, panels, threads, seed) in (1_usize..20, 1_usize..=2, 1_usize..=3, any::<u32>()),
    ) {
        let outputs = 32 * panels;
        let case =
            Case { parts: vec![3], outputs, kernel: 3, stride: 2, side: 2 * side, leaky: true, threads, seed };
        let picture = case.sources().remove(0);
        let mut between = Plane::new(2 * side, outputs);
        Direct::new(&case.parameters(Kernels::best())).run(&[&picture], &mut between);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for kernels in Kernels::runnable() {
            let mut target = Plane::new(side, outputs);
            let stem = Stem::pack("stem", &case.parameters(kernels));
            pool.install(|| stem.run(&picture, &mut target));
            for y in 0..side {
                for (x, pixel) in target.row(y).chunks_exact(outputs).enumerate() {
                    for (output, found) in pixel.iter().enumerate() {
                        let largest = largest_around(&between, y, x, output);
                        prop_assert!((found - largest).abs() < 1e-5, "{}: {found} is not {largest}", kernels.name);
                    }
                }
            }
        }
    }
}

/// Max pool of 3×3 at stride 2, padded by one pixel of −∞.
fn largest_around(plane: &Plane, y: usize, x: usize, channel: usize) -> f32 {
    let around = |at: usize| (2 * at).saturating_sub(1)..=(2 * at + 1).min(plane.side() - 1);
    around(y)
        .flat_map(|y| around(x).map(move |x| plane.row(y)[x * plane.channels() + channel]))
        .fold(f32::NEG_INFINITY, f32::max)
}

#[test]
fn a_block_that_does_not_fit_the_cache_is_cut() {
    // Many tiles and pixels, so that blocks begin in the middle of rows.
    let case =
        Case { parts: vec![128, 64], outputs: 32, kernel: 3, stride: 1, side: 37, leaky: true, threads: 2, seed: 5 };
    let parameters = case.parameters(Kernels::best());
    let (direct, four) = (Direct::new(&parameters), Winograd::four(&parameters));
    case.check("direct", 1e-6, |sources, target| direct.run(sources, target)).unwrap();
    case.check("winograd", 1e-5, |sources, target| four.run(sources, target)).unwrap();
}
