//! The fast forward pass: convolutions over planes, wired as the architecture's table says.

use super::Activations;
use super::convolution::Convolution;
use super::plane::Plane;
use super::sampling::{add_doubled, add_halved, max_pool};
use crate::architecture::BACKBONE;
use crate::weights::{ConvWeights, Weights};

/// All convolutions in the layout of the kernel.
pub(crate) struct ChannelsLast {
    backbone: Vec<Convolution>,
    laterals: Vec<Convolution>,
    heads: Vec<[Convolution; 2]>,
}

impl ChannelsLast {
    pub(crate) fn new(weights: &Weights) -> candle_core::Result<Self> {
        Ok(Self {
            backbone: weights.backbone.iter().map(convolution).collect::<Result<_, _>>()?,
            laterals: weights.laterals.iter().map(convolution).collect::<Result<_, _>>()?,
            heads: weights
                .heads
                .iter()
                .map(|[conv, out]| Ok([convolution(conv)?, convolution(out)?]))
                .collect::<candle_core::Result<_>>()?,
        })
    }

    pub(crate) fn forward(&self, activations: &mut Activations) {
        let Activations { input, pooled, backbone, levels, hidden, outputs } = activations;
        self.backbone[0].run(&[input], &mut backbone[0]);
        max_pool(&backbone[0], pooled);
        self.backbone[1].run(&[pooled], &mut backbone[1]);
        for (index, convolution) in self.backbone.iter().enumerate().skip(2) {
            let (done, rest) = backbone.split_at_mut(index);
            convolution.run(&joined(done, convolution.sources()), &mut rest[0]);
        }
        for (lateral, level) in self.laterals.iter().zip(levels.iter_mut()) {
            lateral.run(&joined(backbone, lateral.sources()), level);
        }
        let [fine, middle, coarse] = levels;
        add_doubled(coarse, middle);
        add_doubled(middle, fine);
        add_halved(fine, middle);
        add_halved(middle, coarse);
        for (((level, [conv, out]), hidden), output) in levels.iter().zip(&self.heads).zip(hidden).zip(outputs) {
            conv.run(&[level], hidden);
            out.run(&[hidden], output);
        }
    }
}

fn convolution(weights: &ConvWeights) -> candle_core::Result<Convolution> {
    let parts: Vec<usize> = weights.spec.sources.iter().map(|source| BACKBONE[*source].outputs).collect();
    if parts.is_empty() { Convolution::new(weights, &[weights.spec.inputs]) } else { Convolution::new(weights, &parts) }
}

fn joined<'a>(planes: &'a [Plane], sources: &[usize]) -> Vec<&'a Plane> {
    sources.iter().map(|source| &planes[*source]).collect()
}
