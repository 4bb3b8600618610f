//! The fast forward pass: the architecture's steps, one after the other, on maps.

use rayon::prelude::*;

use super::Activations;
use super::architecture::{Architecture, Kind, LayerParameters, Parameters, Step};
use super::map::Map;
use super::pointwise::Pointwise;
use super::separable::Separable;
use super::stem::Stem;

/// All steps in the layout of their kernels.
pub(super) struct Fast {
    steps: Vec<Compiled>,
}

enum Compiled {
    Stem(Stem),
    Pointwise(Pointwise),
    Separable(Box<Separable>),
}

impl Fast {
    pub(super) fn new(architecture: &Architecture, parameters: &Parameters) -> candle_core::Result<Self> {
        let steps = architecture.steps().iter().zip(&parameters.0);
        Ok(Self { steps: steps.map(|(step, parameters)| Compiled::new(step, parameters)).collect::<Result<_, _>>()? })
    }

    pub(super) fn forward(&self, architecture: &Architecture, activations: &mut Activations) {
        let Activations { input, maps } = activations;
        for (index, (step, compiled)) in architecture.steps().iter().zip(&self.steps).enumerate() {
            let (done, rest) = maps.split_at_mut(index);
            compiled.run(step.source.map_or(input, |source| &done[source]), &mut rest[0]);
        }
    }
}

impl Compiled {
    fn new(step: &Step, parameters: &[LayerParameters]) -> candle_core::Result<Self> {
        Ok(match &step.depthwise {
            Some(depthwise) => Self::Separable(Box::new(Separable::new(step, depthwise, parameters)?)),
            None if step.last.kind == Kind::Full => Self::Stem(Stem::new(&step.last, &parameters[0])?),
            None => Self::Pointwise(Pointwise::new(&step.last, &parameters[0])?),
        })
    }

    fn run(&self, source: &Map, target: &mut Map) {
        match self {
            Self::Stem(stem) => stem.run(source, target),
            Self::Separable(separable) => separable.run(source, target),
            Self::Pointwise(pointwise) => {
                let rows = target.side().div_ceil(rayon::current_num_threads());
                let sources = source.values().par_chunks(rows * source.pitch());
                let pitch = target.pitch();
                let targets = target.values_mut().par_chunks_mut(rows * pitch);
                sources.zip(targets).for_each(|(source, target)| pointwise.run(source, target));
            }
        }
    }
}
