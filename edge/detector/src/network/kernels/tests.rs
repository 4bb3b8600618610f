//! Each kernel alone, as compiled for every instruction set of this processor, against plain loops. How they are joined to
//! a convolution is tested there.
#![allow(unsafe_code)] // kernels take pointers; every one here is to a vector of the length that the loops beside it use

use proptest::prelude::*;

use super::*;

fn noise(seed: u32, length: usize) -> Vec<f32> {
    (0..length as u32).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() <= 1e-4 * (1.0 + expected.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_product_is_rows_times_weights(
        (rows, segments, narrow) in (0_usize..40, 1_usize..4, any::<bool>()),
        (missing, from_target, leaky, seed) in (0_usize..16, any::<bool>(), any::<bool>(), any::<u32>()),
    ) {
        for kernels in Kernels::runnable() {
            let panel = if narrow { SEGMENT } else { kernels.panel };
            let (outputs, length) = (panel - missing, segments * SEGMENT);
            let (left, weights) = (noise(seed, rows * length), noise(seed ^ 1, length * panel));
            let (bias, before) = (noise(seed ^ 2, panel), noise(seed ^ 3, rows * outputs + 1));
            let mut target = before.clone();
            let offsets: Vec<usize> = (0..rows).map(|row| row * outputs).collect();
            let product = Product {
                left: left.as_ptr(),
                segments,
                segment_length: SEGMENT,
                segment_stride: rows * SEGMENT,
                weights: weights.as_ptr(),
                next_weights: std::ptr::null(),
                panel,
                target: target.as_mut_ptr(),
                offsets: &offsets,
                outputs,
                start: if from_target { Start::Target } else { Start::Bias(bias.as_ptr()) },
                slope: leaky.then_some(0.1),
            };
            // SAFETY: the vectors have the lengths that the product says.
            unsafe { (kernels.product)(&product) };
            for row in 0..rows {
                for output in 0..outputs {
                    let start = if from_target { before[row * outputs + output] } else { bias[output] };
                    let sum = (0..length).fold(start, |sum, k| {
                        let value = left[(k / SEGMENT * rows + row) * SEGMENT + k % SEGMENT];
                        sum + value * weights[k * panel + output]
                    });
                    let expected = if leaky { sum.max(0.1 * sum) } else { sum };
                    let found = target[row * outputs + output];
                    prop_assert!(close(found, expected), "{}: {found} is not {expected}", kernels.name);
                }
            }
            prop_assert_eq!(target.last(), before.last(), "nothing is written behind the last output");
        }
    }

    #[test]
    fn packing_moves_values_and_fills_up_with_zeros(rows in 0_usize..20, length in 1_usize..70, seed in any::<u32>()) {
        for kernels in Kernels::runnable() {
            let source = noise(seed, rows * 7 + length);
            let origins: Vec<usize> = (0..rows).map(|row| row * 7).collect();
            let mut target = vec![f32::NAN; length.next_multiple_of(SEGMENT) * rows];
            let job = Pack { source: source.as_ptr(), origins: &origins, length, target: target.as_mut_ptr() };
            // SAFETY: the vectors have the lengths that the job says.
            unsafe { (kernels.pack)(&job) };
            for (index, found) in target.iter().enumerate() {
                let (segment, row, k) = (index / SEGMENT / rows, index / SEGMENT % rows, index % SEGMENT);
                let k = segment * SEGMENT + k;
                prop_assert_eq!(*found, if k < length { source[row * 7 + k] } else { 0.0 });
            }
        }
    }

    #[test]
    fn a_pooled_pixel_is_the_largest_of_nine(pixels in 1_usize..12, segments in 1_usize..4, seed in any::<u32>()) {
        let channels = segments * SEGMENT;
        let rows = [1, 2, 3].map(|row| noise(seed ^ row, 2 * pixels * channels));
        for kernels in Kernels::runnable() {
            let mut target = vec![0.0; pixels * channels];
            let job = Pool { rows: rows.each_ref().map(|row| row.as_ptr()), channels, pixels, target: target.as_mut_ptr() };
            // SAFETY: the vectors have the lengths that the job says.
            unsafe { (kernels.pool)(&job) };
            for (index, found) in target.iter().enumerate() {
                let (x, channel) = (index / channels, index % channels);
                let nine = rows.iter().flat_map(|row| {
                    ((2 * x).saturating_sub(1)..=2 * x + 1).map(move |x| row[x * channels + channel])
                });
                prop_assert_eq!(*found, nine.fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }

    /// `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A` is what the transforms are for: a correlation of every patch with any kernel.
    #[test]
    fn between_the_transforms_a_convolution_is_a_product(
        (tiles, segments, rows, columns, seed) in (1_usize..4, 1_usize..3, 0_usize..=4, 0_usize..=4, any::<u32>()),
    ) {
        for kernels in Kernels::runnable() {
            let case = Tiles { tiles, channels: segments * SEGMENT, rows, columns, seed };
            case.check::<Four, 6, 4>(&kernels.four, kernels.name)?;
            case.check::<Two, 4, 2>(&kernels.two, kernels.name)?;
        }
    }
}

/// Tiles whose patches lie in a row, each channel with a kernel of its own.
struct Tiles {
    tiles: usize,
    channels: usize,
    rows: usize,
    columns: usize,
    seed: u32,
}

impl Tiles {
    fn check<S: Scheme<IN, OUT>, const IN: usize, const OUT: usize>(
        &self,
        transforms: &Transforms,
        name: &str,
    ) -> Result<(), TestCaseError> {
        let Self { tiles, channels, seed, .. } = *self;
        let (rows, columns) = (self.rows.min(OUT), self.columns.min(OUT));
        let pitch = tiles * OUT + 2;
        let pixels = noise(seed, IN * pitch * channels);
        let weights = noise(seed ^ 1, channels * 9);
        let bias = noise(seed ^ 2, channels);

        let frequency_stride = tiles * channels;
        let mut space = vec![0.0; IN * IN * frequency_stride];
        let origins: Vec<usize> = (0..tiles).map(|tile| tile * OUT * channels).collect();
        let forward = Forward {
            source: pixels.as_ptr(),
            origins: &origins,
            channels,
            row_stride: pitch * channels,
            target: space.as_mut_ptr(),
            frequency_stride,
        };
        // SAFETY: the vectors have the lengths that the job says.
        unsafe { (transforms.forward)(&forward) };

        // From segments to panels, times the kernel's transform.
        let mut products = vec![0.0; space.len()];
        for (index, product) in products.iter_mut().enumerate() {
            let (frequency, tile, channel) = (index / frequency_stride, index / channels % tiles, index % channels);
            let (y, x) = (frequency / IN, frequency % IN);
            let weight: f64 =
                (0..9).map(|k| f64::from(weights[channel * 9 + k]) * S::WEIGHTS[y][k / 3] * S::WEIGHTS[x][k % 3]).sum();
            let place = (channel / SEGMENT * tiles + tile) * SEGMENT + channel % SEGMENT;
            *product = space[frequency * frequency_stride + place] * weight as f32;
        }

        let places: Vec<Place> =
            (0..tiles).map(|tile| Place { offset: tile * OUT * channels, rows, columns }).collect();
        let mut target = vec![f32::NAN; OUT * pitch * channels];
        let inverse = Inverse {
            source: products.as_ptr(),
            tiles: &places,
            panel: channels,
            frequency_stride,
            bias: bias.as_ptr(),
            slope: Some(0.1),
            target: target.as_mut_ptr(),
            pixel_stride: channels,
            row_stride: pitch * channels,
        };
        // SAFETY: as above.
        unsafe { (transforms.inverse)(&inverse) };

        for (index, found) in target.iter().enumerate() {
            let (y, x, channel) = (index / channels / pitch, index / channels % pitch, index % channels);
            if x >= tiles * OUT || y >= rows || x % OUT >= columns {
                prop_assert!(found.is_nan(), "{name}: a pixel outside the plane is not written");
                continue;
            }
            let sum = (0..9).fold(bias[channel], |sum, k| {
                sum + pixels[((y + k / 3) * pitch + x + k % 3) * channels + channel] * weights[channel * 9 + k]
            });
            let expected = sum.max(0.1 * sum);
            prop_assert!(close(*found, expected), "{name}: {found} is not {expected}");
        }
        Ok(())
    }
}
