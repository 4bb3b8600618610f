//! `bench`: how fast this machine detects, and what a frame costs on it.
//!
//! The frames of a clip, or drawn ones, are decoded before the clock runs; then each input size gets its time, and the
//! median and the slow end of its detections are told, with joules a frame by the best method that the machine has.
//! With several threads it is measured twice: all of them on one frame, as for one camera, and each on a frame of its own,
//! as for many. Beside the table stand what a start costs, from the weights to the first detection, and the memory that the
//! process took at most.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use headwater_camera::{Picture, Recording, SyntheticScene, open_file};
use headwater_detector::{DetectOptions, Detector, LoadOptions};
use headwater_sensors::{EnergyAccount, EnergySettings, Host};
use tokio_util::sync::CancellationToken;

use super::{CommandError, print};
use crate::detection::batch::{BatchDetector, Job};
use crate::error::AgentError;
use crate::metered::Metered;

/// Frames that are kept in memory.
const FRAMES_MAX: usize = 64;
/// Threads at most.
const THREADS_MAX: usize = 64;

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// A picture, a clip or a folder of pictures; without it frames of 768×576 are drawn
    path: Option<PathBuf>,
    /// Input sizes of the network in pixels, multiples of 32
    #[arg(long, value_delimiter = ',', default_values_t = [416, 320, 256], value_name = "PIXELS")]
    sizes: Vec<u32>,
    /// Threads; with several, on one frame and on a frame each
    #[arg(long, value_delimiter = ',', default_values_t = [1], value_name = "N")]
    threads: Vec<usize>,
    /// Seconds for each line of the table
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    seconds: f64,
    /// What one busy core draws over an idle one, where the machine cannot measure itself
    #[arg(long, value_name = "WATTS")]
    busy_watts: Option<f64>,
    /// A weight file of one's own, safetensors
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// A line of the table.
struct Line {
    size: u32,
    threads: usize,
    at_once: usize,
    elapsed: Duration,
    /// Of each detection.
    times_ms: Vec<f64>,
    energy_mj: Option<f64>,
    method: &'static str,
}

/// Measures and prints the table; blocks.
pub(super) fn bench(args: &BenchArgs, shutdown: &CancellationToken) -> Result<(), CommandError> {
    for size in &args.sizes {
        let options = DetectOptions { input_size: *size, ..DetectOptions::default() };
        options.validate().map_err(|source| CommandError::Options { source: Box::new(source) })?;
    }
    let settings = EnergySettings { busy_watts: args.busy_watts, ..EnergySettings::default() };
    let frames = frames(args)?;
    let mut text = String::new();
    let patience = Duration::from_secs_f64(args.seconds.clamp(0.1, 3600.0));
    for &threads in &args.threads {
        let threads = threads.clamp(1, THREADS_MAX);
        let energy = EnergyAccount::open(&settings, &Host::default())
            .map_err(|source| CommandError::Agent(AgentError::Energy { source: Box::new(source) }))?;
        let started = Instant::now();
        let detector = load(args, threads, energy)?;
        if text.is_empty() {
            let size = args.sizes.first().copied().unwrap_or(DetectOptions::default().input_size);
            Run { detector: &detector, frames: &frames, size, at_once: 1 }.look(&mut frames.iter())?;
            text = heading(detector.model_name(), &frames, started.elapsed());
        }
        let ways: BTreeSet<usize> = [1, detector.at_once()].into();
        for (at_once, &size) in ways.iter().flat_map(|&at_once| args.sizes.iter().map(move |size| (at_once, size))) {
            let run = Run { detector: &detector, frames: &frames, size, at_once };
            let line = run.measure(patience, shutdown)?;
            if shutdown.is_cancelled() {
                return print(&text);
            }
            let written = writeln!(text, "{}", said(&line));
            written.expect("a String takes every text");
        }
    }
    if let Some(bytes) = peak_memory_bytes() {
        let written = writeln!(text, "memory: {} MB at most, with {} frames decoded", bytes / 1_000_000, frames.len());
        written.expect("a String takes every text");
    }
    print(&text)
}

/// The most memory that the process had at once, by `/proc`; nothing where there is none.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

