//! One step that has a depthwise layer: widen, depthwise and project a strip of rows at a time.
//!
//! ```text
//!   source ──widen──▶ rows under the strip ──depthwise──▶ strip ──project──▶ rows of the target (+ rows of the source)
//! ```
//!
//! What is between the arrows is up to six times as wide as source and target. In strips it stays in the second-level
//! cache; the price is that the rows at the seams are widened twice. Strips are dealt out to the threads.

use std::ops::Range;

use rayon::prelude::*;

use super::architecture::{Layer, LayerParameters, Step};
use super::depthwise::{Depthwise, Rows};
use super::map::Map;
use super::pointwise::Pointwise;
use super::rows_under;
use crate::scratch::with_scratch;

/// Widened values that a strip may have: half a megabyte.
const STRIP_VALUES: usize = 128 * 1024;

/// The three layers, laid out for their kernels.
pub(super) struct Separable {
    widen: Option<Pointwise>,
    layer: Layer,
    depthwise: Depthwise,
    project: Pointwise,
    residual: bool,
}

impl Separable {
    /// `layer` is the step's depthwise layer; `parameters` are those of its layers in their order.
    pub(super) fn new(step: &Step, layer: &Layer, parameters: &[LayerParameters]) -> candle_core::Result<Self> {
        let (widen, rest) = parameters.split_at(usize::from(step.widen.is_some()));
        let widen = step.widen.iter().zip(widen).map(|(layer, parameters)| Pointwise::new(layer, parameters)).next();
        Ok(Self {
            widen: widen.transpose()?,
            layer: layer.clone(),
            depthwise: Depthwise::new(layer, &rest[0])?,
            project: Pointwise::new(&step.last, &rest[1])?,
            residual: step.residual,
        })
    }

    /// Writes all of `target`, strips of rows on the threads of the current pool.
    pub(super) fn run(&self, source: &Map, target: &mut Map) {
        let (side, pitch) = (target.side(), target.pitch());
        let rows = (STRIP_VALUES / (source.side() * self.layer.inputs)).saturating_sub(2) / self.layer.stride;
        let rows = rows.clamp(1, side.div_ceil(rayon::current_num_threads()));
        target.values_mut().par_chunks_mut(rows * pitch).enumerate().for_each(|(strip, values)| {
            let rows = strip * rows..(strip * rows + values.len() / pitch);
            self.run_strip(source, rows, values);
        });
    }

    fn run_strip(&self, source: &Map, rows: Range<usize>, target: &mut [f32]) {
        let (side, channels) = (source.side(), self.layer.inputs);
        let padding = self.layer.padding(side);
        let under = rows_under(&rows, self.layer.stride, padding, side);
        let narrow = source.rows(under.clone());
        let widened = if self.widen.is_some() { under.len() * side * channels } else { 0 };
        let gathered = target.len() / self.project.outputs() * channels;
        with_scratch(widened + gathered, |scratch| {
            let (widened, gathered) = scratch.split_at_mut(widened);
            let values = match &self.widen {
                Some(widen) => {
                    widen.run(narrow, widened);
                    &*widened
                }
                None => narrow,
            };
            self.depthwise.run(&Rows { side, first: under.start, values }, padding, rows.clone(), gathered);
            self.project.run(gathered, target);
        });
        if self.residual {
            for (value, source) in target.iter_mut().zip(source.rows(rows)) {
                *value += source;
            }
        }
    }
}
