//! SSDLite on MobileNetV2 as a list of steps: what the weight file must contain, how maps lead to maps, what a frame costs.
//! How a step is computed is not known here; both engines walk over the same list.

use std::ops::Range;

use crate::classes::ClassId;
use crate::error::DetectorError;
use crate::weights::WeightFile;

/// Grids of cells on which boxes are predicted, finest first.
pub(super) const LEVELS: usize = 6;
/// Boxes that each cell of a grid predicts.
pub(super) const ANCHORS: [usize; LEVELS] = [3, 6, 6, 6, 6, 6];
/// Where the first head finds its grid: the widened input of block 13. The second reads `top`, the others the extras.
const FIRST_GRID_BLOCK: usize = 13;

/// MobileNetV2's blocks as (channels in, widened to, out, stride).
const BLOCKS: [(usize, usize, usize, usize); 17] = [
    (32, 32, 16, 1),
    (16, 96, 24, 2),
    (24, 144, 24, 1),
    (24, 144, 32, 2),
    (32, 192, 32, 1),
    (32, 192, 32, 1),
    (32, 192, 64, 2),
    (64, 384, 64, 1),
    (64, 384, 64, 1),
    (64, 384, 64, 1),
    (64, 384, 96, 1),
    (96, 576, 96, 1),
    (96, 576, 96, 1),
    (96, 576, 160, 2),
    (160, 960, 160, 1),
    (160, 960, 160, 1),
    (160, 960, 320, 1),
];
/// Between the coarser grids, as (channels in, narrowed to, out); each halves the side.
const EXTRAS: [(usize, usize, usize); 4] = [(1280, 256, 512), (512, 128, 256), (256, 128, 256), (256, 64, 128)];

/// One convolution, batch norm folded in. Tensors `{name}.weight` and `{name}.bias` (`outputs`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Step in pixels, 1 or 2.
    pub(super) stride: usize,
    /// Whether values are clamped to 0 to 6 afterwards.
    pub(super) relu6: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 3×3 over all channels.
    Full,
    /// 3×3 over each channel by itself.
    Depthwise,
    /// 1×1.
    Pointwise,
}

/// Up to three layers that lead from one map to the next: widen (or narrow), depthwise, project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The step whose map is read; none where it is the picture.
    pub(super) source: Option<usize>,
    pub(super) widen: Option<Layer>,
    pub(super) depthwise: Option<Layer>,
    pub(super) last: Layer,
    /// Whether the source is added to the result.
    pub(super) residual: bool,
}

/// The network for one number of classes.
pub(super) struct Architecture {
    classes: usize,
    steps: Vec<Step>,
}

/// Weight and bias of one layer as they stand in the file.
pub(super) struct LayerParameters {
    /// `outputs × inputs × rows × columns`; a depthwise layer's `channels × 1 × rows × columns`.
    pub(super) weight: candle_core::Tensor,
    pub(super) bias: candle_core::Tensor,
}

/// The parameters of every layer, step by step.
pub(super) struct Parameters(pub(super) Vec<Vec<LayerParameters>>);

impl Architecture {
    /// As the file has it: with its number of classes, which are the first of COCO's.
    pub(super) fn of(file: &WeightFile<'_>) -> Result<Self, DetectorError> {
        let tensor = "head.0.class.bias".to_owned();
        let origin = || file.origin().to_owned();
        let expected = vec![ANCHORS[0] * ClassId::COUNT];
        let Some(found) = file.shape(&tensor) else {
            return Err(DetectorError::MissingTensor { origin: origin(), tensor, expected });
        };
        match found[..] {
            [outputs]
                if outputs.is_multiple_of(ANCHORS[0]) && (1..=ClassId::COUNT).contains(&(outputs / ANCHORS[0])) =>
            {
                Ok(Self::new(outputs / ANCHORS[0]))
            }
            _ => Err(DetectorError::TensorShape { origin: origin(), tensor, expected, found }),
        }
    }