struct Run<'a> {
    detector: &'a BatchDetector,
    frames: &'a [Picture],
    size: u32,
    /// Frames that are detected at once.
    at_once: usize,
}

impl Run<'_> {
    fn measure(&self, patience: Duration, shutdown: &CancellationToken) -> Result<Line, CommandError> {
        let mut pictures = self.frames.iter().cycle();
        // The first detections lay out their buffers.
        self.look(&mut pictures)?;
        let started = Instant::now();
        let (mut times_ms, mut energy_mj, mut method) = (Vec::new(), Some(0.0), "none");
        while (started.elapsed() < patience || times_ms.len() < 3) && !shutdown.is_cancelled() {
            for Metered { inference_ms, energy, .. } in self.look(&mut pictures)? {
                times_ms.push(inference_ms);
                energy_mj = energy_mj.zip(energy.energy_mj).map(|(sum, more)| sum + more);
                method = energy.method;
            }
        }
        let Self { size, at_once, .. } = *self;
        let threads = self.detector.thread_count();
        Ok(Line { size, threads, at_once, elapsed: started.elapsed(), times_ms, energy_mj, method })
    }

    /// Detects in the next frames.
    fn look<'a>(&self, pictures: &mut impl Iterator<Item = &'a Picture>) -> Result<Vec<Metered>, CommandError> {
        let camera: Arc<str> = "bench".into();
        let options = DetectOptions { input_size: self.size, ..DetectOptions::default() };
        let jobs = pictures.take(self.at_once).map(|picture| Job { camera: Arc::clone(&camera), picture, options });
        let detected = self.detector.detect(&jobs.collect::<Vec<_>>()).into_iter().collect::<Result<_, _>>();
        detected.map_err(|source| CommandError::Detect { source: Box::new(source) })
    }
}

fn frames(args: &BenchArgs) -> Result<Vec<Picture>, CommandError> {
    let input = |source| CommandError::Input { source: Box::new(source) };
    let mut source: Box<dyn Recording> = match &args.path {
        Some(path) => open_file(path).map_err(input)?,
        None => Box::new(SyntheticScene::new(768, 576)),
    };
    let mut frames = Vec::new();
    while frames.len() < FRAMES_MAX
        && let Some(frame) = source.next_frame().map_err(input)?
    {
        frames.push(frame);
    }
    if frames.is_empty() { Err(CommandError::NoFrames) } else { Ok(frames) }
}

fn load(args: &BenchArgs, threads: usize, energy: EnergyAccount) -> Result<BatchDetector, CommandError> {
    let options =
        LoadOptions { threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), ..LoadOptions::default() };
    let loaded = Detector::of_file_or_bundled(args.weights.as_deref(), options)
        .and_then(|detector| BatchDetector::new(detector, Arc::new(energy)));
    loaded.map_err(|source| CommandError::Detect { source: Box::new(source) })
}

fn heading(model: &str, frames: &[Picture], start: Duration) -> String {
    let Picture { width, height, .. } = &frames[0];
    let architecture = std::env::consts::ARCH;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    format!(
        "{model}, frames of {width}×{height}, {architecture} with {cores} cores, {:.0} ms from weights to first detection\n\
         size  threads  at once  frames/s  median ms     p95 ms  joules/frame  method\n",
        start.as_secs_f64() * 1000.0
    )
}

fn said(line: &Line) -> String {
    let mut times_ms = line.times_ms.clone();
    times_ms.sort_by(f64::total_cmp);
    let at = |part: f64| times_ms[((times_ms.len() - 1) as f64 * part).round() as usize];
    let frames = times_ms.len() as f64;
    let fps = frames / line.elapsed.as_secs_f64();
    let joules = line.energy_mj.map_or("-".to_owned(), |energy_mj| format!("{:.3}", energy_mj / 1000.0 / frames));
    let Line { size, threads, at_once, method, .. } = line;
    format!(
        "{size:>4}  {threads:>7}  {at_once:>7}  {fps:>8.1}  {:>9.1}  {:>9.1}  {joules:>12}  {method}",
        at(0.5),
        at(0.95)
    )
}
