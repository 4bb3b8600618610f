//! The 34 convolutions of NanoDet-g as a table: what the weight file must contain, and what a frame costs.
//! The backbone is wired here too; the feature pyramid between laterals and heads is in `network`.

/// One convolution. Tensors `{name}.weight` (`outputs × inputs × kernel × kernel`) and `{name}.bias` (`outputs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvSpec {
    pub(crate) name: &'static str,
    /// The convolutions of the backbone whose joined outputs it reads, in the order of the weights' input channels.
    /// Empty where it reads something else: the picture, or a level of the pyramid.
    pub(crate) sources: &'static [usize],
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of the kernel, 1 or 3; the padding is half of it.
    pub(crate) kernel: usize,
    /// Step in pixels, 1 or 2.
    pub(crate) stride: usize,
    /// How many times smaller than the network's input the output is, a side.
    pub(crate) reduction: usize,
    /// Whether LeakyReLU with slope [`LEAKY_SLOPE`] follows.
    pub(crate) leaky: bool,
}

pub(crate) const LEAKY_SLOPE: f32 = 0.1;

/// Boxes are predicted on three grids of cells, this many input pixels a side.
pub(crate) const STRIDES: [usize; 3] = [8, 16, 32];

/// In the order in which they run. Between 0 and 1 stands a max pool of 3×3 at stride 2.
pub(crate) const BACKBONE: [ConvSpec; 25] = [
    conv3("backbone.c0", &[], 3, 32, 2, 2),
    conv3("backbone.c1", &[0], 32, 32, 1, 4),
    conv3("backbone.c2", &[1], 32, 16, 1, 4),
    conv3("backbone.c3", &[2], 16, 16, 1, 4),
    conv3("backbone.c4", &[3, 2], 32, 32, 1, 4),
    conv3("backbone.c5", &[4, 1], 64, 64, 2, 8),
    conv3("backbone.c6", &[5], 64, 32, 1, 8),
    conv3("backbone.c7", &[6], 32, 32, 1, 8),
    conv3("backbone.c8", &[7, 6], 64, 32, 1, 8),
    conv3("backbone.c9", &[8], 32, 32, 1, 8),
    conv3("backbone.c10", &[9, 8], 64, 64, 1, 8),
    conv3("backbone.c11", &[10, 5], 128, 128, 2, 16),
    conv3("backbone.c12", &[11], 128, 64, 1, 16),
    conv3("backbone.c13", &[12], 64, 64, 1, 16),
    conv3("backbone.c14", &[13, 12], 128, 64, 1, 16),
    conv3("backbone.c15", &[14], 64, 64, 1, 16),
    conv3("backbone.c16", &[15, 14], 128, 128, 1, 16),
    conv3("backbone.c17", &[16, 11], 256, 256, 2, 32),
    conv3("backbone.c18", &[17], 256, 128, 1, 32),
    conv3("backbone.c19", &[18], 128, 128, 1, 32),
    conv3("backbone.c20", &[19, 18], 256, 128, 1, 32),
    conv3("backbone.c21", &[20], 128, 128, 1, 32),
    conv3("backbone.c22", &[21, 20], 256, 128, 1, 32),
    conv3("backbone.c23", &[22], 128, 128, 1, 32),
    conv3("backbone.c24", &[23, 22], 256, 256, 1, 32),
];

/// From the three levels of the backbone to 128 channels each.
pub(crate) const LATERALS: [ConvSpec; 3] = [
    conv1("fpn.lateral0", &[10, 5], 128, 128, 8),
    conv1("fpn.lateral1", &[16, 11], 256, 128, 16),
    conv1("fpn.lateral2", &[24, 17], 512, 128, 32),
];

/// A head a level: a convolution, and its projection to 80 class logits and 4 × 11 bins of distances.
pub(crate) const HEADS: [[ConvSpec; 2]; 3] = [
    [conv3("head.0.conv", &[], 128, 128, 1, 8), conv1("head.0.out", &[], 128, 124, 8)],
    [conv3("head.1.conv", &[], 128, 128, 1, 16), conv1("head.1.out", &[], 128, 124, 16)],
    [conv3("head.2.conv", &[], 128, 128, 1, 32), conv1("head.2.out", &[], 128, 124, 32)],
];

/// Multiply-accumulates that one frame costs at this input size.
/// 2.09e9 at 416. Sizes are multiples of 32; what is left over by another size is not counted.
pub(crate) fn macs(input_size: u32) -> u64 {
    convolutions().map(|conv| conv.macs(u64::from(input_size))).sum()
}

/// All convolutions, backbone first.
pub(crate) fn convolutions() -> impl Iterator<Item = &'static ConvSpec> {
    BACKBONE.iter().chain(&LATERALS).chain(HEADS.iter().flatten())
}

impl ConvSpec {
    fn macs(&self, input_size: u64) -> u64 {
        let cells = (input_size / self.reduction as u64).saturating_pow(2);
        cells.saturating_mul((self.inputs * self.outputs * self.kernel * self.kernel) as u64)
    }
}

const fn conv3(
    name: &'static str,
    sources: &'static [usize],
    inputs: usize,
    outputs: usize,
    stride: usize,
    reduction: usize,
) -> ConvSpec {
    ConvSpec { name, sources, inputs, outputs, kernel: 3, stride, reduction, leaky: true }
}

const fn conv1(
    name: &'static str,
    sources: &'static [usize],
    inputs: usize,
    outputs: usize,
    reduction: usize,
) -> ConvSpec {
    ConvSpec { name, sources, inputs, outputs, kernel: 1, stride: 1, reduction, leaky: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_published_network() {
        assert_eq!(convolutions().count(), 34);
        let parameters: usize = convolutions().map(|c| c.outputs * (c.inputs * c.kernel * c.kernel + 1)).sum();
        assert_eq!(parameters, 3_786_068);
    }

    #[test]
    fn joined_channels_add_up() {
        for conv in BACKBONE[1..].iter().chain(&LATERALS) {
            let joined: usize = conv.sources.iter().map(|source| BACKBONE[*source].outputs).sum();
            assert_eq!(joined, conv.inputs, "{}", conv.name);
        }
    }

    #[test]
    fn cost_is_the_published_cost_and_grows_with_the_area() {
        let giga = macs(416) as f64 / 1e9;
        assert!((giga - 2.09).abs() < 0.005, "{giga}");
        assert_eq!(macs(512), 4 * macs(256));
        assert_eq!(macs(0), 0);
        assert!(macs(u32::MAX) > macs(2048));
    }
}
