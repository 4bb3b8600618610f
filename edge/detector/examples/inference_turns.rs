//! One side of the comparison in `benches/inference`: takes orders on standard input, so that two runtimes can be measured
//! in turns on the same frames. Which orders, and what they mean, is the list in [`obey`]. Files hold plain f32 and bytes.

#![allow(clippy::unwrap_used)] // the clip's decoder is shared with the tests, where a failed step may end the program

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{BufRead, Write};
use std::num::NonZeroUsize;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use headwater_detector::{DetectOptions, Detector, LoadOptions, RgbFrame, Workbench, bundled_weights};

#[path = "../tests/footage/clip.rs"]
mod clip;

/// One frame in so many of the clip is kept.
const FRAME_STEP: usize = 10;

/// A frame of the clip.
struct Frame {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// What has been loaded so far.
#[derive(Default)]
struct Loaded {
    /// By number of threads.
    detectors: HashMap<usize, (Detector, rayon::ThreadPool)>,
    /// By input size.
    benches: HashMap<u32, Workbench>,
}

impl Loaded {
    fn bench(&mut self, size: u32) -> Result<&mut Workbench> {
        Ok(match self.benches.entry(size) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(Workbench::new(bundled_weights(), size)?),
        })
    }

    fn detector(&mut self, threads: usize) -> Result<&(Detector, rayon::ThreadPool)> {
        Ok(match self.detectors.entry(threads) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let options =
                    LoadOptions { threads: NonZeroUsize::new(threads).context("no thread")?, ..Default::default() };
                let detector = Detector::from_bytes_with(bundled_weights(), options)?;
                place.insert((detector, rayon::ThreadPoolBuilder::new().num_threads(threads).build()?))
            }
        })
    }
}

fn main() -> Result<()> {
    let mut frames = Vec::new();
    clip::decode("vtest-a.mp4", |number, frame| {
        if number % FRAME_STEP == 0 {
            frames.push(Frame { width: frame.width(), height: frame.height(), pixels: frame.pixels().to_vec() });
        }
    });
    println!("{} frames", frames.len());
    let mut loaded = Loaded::default();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("standard input breaks off")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = obey(&words, &frames, &mut loaded).with_context(|| format!("in order {line:?}"))?;
        println!("{answer}");
        std::io::stdout().flush().context("standard output breaks off")?;
    }
    Ok(())
}

fn obey(words: &[&str], frames: &[Frame], loaded: &mut Loaded) -> Result<String> {
    match words {
        // What the network is given for a frame at an input size goes to a file.
        ["picture", size, frame, file] => {
            write(file, &loaded.bench(size.parse()?)?.picture(&borrowed(frames, frame)?)?)?;
            Ok("ok".to_owned())
        }
        // The network's answers to such a file go, one grid after the other, to another.
        ["forward", size, picture, file] => {
            write(file, &loaded.bench(size.parse()?)?.forward(&read(picture)?)?.concat())?;
            Ok("ok".to_owned())
        }
        // Milliseconds from bytes to boxes, then those of the network alone: pairs, one for each of the frames in turn.
        ["time", size, threads, first, count] => {
            time(size.parse()?, threads.parse()?, first.parse()?, count.parse()?, frames, loaded)
        }
        _ => bail!("no such order"),
    }
}

fn time(
    size: u32,
    threads: usize,
    first: usize,
    count: usize,
    frames: &[Frame],
    loaded: &mut Loaded,
) -> Result<String> {
    loaded.bench(size)?;
    loaded.detector(threads)?;
    let bench = loaded.benches.get_mut(&size).context("just loaded")?;
    let (detector, pool) = loaded.detectors.get(&threads).context("just loaded")?;
    let options = DetectOptions { input_size: size, ..DetectOptions::default() };
    let (mut whole, mut network) = (Vec::new(), Vec::new());
    for index in first..first + count {
        let frame = &frames[index % frames.len()];
        let frame = RgbFrame::new(frame.width, frame.height, &frame.pixels)?;
        let start = Instant::now();
        detector.detect(&frame, &options)?;
        whole.push(milliseconds(start, Instant::now()));
    }
    for index in first..first + count {
        let frame = &frames[index % frames.len()];
        let frame = RgbFrame::new(frame.width, frame.height, &frame.pixels)?;
        let (mut begin, mut end) = (Instant::now(), Instant::now());
        let watch = &mut |step| match step {
            "normalise" => begin = Instant::now(),
            "head.2.out" => end = Instant::now(),
            _ => {}
        };
        pool.install(|| bench.detect(&frame, &options, watch))?;
        network.push(milliseconds(begin, end));
    }
    Ok(whole.iter().zip(&network).map(|(whole, network)| format!("{whole:.4} {network:.4} ")).collect())
}

fn milliseconds(start: Instant, end: Instant) -> f64 {
    (end - start).as_secs_f64() * 1e3
}

fn borrowed<'a>(frames: &'a [Frame], number: &str) -> Result<RgbFrame<'a>> {
    let frame = frames.get(number.parse::<usize>()?).context("no such frame")?;
    Ok(RgbFrame::new(frame.width, frame.height, &frame.pixels)?)
}

fn read(file: &str) -> Result<Vec<f32>> {
    let bytes = fs::read(file).with_context(|| format!("reading {file}"))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn write(file: &str, values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(file, bytes).with_context(|| format!("writing {file}"))
}
