//! Measures how long a frame takes, per engine, input size and number of threads: a table for people.
//! It decodes nothing and judges no boxes; the frame is drawn.
//!
//!     cargo run --release -p headwater-detector --example inference_ms -- [rounds]

use std::num::NonZeroUsize;
use std::time::Instant;

use headwater_detector::{
    DetectOptions, Detector, DetectorError, Engine, LoadOptions, RgbFrame, bundled_weights, macs,
};

fn main() -> Result<(), DetectorError> {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20_usize).max(1);
    let (width, height) = (768_u32, 576_u32);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i / 3 % width * i / 9973) as u8).collect();
    let frame = RgbFrame::new(width, height, &pixels)?;
    println!("engine        threads  size  least ms  median ms  GMAC/s");
    for engine in [Engine::ChannelsLast, Engine::Candle] {
        for threads in [1, 2].into_iter().filter_map(NonZeroUsize::new) {
            let detector = Detector::from_bytes_with(bundled_weights(), LoadOptions { threads, engine })?;
            for input_size in [416, 320, 256] {
                let options = DetectOptions { input_size, ..DetectOptions::default() };
                detector.detect(&frame, &options)?;
                let mut times_ms = Vec::with_capacity(rounds);
                for _ in 0..rounds {
                    let start = Instant::now();
                    detector.detect(&frame, &options)?;
                    times_ms.push(start.elapsed().as_secs_f64() * 1e3);
                }
                times_ms.sort_by(f64::total_cmp);
                let (least, median) = (times_ms[0], times_ms[rounds / 2]);
                let rate = macs(input_size) as f64 / least / 1e6;
                println!("{engine:<12?}  {threads:>7}  {input_size:>4}  {least:>8.1}  {median:>9.1}  {rate:>6.1}");
            }
        }
    }
    Ok(())
}
