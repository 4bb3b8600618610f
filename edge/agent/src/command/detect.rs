//! `detect`: every frame of a picture, a clip or a folder through the detector, and what it saw as a table or as JSON.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use headwater_camera::{Picture, open_file};
use headwater_detector::{DetectOptions, Detection, Detector, LoadOptions, RgbFrame};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::annotate::save;

/// What to detect in, and how to say it.
#[derive(Debug, Args)]
pub struct DetectArgs {
    /// A picture (png, jpeg), a clip (mp4 with H.264), or a folder of pictures
    path: PathBuf,
    /// Input size of the network in pixels, a multiple of 32; 416, 320 and 256 are the usual ones
    #[arg(long, default_value_t = 416, value_name = "PIXELS")]
    size: u32,
    /// Look at every Nth frame only
    #[arg(long, default_value = "1", value_name = "N")]
    every: std::num::NonZeroU64,
    /// Least confidence, 0 to 1
    #[arg(long, default_value_t = 0.40, value_name = "SCORE")]
    threshold: f32,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Save every frame looked at, with its boxes drawn, as PNG into this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// A weight file of one's own, safetensors
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line an object, for people
    Table,
    /// A JSON object a frame and line, for programs
    Json,
}

#[derive(Serialize)]
struct FrameResult {
    frame: u64,
    detections: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    class: &'static str,
    confidence: f32,
    x1: f32,
    y1: f32,
    x2: f32,
    y2: f32,
}

/// Detects until the end of the input or until cancelled; blocks.
pub(super) fn detect(args: &DetectArgs, shutdown: &CancellationToken) -> Result<(), CommandError> {
    let options = DetectOptions { input_size: args.size, threshold: args.threshold, ..DetectOptions::default() };
    options.validate().map_err(|source| CommandError::Options { source: Box::new(source) })?;
    let mut source = open_file(&args.path).map_err(|source| CommandError::Input { source: Box::new(source) })?;
    let detector = Detector::of_file_or_bundled(args.weights.as_deref(), LoadOptions::default())
        .map_err(|source| CommandError::Detect { source: Box::new(source) })?;
    if let Some(folder) = &args.save {
        let saved = std::fs::create_dir_all(folder);
        saved.map_err(|source| CommandError::Save { path: folder.clone(), source })?;
    }
    let bar = progress(source.frame_count());
    let mut out = io::stdout().lock();
    if args.format == Format::Table && !written(out.write_all(HEADING.as_bytes()))? {
        return Ok(());
    }
    let mut number = 0;
    while !shutdown.is_cancelled() {
        let Some(picture) = source.next_frame().map_err(|source| CommandError::Input { source: Box::new(source) })?
        else {
            break;
        };
        if number % args.every == 0 {
            let found = look(&detector, &picture, &options)?;
            if let Some(folder) = &args.save {
                save(folder, number, &picture, &found)?;
            }
            let text = bar.suspend(|| written(out.write_all(text_of(args.format, number, &found).as_bytes())));
            if !text? {
                return Ok(());
            }
        }
        number += 1;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn look(detector: &Detector, picture: &Picture, options: &DetectOptions) -> Result<Vec<Detection>, CommandError> {
    let frame = RgbFrame::new(picture.width, picture.height, &picture.pixels);
    let found = frame.and_then(|frame| detector.detect(&frame, options));
    found.map_err(|source| CommandError::Detect { source: Box::new(source) })
}

/// A bar on standard error, and none where that is no terminal.
fn progress(frames: Option<u64>) -> ProgressBar {
    let bar = frames.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match ProgressStyle::with_template("{bar:32} {pos}/{len} frames, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

const HEADING: &str = "frame  class           confidence       x1       y1       x2       y2\n";

fn text_of(format: Format, frame: u64, detections: &[Detection]) -> String {
    match format {
        Format::Json => json(frame, detections),
        Format::Table => table(frame, detections),
    }
}

fn json(frame: u64, detections: &[Detection]) -> String {
    let found = |detection: &Detection| Found {
        class: detection.class.name(),
        confidence: detection.confidence,
        x1: detection.x1,
        y1: detection.y1,
        x2: detection.x2,
        y2: detection.y2,
    };
    let result = FrameResult { frame, detections: detections.iter().map(found).collect() };
    let line = serde_json::to_string(&result).expect("names and numbers are always JSON");
    line + "\n"
}

fn table(frame: u64, detections: &[Detection]) -> String {
    if detections.is_empty() {
        return format!("{frame:>5}  -\n");
    }
    let mut lines = String::new();
    for Detection { class, confidence, x1, y1, x2, y2 } in detections {
        let name = class.name();
        let written =
            writeln!(lines, "{frame:>5}  {name:<14}  {confidence:>10.2} {x1:>8.1} {y1:>8.1} {x2:>8.1} {y2:>8.1}");
        written.expect("a String takes every text");
    }
    lines
}

/// Whether there is still a reader: one who has gone away ends the command and is no error.
fn written(result: io::Result<()>) -> Result<bool, CommandError> {
    match result {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(CommandError::Output { source }),
    }
}
