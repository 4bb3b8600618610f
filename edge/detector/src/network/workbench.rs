//! NanoDet-g a step at a time, for measuring and for comparing it with other runtimes. It knows no clock: who has one is
//! told when a step is done. Programs that want boxes use [`Detector`](crate::Detector).

use super::kernels::Kernels;
use super::{Activations, Network};
use crate::decode::{CELL_CHANNELS, Grid, candidates, suppress};
use crate::preprocess::Preprocessor;
use crate::weights::WeightFile;
use crate::{DetectOptions, DetectorError, Engine, RgbFrame};

/// The network at one input size. It computes on the rayon pool in which it is called.
pub struct Workbench {
    input_size: u32,
    preprocessor: Preprocessor,
    network: Network,
    activations: Activations,
}

impl Workbench {
    /// From the bytes of a safetensors file, with the default engine.
    ///
    /// # Errors
    /// As [`Detector::from_bytes`](crate::Detector::from_bytes), and an input size that
    /// [`DetectOptions`] does not allow.
    pub fn new(weights: &[u8], input_size: u32) -> Result<Self, DetectorError> {
        DetectOptions { input_size, ..DetectOptions::default() }.validate()?;
        let network = Network::open(&WeightFile::open("weights in memory", weights)?, Engine::default())?;
        let (preprocessor, activations) = (Preprocessor::new(input_size), Activations::new(input_size));
        Ok(Self { input_size, preprocessor, network, activations })
    }

    /// The instruction set that the kernels of the default engine use on this processor.
    pub fn instructions() -> &'static str {
        Kernels::best().name
    }

    /// A frame from bytes to boxes, of which it says how many there are. Tells `watch` the name of each step when it is
    /// done: `resize`, `normalise`, every convolution by its name in the weight file, `fpn` for the sums between levels,
    /// and `decode`. The input size is that of the workbench.
    ///
    /// # Errors
    /// As [`Detector::detect`](crate::Detector::detect).
    pub fn detect(
        &mut self,
        frame: &RgbFrame<'_>,
        options: &DetectOptions,
        watch: &mut dyn FnMut(&'static str),
    ) -> Result<usize, DetectorError> {
        DetectOptions { input_size: self.input_size, ..*options }.validate()?;
        let rows = self.preprocessor.rows(frame)?;
        watch("resize");
        self.activations.set_input(rows);
        watch("normalise");
        let grids = self.network.forward_watched(&mut self.activations, watch)?;
        let mut found = candidates(&grids, options);
        suppress(&mut found, options.nms_iou);
        let found = found.iter().map(Vec::len).sum();
        watch("decode");
        Ok(found)
    }

    /// What the network is given for a frame: `3 × size × size`, blue, green, red.
    ///
    /// # Errors
    /// As [`Detector::detect`](crate::Detector::detect).
    pub fn picture(&mut self, frame: &RgbFrame<'_>) -> Result<Vec<f32>, DetectorError> {
        let pixels: Vec<[f32; 3]> = self.preprocessor.rows(frame)?.flatten().collect();
        Ok((0..3).flat_map(|channel| pixels.iter().map(move |pixel| pixel[channel])).collect())
    }

    /// What the network answers to a picture as [`Workbench::picture`] gives it: for the strides 8, 16 and 32
    /// `cells × 124`, logits of the classes and bins of the distances.
    ///
    /// # Errors
    /// As [`Detector::detect`](crate::Detector::detect).
    ///
    /// # Panics
    /// Where the picture has another size.
    pub fn forward(&mut self, picture: &[f32]) -> Result<[Vec<f32>; 3], DetectorError> {
        let side = self.input_size as usize;
        assert_eq!(picture.len(), 3 * side * side, "a picture of {side} a side");
        let pixel = |index: usize| [0, 1, 2].map(|channel| picture[channel * side * side + index]);
        self.activations.set_input((0..side).map(|y| (0..side).map(move |x| pixel(y * side + x))));
        Ok(self.network.forward(&mut self.activations)?.each_ref().map(cells))
    }
}

/// A grid without the border between its rows.
fn cells(grid: &Grid<'_>) -> Vec<f32> {
    let rows = (0..grid.side).map(|row| &grid.values[row * grid.pitch..][..grid.side * CELL_CHANNELS]);
    rows.flatten().copied().collect()
}
