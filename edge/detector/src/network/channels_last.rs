//! The fast forward pass: convolutions over planes, wired as the architecture's table says.

use super::Activations;
use super::convolution::{Convolution, Stem};
use super::plane::Plane;
use super::sampling::{add_doubled, add_halved};
use crate::architecture::BACKBONE;
use crate::weights::{ConvWeights, Weights};

/// All convolutions in the layout of the kernel.
pub(crate) struct ChannelsLast {
    /// The first convolution of the backbone and the max pool.
    stem: Stem,
    /// From the second on.
    backbone: Vec<Convolution>,
    laterals: Vec<Convolution>,
    heads: Vec<[Convolution; 2]>,
}

impl ChannelsLast {
    pub(crate) fn new(weights: &Weights) -> candle_core::Result<Self> {
        Ok(Self {
            stem: Stem::new(&weights.backbone[0])?,
            backbone: weights.backbone[1..].iter().map(convolution).collect::<Result<_, _>>()?,
            laterals: weights.laterals.iter().map(convolution).collect::<Result<_, _>>()?,
            heads: weights
                .heads
                .iter()
                .map(|[conv, out]| Ok([convolution(conv)?, convolution(out)?]))
                .collect::<candle_core::Result<_>>()?,
        })
    }

    pub(crate) fn forward(&self, activations: &mut Activations, watch: &mut dyn FnMut(&'static str)) {
        let Activations { input, pooled, backbone, levels, hidden, outputs } = activations;
        self.stem.run(input, pooled);
        watch(self.stem.name());
        self.backbone[0].run(&[pooled], &mut backbone[1]);
        watch(self.backbone[0].name());
        for (index, convolution) in (2..).zip(&self.backbone[1..]) {
            let (done, rest) = backbone.split_at_mut(index);
            convolution.run(&joined(done, convolution.sources()), &mut rest[0]);
            watch(convolution.name());
        }
        for (lateral, level) in self.laterals.iter().zip(levels.iter_mut()) {
            lateral.run(&joined(backbone, lateral.sources()), level);
            watch(lateral.name());
        }
        let [fine, middle, coarse] = levels;
        add_doubled(coarse, middle);
        add_doubled(middle, fine);
        add_halved(fine, middle);
        add_halved(middle, coarse);
        watch("fpn");
        for (((level, [conv, out]), hidden), output) in levels.iter().zip(&self.heads).zip(hidden).zip(outputs) {
            conv.run(&[level], hidden);
            watch(conv.name());
            out.run(&[hidden], output);
            watch(out.name());
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
