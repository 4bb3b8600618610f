//! The detector: weights loaded once, then frame after frame to boxes. It owns the model and the threads, and
//! does what is the same for every model: suppression, and the way back to pixels of the frame.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::classes::{ClassId, ClassSet};
use crate::decode::suppress;
use crate::error::DetectorError;
use crate::frame::RgbFrame;
use crate::model::{self, Model};
use crate::options::{DetectOptions, LoadOptions};

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

/// A model with its weights. Shared by reference: calls from several threads take turns on the detector's threads.
pub struct Detector {
    model: Arc<dyn Model>,
    threads: ThreadPool,
}

impl Detector {
    /// Loads a safetensors file, to run on one thread. Which model it holds is said by `architecture` in its metadata, or
    /// else by the names of its tensors.
    ///
    /// # Errors
    /// Names the file, and the tensor that is missing, misshapen, not finite, or at which the file breaks off; or the
    /// architecture that is not known.
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

    /// The weights of a file, or the [bundled](crate::bundled_weights) ones where none is named.
    ///
    /// # Errors
    /// As [`Detector::load_with`].
    pub fn of_file_or_bundled(path: Option<&Path>, options: LoadOptions) -> Result<Self, DetectorError> {
        match path {
            Some(path) => Self::load_with(path, options),
            None => Self::from_bytes_with(crate::bundled_weights(), options),
        }
    }

    fn parse(origin: &str, bytes: &[u8], options: LoadOptions) -> Result<Self, DetectorError> {
        let model = model::open(origin, bytes, options.engine)?;
        Self::over(Arc::from(model), options.threads.get())
    }

    fn over(model: Arc<dyn Model>, threads: usize) -> Result<Self, DetectorError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("detector-{index}"))
            .build()
            .map_err(|source| DetectorError::StartThreads { threads, source })?;
        Ok(Self { model, threads })
    }

    /// Another detector over the same weights, with one thread of its own. Several of them at work on a frame each lose
    /// less to waiting than as many threads on one frame after the other.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn single_threaded(&self) -> Result<Self, DetectorError> {
        Self::over(Arc::clone(&self.model), 1)
    }

    /// How many threads it computes on.
    pub fn thread_count(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Under which name results are reported, such as `"nanodet-g"`.
    pub fn model_name(&self) -> &'static str {
        self.model.name()
    }

    /// What the weights can tell apart. Other classes may be asked for, and are never found.
    pub fn classes(&self) -> ClassSet {
        self.model.classes()
    }

    /// Multiply-accumulates that one frame costs at this input size.
    pub fn macs(&self, input_size: u32) -> u64 {
        self.model.macs(input_size)
    }

    /// What is in a frame, surest first. Blocks until the detector's threads have computed it.
    ///
    /// # Errors
    /// An option out of its range; a frame is valid by construction. No weights that load and no frame make it panic.
    pub fn detect(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Vec<Detection>, DetectorError> {
        options.validate()?;
        self.threads.install(|| self.look(frame, options))
    }

    /// Asks something on each of the threads that [`Detector::detect`] computes on, such as how busy it was so far. Blocks
    /// until all have answered.
    pub fn on_each_thread<T: Send>(&self, ask: impl Fn() -> T + Sync) -> Vec<T> {
        self.threads.broadcast(|_| ask())
    }

    /// Does something for each item, each on a thread of the detector's own, all at once; what came of each, in their
    /// order. Blocks until all is done.
    ///
    /// # Contract
    /// There are no more items than the detector has threads; those beyond are left out.
    pub fn for_each_at_once<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
        // Not as jobs that can be stolen: a thread that waits for another pool would begin the next item within this one.
        let done = self.threads.broadcast(|thread| {
            let item = items.get(thread.index())?.lock().unwrap_or_else(PoisonError::into_inner).take()?;
            Some(work(item))
        });
        done.into_iter().flatten().collect()
    }

    /// Runs on the current rayon pool.
    fn look(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Vec<Detection>, DetectorError> {
        let mut candidates = self.model.find(frame, options)?;
        suppress(&mut candidates, options.nms_iou);
        let scale_x = frame.width() as f32 / options.input_size as f32;
        let scale_y = frame.height() as f32 / options.input_size as f32;
        let mut detections: Vec<Detection> = candidates
            .iter()
            .flatten()
            .map(|found| Detection {
                class: found.data,
                confidence: found.confidence,
                x1: (found.xmin * scale_x).max(0.0),
                y1: (found.ymin * scale_y).max(0.0),
                x2: (found.xmax * scale_x).min(frame.width() as f32),
                y2: (found.ymax * scale_y).min(frame.height() as f32),
            })
            .filter(|detection| detection.x1 < detection.x2 && detection.y1 < detection.y2)
            .collect();
        detections.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.class.cmp(&b.class)));
        Ok(detections)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn each_item_has_a_thread_of_its_own_also_where_it_waits_for_other_threads() {
        let options = LoadOptions { threads: NonZeroUsize::new(3).unwrap(), ..LoadOptions::default() };
        let detector = Detector::from_bytes_with(crate::bundled_weights(), options).unwrap();
        let lanes: Vec<Detector> = (0..3).map(|_| detector.single_threaded().unwrap()).collect();
        for _ in 0..200 {
            let items = lanes.iter().enumerate().collect();
            let done = detector.for_each_at_once(items, |(item, lane)| {
                (0..20).for_each(|_| drop(lane.on_each_thread(|| ())));
                (item, std::thread::current().id())
            });
            let threads: std::collections::HashSet<_> = done.iter().map(|(_, thread)| *thread).collect();
            assert_eq!((threads.len(), done.iter().map(|(item, _)| *item).collect()), (3, vec![0, 1, 2]));
        }
    }
}
