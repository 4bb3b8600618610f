//! Measures how long a frame takes, per engine, input size and number of threads, and where the time goes: tables for
//! people. It decodes nothing and judges no boxes; the frame is drawn.
//!
//!     cargo run --release -p headwater-detector --example inference_ms -- [rounds]

use std::num::NonZeroUsize;
use std::time::Instant;

use headwater_detector::{
    DetectOptions, Detector, DetectorError, Engine, LoadOptions, RgbFrame, Workbench, bundled_weights,
};

const SIZES: [u32; 3] = [416, 320, 256];

fn main() -> Result<(), DetectorError> {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20_usize).max(1);
    let (width, height) = (768_u32, 576_u32);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i / 3 % width * i / 9973) as u8).collect();
    let frame = RgbFrame::new(width, height, &pixels)?;
    println!("kernels for {}\n", Workbench::instructions());
    frames(&frame, rounds)?;
    for threads in [1, 2] {
        steps(&frame, rounds, threads)?;
    }
    Ok(())
}

/// Whole frames.
fn frames(frame: &RgbFrame<'_>, rounds: usize) -> Result<(), DetectorError> {
    println!("engine        threads  size  least ms  median ms  GMAC/s");
    for engine in [Engine::ChannelsLast, Engine::Candle] {
        for threads in [1, 2] {
            let detector = load(threads, engine)?;
            for input_size in SIZES {
                let options = DetectOptions { input_size, ..DetectOptions::default() };
                detector.detect(frame, &options)?;
                let mut times_ms = Vec::with_capacity(rounds);
                for _ in 0..rounds {
                    let start = Instant::now();
                    detector.detect(frame, &options)?;
                    times_ms.push(start.elapsed().as_secs_f64() * 1e3);
                }
                times_ms.sort_by(f64::total_cmp);
                let (least, median) = (times_ms[0], times_ms[rounds / 2]);
                let rate = detector.macs(input_size) as f64 / least / 1e6;
                println!("{engine:<12?}  {threads:>7}  {input_size:>4}  {least:>8.1}  {median:>9.1}  {rate:>6.1}");
            }
        }
    }
    Ok(())
}

/// The steps of a frame: the median of each, in milliseconds.
fn steps(frame: &RgbFrame<'_>, rounds: usize, threads: usize) -> Result<(), DetectorError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| DetectorError::StartThreads { threads, source })?;
    let mut columns = Vec::new();
    for input_size in SIZES {
        let options = DetectOptions { input_size, ..DetectOptions::default() };
        let mut times_ms: Vec<(&str, Vec<f64>)> = Vec::new();
        let (mut index, mut last);
        let mut bench = Workbench::new(bundled_weights(), input_size)?;
        for _ in 0..=rounds {
            (index, last) = (0, Instant::now());
            let watch = &mut |step| {
                if index == times_ms.len() {
                    times_ms.push((step, Vec::new()));
                }
                let now = Instant::now();
                times_ms[index].1.push((now - last).as_secs_f64() * 1e3);
                (index, last) = (index + 1, now);
            };
            pool.install(|| bench.detect(frame, &options, watch))?;
        }
        columns.push(times_ms.into_iter().map(|(step, times)| (step, median(times))).collect::<Vec<_>>());
    }
    println!("\nstep, {threads} threads   {}", SIZES.map(|size| format!("{size:>8}")).concat());
    let print = |step: &str, values: [f64; 3]| println!("{step:<18}{}", values.map(|ms| format!("{ms:>8.3}")).concat());
    for (row, (step, _)) in columns[0].iter().enumerate() {
        print(step, [0, 1, 2].map(|column: usize| columns[column][row].1));
    }
    print("sum", [0, 1, 2].map(|column: usize| columns[column].iter().map(|(_, ms)| ms).sum()));
    Ok(())
}

fn median(mut times_ms: Vec<f64>) -> f64 {
    times_ms.sort_by(f64::total_cmp);
    times_ms[times_ms.len() / 2]
}

fn load(threads: usize, engine: Engine) -> Result<Detector, DetectorError> {
    let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
    Detector::from_bytes_with(bundled_weights(), LoadOptions { threads, engine })
}
