//! The detector: weights loaded once, then frame after frame to boxes. It joins the parts and owns the threads; what a
//! part computes stands in its own file.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPool;

use crate::classes::ClassId;
use crate::decode::boxes;
use crate::error::DetectorError;
use crate::frame::RgbFrame;
use crate::network::{Activations, Network};
use crate::options::{DetectOptions, LoadOptions};
use crate::preprocess::Preprocessor;
use crate::weights::Weights;

/// One thing that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What.
    pub class: ClassId,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Left, in pixels of the frame.
    pub x1: f32,
    /// Top.
    pub y1: f32,
    /// Right; `x1 < x2 <= width`.
    pub x2: f32,
    /// Bottom; `y1 < y2 <= height`.
    pub y2: f32,
}

/// NanoDet-g with its weights. Shared by reference: calls from several threads take turns on the detector's threads.
pub struct Detector {
    network: Network,
    threads: ThreadPool,
    /// Buffers that are not in use; as many come to be as calls ever ran at once.
    idle: Mutex<Vec<Workspace>>,
}

impl Detector {
    /// Loads a safetensors file, to run on one thread.
    ///
    /// # Errors
    /// Names the file, and the tensor that is missing, misshapen, not finite, or at which the file breaks off.
    pub fn load(path: &Path) -> Result<Self, DetectorError> {
        Self::load_with(path, LoadOptions::default())
    }

    /// As [`Detector::load`], with a choice of threads and engine.
    ///
    /// # Errors
    /// As [`Detector::load`], and where the threads cannot be started.
    pub fn load_with(path: &Path, options: LoadOptions) -> Result<Self, DetectorError> {
        let bytes =
            std::fs::read(path).map_err(|source| DetectorError::ReadWeights { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &bytes, options)
    }

    /// Takes the bytes of a safetensors file, such as [`bundled_weights`](crate::bundled_weights), to run on one thread.
    ///
    /// # Errors
    /// As [`Detector::load`]; the file is called "weights in memory".
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DetectorError> {
        Self::from_bytes_with(bytes, LoadOptions::default())
    }

    /// As [`Detector::from_bytes`], with a choice of threads and engine.
    ///
    /// # Errors
    /// As [`Detector::load_with`].
    pub fn from_bytes_with(bytes: &[u8], options: LoadOptions) -> Result<Self, DetectorError> {
        Self::parse("weights in memory", bytes, options)
    }

    fn parse(origin: &str, bytes: &[u8], options: LoadOptions) -> Result<Self, DetectorError> {
        let weights = Weights::parse(origin, bytes)?;
        let network = Network::new(weights, options.engine)
            .map_err(|source| DetectorError::LayOutWeights { origin: origin.to_owned(), source: Box::new(source) })?;
        let threads = options.threads.get();
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("detector-{index}"))
            .build()
            .map_err(|source| DetectorError::StartThreads { threads, source })?;
        Ok(Self { network, threads, idle: Mutex::new(Vec::new()) })
    }

    /// What is in a frame, surest first. Blocks until the detector's threads have computed it.
    ///
    /// # Errors
    /// An option out of its range; a frame is valid by construction. No weights that load and no frame make it panic.
    pub fn detect(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Vec<Detection>, DetectorError> {
        options.validate()?;
        let mut workspace = self.workspace(options.input_size);
        let detections = self.threads.install(|| self.detect_in(&mut workspace, frame, options));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
        detections
    }

    fn detect_in(
        &self,
        workspace: &mut Workspace,
        frame: &RgbFrame<'_>,
        options: &DetectOptions,
    ) -> Result<Vec<Detection>, DetectorError> {
        let Workspace { input_size, preprocessor, activations } = workspace;
        let input_size = *input_size;
        activations.set_input(preprocessor.rows(frame)?);
        let grids = self
            .network
            .forward(activations)
            .map_err(|source| DetectorError::RunNetwork { input_size, source: Box::new(source) })?;
        let mut detections: Vec<Detection> = boxes(&grids, options)
            .iter()
            .flatten()
            .filter_map(|found| {
                let scale_x = frame.width() as f32 / input_size as f32;
                let scale_y = frame.height() as f32 / input_size as f32;
                let detection = Detection {
                    class: found.data,
                    confidence: found.confidence,
                    x1: (found.xmin * scale_x).max(0.0),
                    y1: (found.ymin * scale_y).max(0.0),
                    x2: (found.xmax * scale_x).min(frame.width() as f32),
                    y2: (found.ymax * scale_y).min(frame.height() as f32),
                };
                (detection.x1 < detection.x2 && detection.y1 < detection.y2).then_some(detection)
            })
            .collect();
        detections.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.class.cmp(&b.class)));
        Ok(detections)
    }

    fn workspace(&self, input_size: u32) -> Workspace {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.filter(|workspace| workspace.input_size == input_size).unwrap_or_else(|| Workspace::new(input_size))
    }
}

/// What one call needs besides the weights, for one input size.
struct Workspace {
    input_size: u32,
    preprocessor: Preprocessor,
    activations: Activations,
}

impl Workspace {
    fn new(input_size: u32) -> Self {
        Self { input_size, preprocessor: Preprocessor::new(input_size), activations: Activations::new(input_size) }
    }
}