    pub(super) fn new(classes: usize) -> Self {
        let mut steps = Vec::new();
        let stem = layer("stem", Kind::Full, 3, 32, 2, true);
        let mut at = push(&mut steps, Step { source: None, widen: None, depthwise: None, last: stem, residual: false });
        let mut grids = Vec::with_capacity(LEVELS);
        for (index, (inputs, hidden, outputs, stride)) in BLOCKS.into_iter().enumerate() {
            let name = |part: &str| format!("block.{index}.{part}");
            let source = Some(at);
            let mut widen = (index > 0).then(|| layer(name("expand"), Kind::Pointwise, inputs, hidden, 1, true));
            let depthwise = Some(layer(name("depthwise"), Kind::Depthwise, hidden, hidden, stride, true));
            let last = layer(name("project"), Kind::Pointwise, hidden, outputs, 1, false);
            let residual = stride == 1 && inputs == outputs;
            if let Some(last) = widen.take_if(|_| index == FIRST_GRID_BLOCK) {
                at = push(&mut steps, Step { source, widen: None, depthwise: None, last, residual: false });
                grids.push((at, hidden));
            }
            at = push(&mut steps, Step { source: Some(at), widen, depthwise, last, residual });
        }
        let top = layer("top", Kind::Pointwise, 320, 1280, 1, true);
        at = push(&mut steps, Step { source: Some(at), widen: None, depthwise: None, last: top, residual: false });
        grids.push((at, 1280));
        for (index, (inputs, hidden, outputs)) in EXTRAS.into_iter().enumerate() {
            let name = |part: &str| format!("extra.{index}.{part}");
            let widen = Some(layer(name("reduce"), Kind::Pointwise, inputs, hidden, 1, true));
            let depthwise = Some(layer(name("depthwise"), Kind::Depthwise, hidden, hidden, 2, true));
            let last = layer(name("expand"), Kind::Pointwise, hidden, outputs, 1, true);
            at = push(&mut steps, Step { source: Some(at), widen, depthwise, last, residual: false });
            grids.push((at, outputs));
        }
        for (level, (grid, channels)) in grids.into_iter().enumerate() {
            for (part, values) in [("class", classes), ("box", 4)] {
                let depthwise =
                    layer(format!("head.{level}.{part}_depthwise"), Kind::Depthwise, channels, channels, 1, true);
                let outputs = ANCHORS[level] * values;
                let last = layer(format!("head.{level}.{part}"), Kind::Pointwise, channels, outputs, 1, false);
                let (source, depthwise) = (Some(grid), Some(depthwise));
                push(&mut steps, Step { source, widen: None, depthwise, last, residual: false });
            }
        }
        Self { classes, steps }
    }

    /// How many of COCO's classes, from the first on, it tells apart.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// In the order in which they run.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps that are heads: class logits and box codes of each grid in turn.
    pub(super) fn heads(&self) -> Range<usize> {
        self.steps.len() - 2 * LEVELS..self.steps.len()
    }

    /// Multiply-accumulates of all convolutions at this input size.
    pub(super) fn macs(&self, input_size: u32) -> u64 {
        let mut sides: Vec<u64> = Vec::with_capacity(self.steps.len());
        let mut total: u64 = 0;
        for step in &self.steps {
            let mut side = step.source.map_or(u64::from(input_size), |source| sides[source]);
            for layer in step.layers() {
                side = side.div_ceil(layer.stride as u64);
                total = total.saturating_add(side.saturating_pow(2).saturating_mul(layer.weights() as u64));
            }
            sides.push(side);
        }
        total
    }
}

impl Step {
    /// The layers in their order.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.widen.iter().chain(&self.depthwise).chain([&self.last])
    }
}

impl Layer {
    /// How many numbers its weight has, which is also what a pixel of its output costs.
    pub(super) fn weights(&self) -> usize {
        self.shape().iter().product()
    }

    /// The shape of its weight in the file.
    pub(super) fn shape(&self) -> [usize; 4] {
        match self.kind {
            Kind::Full => [self.outputs, self.inputs, 3, 3],
            Kind::Depthwise => [self.outputs, 1, 3, 3],
            Kind::Pointwise => [self.outputs, self.inputs, 1, 1],
        }
    }

    /// Sides are rounded up, as TensorFlow's padding "SAME" does.
    pub(super) fn output_side(&self, side: usize) -> usize {
        side.div_ceil(self.stride)
    }

    /// Zeros left of and above the picture; the rest of what "SAME" needs is on the right and below.
    pub(super) fn padding(&self, side: usize) -> usize {
        let kernel = if self.kind == Kind::Pointwise { 1 } else { 3 };
        ((self.output_side(side) - 1) * self.stride + kernel).saturating_sub(side) / 2
    }
}

impl Parameters {
    /// Every tensor, checked.
    pub(super) fn read(file: &WeightFile<'_>, architecture: &Architecture) -> Result<Self, DetectorError> {
        let read = |layer: &Layer| {
            Ok(LayerParameters {
                weight: file.tensor(format!("{}.weight", layer.name), &layer.shape())?,
                bias: file.tensor(format!("{}.bias", layer.name), &[layer.outputs])?,
            })
        };
        let steps = architecture.steps.iter().map(|step| step.layers().map(read).collect());
        Ok(Self(steps.collect::<Result<_, DetectorError>>()?))
    }
}

fn layer(name: impl Into<String>, kind: Kind, inputs: usize, outputs: usize, stride: usize, relu6: bool) -> Layer {
    Layer { name: name.into(), kind, inputs, outputs, stride, relu6 }
}

fn push(steps: &mut Vec<Step>, step: Step) -> usize {
    steps.push(step);
    steps.len() - 1
}
