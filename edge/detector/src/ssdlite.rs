//! SSDLite on MobileNetV2 as a model: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, and
//! Liu et al., "SSD: Single Shot MultiBox Detector", 2016, in the form of the TensorFlow Object Detection API.
//!
//! Nearly all of its work is done in pointwise and depthwise convolutions, and its activations are large: `separable`
//! computes three layers at a time on a strip of rows, so that what lies between them stays in the cache.

mod anchors;
mod architecture;
mod depthwise;
mod fast;
mod map;
mod picture;
mod plain;
mod pointwise;
mod separable;
mod stem;

use std::ops::Range;

use candle_transformers::object_detection::Bbox;

use crate::classes::{ClassId, ClassSet};
use crate::decode::{Candidates, Search};
use crate::error::DetectorError;
use crate::frame::RgbFrame;
use crate::model::Model;
use crate::options::{DetectOptions, Engine};
use crate::stretch::Stretcher;
use crate::weights::WeightFile;
use crate::workspaces::Workspaces;
use anchors::Anchors;
use architecture::{Architecture, Parameters};
use fast::Fast;
use map::Map;
use plain::Plain;

/// SSDLite with its weights.
pub(crate) struct SsdLite {
    architecture: Architecture,
    network: Network,
    workspaces: Workspaces<Workspace>,
}

/// The network in the form that its engine wants.
enum Network {
    Fast(Fast),
    Plain(Plain),
}

/// What one call needs besides the weights.
struct Workspace {
    stretcher: Stretcher,
    activations: Activations,
}

/// What flows through the network at one input size.
struct Activations {
    input: Map,
    /// What each step gives, in their order; the heads, a pair for each grid, are the last.
    maps: Vec<Map>,
}

impl SsdLite {
    pub(crate) const NAME: &str = "ssdlite-mobilenet-v2";

    pub(crate) fn open(file: &WeightFile<'_>, engine: Engine) -> Result<Box<dyn Model>, DetectorError> {
        Ok(Box::new(Self::of(file, engine)?))
    }

    fn of(file: &WeightFile<'_>, engine: Engine) -> Result<Self, DetectorError> {
        let architecture = Architecture::of(file)?;
        let parameters = Parameters::read(file, &architecture)?;
        let network = match engine {
            Engine::ChannelsLast => Network::Fast(Fast::new(&architecture, &parameters).map_err(|source| {
                DetectorError::LayOutWeights { origin: file.origin().to_owned(), source: Box::new(source) }
            })?),
            Engine::Candle => Network::Plain(Plain::new(parameters)),
        };
        Ok(Self { architecture, network, workspaces: Workspaces::default() })
    }

    /// Runs on the current rayon pool, from the picture in `activations` to the heads' maps in it.
    fn forward(&self, activations: &mut Activations) -> candle_core::Result<()> {
        match &self.network {
            Network::Fast(network) => network.forward(&self.architecture, activations),
            Network::Plain(network) => network.forward(&self.architecture, activations)?,
        }
        Ok(())
    }

    /// What the heads say, before suppression.
    fn candidates(&self, activations: &Activations, options: &DetectOptions) -> Candidates {
        let search = Search::new(options);
        let mut by_class: Candidates = vec![Vec::<Bbox<ClassId>>::new(); ClassId::COUNT];
        let heads = &activations.maps[self.architecture.heads()];
        for (level, [logits, codes]) in heads.as_chunks::<2>().0.iter().enumerate() {
            let anchors = Anchors::of(level, logits.side(), options.input_size);
            let of_anchors = logits.values().chunks_exact(self.architecture.classes());
            for (index, (logits, code)) in of_anchors.zip(codes.values().as_chunks::<4>().0).enumerate() {
                search.collect(logits, || anchors.corners(index, code), &mut by_class);
            }
        }
        by_class
    }
}

impl Model for SsdLite {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn classes(&self) -> ClassSet {
        ClassId::all().take(self.architecture.classes()).collect()
    }

    fn macs(&self, input_size: u32) -> u64 {
        self.architecture.macs(input_size)
    }

    fn find(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Candidates, DetectorError> {
        let input_size = options.input_size;
        let new = || Workspace {
            stretcher: Stretcher::new(input_size),
            activations: Activations::new(&self.architecture, input_size),
        };
        self.workspaces.with(input_size, new, |Workspace { stretcher, activations }| {
            picture::scale(stretcher.stretch(frame)?, &mut activations.input);
            self.forward(activations)
                .map_err(|source| DetectorError::RunNetwork { input_size, source: Box::new(source) })?;
            Ok(self.candidates(activations, options))
        })
    }
}

impl Activations {
    fn new(architecture: &Architecture, input_size: u32) -> Self {
        let input = Map::new(input_size as usize, 3);
        let mut maps: Vec<Map> = Vec::new();
        for step in architecture.steps() {
            let source = step.source.map_or(&input, |index| &maps[index]);
            let side = step.layers().fold(source.side(), |side, layer| layer.output_side(side));
            maps.push(Map::new(side, step.last.outputs));
        }
        Self { input, maps }
    }
}

/// The rows of a source that a convolution of 3×3 reads for these rows of its target, which may lie outside it.
fn rows_under(rows: &Range<usize>, stride: usize, padding: usize, side: usize) -> Range<usize> {
    let first = (rows.start * stride).saturating_sub(padding);
    let end = ((rows.end - 1) * stride + 3).saturating_sub(padding).min(side);
    first..end
}

#[cfg(test)]
mod tests;
