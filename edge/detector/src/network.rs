//! The forward pass of NanoDet-g, twice: `channels_last`, which is fast, and `plain`, which is candle's operators as they
//! come and the yardstick of the first. Both read the picture from, and leave their answer in, the same [`Activations`].

mod channels_last;
mod convolution;
mod kernels;
mod lanes;
mod plain;
mod plane;
mod sampling;
mod workbench;

use rayon::prelude::*;

use crate::architecture::{BACKBONE, HEADS, LATERALS};
use crate::decode::{CELL_CHANNELS, Grid};
use crate::error::DetectorError;
use crate::options::Engine;
use crate::weights::{WeightFile, Weights};
use channels_last::ChannelsLast;
use plain::Plain;
use plane::Plane;
pub use workbench::Workbench;

/// The network in the form that its engine wants.
pub(crate) enum Network {
    ChannelsLast(ChannelsLast),
    Plain(Plain),
}

impl Network {
    /// With the weights of a file.
    pub(crate) fn open(file: &WeightFile<'_>, engine: Engine) -> Result<Self, DetectorError> {
        let lay_out =
            |source| DetectorError::LayOutWeights { origin: file.origin().to_owned(), source: Box::new(source) };
        Self::new(Weights::read(file)?, engine).map_err(lay_out)
    }

    fn new(weights: Weights, engine: Engine) -> candle_core::Result<Self> {
        Ok(match engine {
            Engine::ChannelsLast => Self::ChannelsLast(ChannelsLast::new(&weights)?),
            Engine::Candle => Self::Plain(Plain::new(weights)),
        })
    }

    /// Runs on the current rayon pool, from the picture in `activations` to the three grids in it.
    pub(crate) fn forward<'a>(&self, activations: &'a mut Activations) -> Result<[Grid<'a>; 3], DetectorError> {
        self.forward_watched(activations, &mut |_| {})
    }

    /// As [`Network::forward`]; tells `watch` the name of each step when it is done.
    fn forward_watched<'a>(
        &self,
        activations: &'a mut Activations,
        watch: &mut dyn FnMut(&'static str),
    ) -> Result<[Grid<'a>; 3], DetectorError> {
        match self {
            Self::ChannelsLast(network) => network.forward(activations, watch),
            Self::Plain(network) => {
                let input_size = activations.input_size();
                network
                    .forward(&activations.input, &mut activations.outputs)
                    .map_err(|source| DetectorError::RunNetwork { input_size, source: Box::new(source) })?;
                watch("candle");
            }
        }
        Ok(activations.outputs.each_ref().map(|plane| Grid {
            side: plane.side(),
            pitch: plane.row_pixels() * CELL_CHANNELS,
            values: plane.interior(),
        }))
    }
}

/// What flows through the network at one input size; reused from frame to frame.
pub(crate) struct Activations {
    input: Plane,
    pooled: Plane,
    /// What each convolution of the backbone gives; nothing for the first, which is pooled at once.
    backbone: Vec<Plane>,
    /// The three levels of the pyramid.
    levels: [Plane; 3],
    /// Between the two convolutions of each head.
    hidden: [Plane; 3],
    outputs: [Plane; 3],
}

impl Activations {
    /// For a picture of `input_size` a side, a multiple of 32.
    pub(crate) fn new(input_size: u32) -> Self {
        let side = input_size as usize;
        let plane = |conv: &crate::architecture::ConvSpec| Plane::new(side / conv.reduction, conv.outputs);
        Self {
            input: Plane::new(side, 3),
            pooled: Plane::new(side / 4, BACKBONE[0].outputs),
            backbone: std::iter::once(Plane::new(0, 0)).chain(BACKBONE[1..].iter().map(plane)).collect(),
            levels: LATERALS.each_ref().map(plane),
            hidden: HEADS.each_ref().map(|[conv, _]| plane(conv)),
            outputs: HEADS.each_ref().map(|[_, out]| plane(out)),
        }
    }

    /// Pixels of a side of the picture.
    fn input_size(&self) -> u32 {
        self.input.side() as u32
    }

    /// Takes the picture: rows of normalised (blue, green, red) pixels, which the threads of the current pool share.
    pub(crate) fn set_input(&mut self, rows: impl Iterator<Item = impl Iterator<Item = [f32; 3]> + Send>) {
        let share = self.input.side().div_ceil(rayon::current_num_threads());
        let mut rows: Vec<_> = self.input.rows_mut().zip(rows).collect();
        rows.par_chunks_mut(share).for_each(|rows| {
            for (target, row) in rows {
                for (pixel, values) in target.as_chunks_mut::<3>().0.iter_mut().zip(row) {
                    *pixel = values;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
