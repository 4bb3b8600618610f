//! Weights and biases in panels: outputs in groups of as many as a kernel computes at once.

use crate::aligned::Aligned;
use crate::network::kernels::{Kernels, SEGMENT};

/// How the outputs of a convolution are cut into panels. The last may have fewer outputs than the others; its weights are
/// filled up with zeros.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub(super) outputs: usize,
    /// Outputs in a panel.
    pub(super) width: usize,
    /// How many panels there are.
    pub(super) count: usize,
}

impl Panels {
    pub(super) fn new(outputs: usize, kernels: &Kernels) -> Self {
        let width = if outputs <= SEGMENT { SEGMENT } else { kernels.panel };
        Self { outputs, width, count: outputs.div_ceil(width) }
    }

    /// Outputs of a panel that exist.
    pub(super) fn outputs_in(&self, panel: usize) -> usize {
        (self.outputs - panel * self.width).min(self.width)
    }

    /// `[panel][k][width]`, where `value(k, output)` is a weight.
    pub(super) fn pack(&self, length: usize, value: impl Fn(usize, usize) -> f32) -> Aligned {
        let mut packed = Aligned::zeros(self.count * length * self.width);
        for (panel, rows) in packed.chunks_exact_mut(length * self.width).enumerate() {
            for (k, row) in rows.chunks_exact_mut(self.width).enumerate() {
                for (column, weight) in row.iter_mut().take(self.outputs_in(panel)).enumerate() {
                    *weight = value(k, panel * self.width + column);
                }
            }
        }
        packed
    }
}
