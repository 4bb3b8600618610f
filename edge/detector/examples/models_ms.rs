//! Measures how long a frame takes with the models of the given weight files, per input size. A table for people: it judges
//! no boxes; the frame is drawn.
//!
//!     cargo run --release -p headwater-detector --example models_ms -- rounds models/*_g.safetensors models/ssdlite*

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use headwater_detector::{DetectOptions, Detector, DetectorError, LoadOptions, RgbFrame};

fn main() -> Result<(), DetectorError> {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(10_usize).max(1);
    let (width, height) = (768_u32, 576_u32);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i / 3 % width * i / 9973) as u8).collect();
    let frame = RgbFrame::new(width, height, &pixels)?;
    println!("model                 threads  size   GMAC  median ms");
    for path in arguments {
        for threads in [1, 2].into_iter().filter_map(NonZeroUsize::new) {
            let options = LoadOptions { threads, ..LoadOptions::default() };
            let detector = Detector::load_with(Path::new(&path), options)?;
            for input_size in [256, 320, 416, 512] {
                print_row(&detector, threads, &frame, input_size, rounds)?;
            }
        }
    }
    Ok(())
}

fn print_row(
    detector: &Detector,
    threads: NonZeroUsize,
    frame: &RgbFrame<'_>,
    input_size: u32,
    rounds: usize,
) -> Result<(), DetectorError> {
    let options = DetectOptions { input_size, ..DetectOptions::default() };
    let mut times_ms = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        detector.detect(frame, &options)?;
        times_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (name, gmac) = (detector.model_name(), detector.macs(input_size) as f64 / 1e9);
    println!("{name:<20}  {threads:>7}  {input_size:>4}  {gmac:>5.2}  {:>9.1}", median(times_ms));
    Ok(())
}

fn median(mut times_ms: Vec<f64>) -> f64 {
    times_ms.sort_by(f64::total_cmp);
    times_ms[times_ms.len() / 2]
}
