//! NanoDet-g as a model: preprocessing, network and decoding joined. What each computes stands in its own file.

use crate::architecture;
use crate::classes::ClassSet;
use crate::decode::{Candidates, candidates};
use crate::error::DetectorError;
use crate::frame::RgbFrame;
use crate::model::Model;
use crate::network::{Activations, Network};
use crate::options::{DetectOptions, Engine};
use crate::preprocess::Preprocessor;
use crate::weights::WeightFile;
use crate::workspaces::Workspaces;

/// NanoDet-g with its weights.
pub(crate) struct NanoDet {
    network: Network,
    workspaces: Workspaces<Workspace>,
}

/// What one call needs besides the weights.
struct Workspace {
    preprocessor: Preprocessor,
    activations: Activations,
}

impl NanoDet {
    pub(crate) const NAME: &str = "nanodet-g";

    pub(crate) fn open(file: &WeightFile<'_>, engine: Engine) -> Result<Box<dyn Model>, DetectorError> {
        Ok(Box::new(Self { network: Network::open(file, engine)?, workspaces: Workspaces::default() }))
    }
}

impl Model for NanoDet {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn classes(&self) -> ClassSet {
        ClassSet::ALL
    }

    fn macs(&self, input_size: u32) -> u64 {
        architecture::macs(input_size)
    }

    fn find(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Candidates, DetectorError> {
        let input_size = options.input_size;
        let new =
            || Workspace { preprocessor: Preprocessor::new(input_size), activations: Activations::new(input_size) };
        self.workspaces.with(input_size, new, |Workspace { preprocessor, activations }| {
            activations.set_input(preprocessor.rows(frame)?);
            Ok(candidates(&self.network.forward(activations)?, options))
        })
    }
}
