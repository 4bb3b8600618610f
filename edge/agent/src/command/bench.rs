//! `bench`: how fast this machine detects, and what a frame costs on it.
//!
//! The frames of a clip, or drawn ones, are decoded before the clock runs; then each input size gets its time, and the
//! median and the slow end of its detections are told, with joules a frame by the best method that the machine has.

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
use crate::error::AgentError;
use crate::metered::{self, Metered};

/// Frames that are kept in memory.
const FRAMES_MAX: usize = 64;

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// A picture, a clip or a folder of pictures; without it frames of 768×576 are drawn
    path: Option<PathBuf>,
    /// Input sizes of the network in pixels, multiples of 32
    #[arg(long, value_delimiter = ',', default_values_t = [416, 320, 256], value_name = "PIXELS")]
    sizes: Vec<u32>,
    /// Threads that one detection computes on
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
    for threads in &args.threads {
        let detector = load(args, *threads)?;
        if text.is_empty() {
            text = heading(detector.model_name(), &frames);
        }
        for size in &args.sizes {
            let energy = EnergyAccount::open(&settings, &Host::default())
                .map_err(|source| CommandError::Agent(AgentError::Energy { source: Box::new(source) }))?;
            let run = Run { detector: &detector, frames: &frames, energy: &energy, size: *size, threads: *threads };
            let line = run.measure(Duration::from_secs_f64(args.seconds.clamp(0.1, 3600.0)), shutdown)?;
            if shutdown.is_cancelled() {
                return print(&text);
            }
            let written = writeln!(text, "{}", said(&line));
            written.expect("a String takes every text");
        }
    }
    print(&text)
}

struct Run<'a> {
    detector: &'a Detector,
    frames: &'a [Picture],
    energy: &'a EnergyAccount,
    size: u32,
    threads: usize,
}

impl Run<'_> {
    fn measure(&self, patience: Duration, shutdown: &CancellationToken) -> Result<Line, CommandError> {
        let options = DetectOptions { input_size: self.size, ..DetectOptions::default() };
        let failed = |source| CommandError::Detect { source: Box::new(source) };
        let camera: Arc<str> = "bench".into();
        let look = |picture| {
            metered::detect(self.detector, self.threads, self.energy, &camera, picture, &options).map_err(failed)
        };
        // The first detection lays out its buffers.
        look(&self.frames[0])?;
        let started = Instant::now();
        let mut line =
            Line { size: self.size, threads: self.threads, times_ms: Vec::new(), energy_mj: None, method: "none" };
        let mut energy_mj = Some(0.0);
        for picture in self.frames.iter().cycle() {
            if (started.elapsed() >= patience && line.times_ms.len() >= 3) || shutdown.is_cancelled() {
                break;
            }
            let Metered { inference_ms, energy, .. } = look(picture)?;
            line.times_ms.push(inference_ms);
            energy_mj = energy_mj.zip(energy.energy_mj).map(|(sum, more)| sum + more);
            line.method = energy.method;
        }
        line.energy_mj = energy_mj;
        Ok(line)
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

fn load(args: &BenchArgs, threads: usize) -> Result<Detector, CommandError> {
    let threads = NonZeroUsize::new(threads.min(64)).unwrap_or(NonZeroUsize::MIN);
    let options = LoadOptions { threads, ..LoadOptions::default() };
    let loaded = Detector::of_file_or_bundled(args.weights.as_deref(), options);
    loaded.map_err(|source| CommandError::Detect { source: Box::new(source) })
}

fn heading(model: &str, frames: &[Picture]) -> String {
    let Picture { width, height, .. } = &frames[0];
    let architecture = std::env::consts::ARCH;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    format!(
        "{model}, frames of {width}×{height}, {architecture} with {cores} cores\n\
         size  threads  frames/s  median ms     p95 ms  joules/frame  method\n"
    )
}

fn said(line: &Line) -> String {
    let mut times_ms = line.times_ms.clone();
    times_ms.sort_by(f64::total_cmp);
    let at = |part: f64| times_ms[((times_ms.len() - 1) as f64 * part).round() as usize];
    let frames = times_ms.len() as f64;
    let fps = frames * 1000.0 / times_ms.iter().sum::<f64>();
    let joules = line.energy_mj.map_or("-".to_owned(), |energy_mj| format!("{:.3}", energy_mj / 1000.0 / frames));
    let Line { size, threads, method, .. } = line;
    format!("{size:>4}  {threads:>7}  {fps:>8.1}  {:>9.1}  {:>9.1}  {joules:>12}  {method}", at(0.5), at(0.95))
}
