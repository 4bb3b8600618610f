//! The network in candle's own operators, written from the architecture's description and not from the table that the
//! fast engine follows: where the two agree, both are right.

use candle_core::{Device, Result, Tensor};

use super::plane::Plane;
use crate::architecture::LEAKY_SLOPE;
use crate::weights::{ConvWeights, Weights};

/// How many blocks of two convolutions each of the three stages of the backbone has.
const STAGE_BLOCKS: [usize; 3] = [2, 2, 3];

pub(crate) struct Plain {
    weights: Weights,
}

impl Plain {
    pub(crate) fn new(weights: Weights) -> Self {
        Self { weights }
    }

    /// From the picture to the raw outputs of the three heads.
    pub(crate) fn forward(&self, input: &Plane, outputs: &mut [Plane; 3]) -> Result<()> {
        let picture = to_tensor(input)?;
        let levels = self.pyramid(&self.backbone(&picture)?)?;
        for ((level, [conv, out]), output) in levels.iter().zip(&self.weights.heads).zip(outputs) {
            write_tensor(&convolve(&convolve(level, conv)?, out)?, output)?;
        }
        Ok(())
    }

    fn backbone(&self, picture: &Tensor) -> Result<[Tensor; 3]> {
        let conv = |index: usize, x: &Tensor| convolve(x, &self.weights.backbone[index]);
        let x = conv(0, picture)?;
        // Repeating the first row and column stands for a padding of −∞: no maximum changes, and sides are even.
        let x = x.pad_with_same(2, 1, 0)?.pad_with_same(3, 1, 0)?.max_pool2d_with_stride(3, 2)?;
        let c1 = conv(1, &x)?;
        let c2 = conv(2, &c1)?;
        let c3 = conv(3, &c2)?;
        let mut x = join(&conv(4, &join(&c3, &c2)?)?, &c1)?;
        let mut index = 5;
        let mut stages = STAGE_BLOCKS.map(|_| x.clone());
        for (blocks, stage) in STAGE_BLOCKS.into_iter().zip(&mut stages) {
            let reduced = conv(index, &x)?;
            let mut y = reduced.clone();
            index += 1;
            for _ in 0..blocks {
                let p = conv(index, &y)?;
                let q = conv(index + 1, &p)?;
                y = join(&q, &p)?;
                index += 2;
            }
            x = join(&conv(index, &y)?, &reduced)?;
            index += 1;
            *stage = x.clone();
        }
        Ok(stages)
    }

    fn pyramid(&self, stages: &[Tensor; 3]) -> Result<[Tensor; 3]> {
        let lateral = |level: usize| convolve(&stages[level], &self.weights.laterals[level]);
        let (l0, l1, l2) = (lateral(0)?, lateral(1)?, lateral(2)?);
        let t1 = (&l1 + double(&l2)?)?;
        let t0 = (&l0 + double(&t1)?)?;
        let n1 = (&t1 + t0.avg_pool2d(2)?)?;
        let n2 = (&l2 + n1.avg_pool2d(2)?)?;
        Ok([t0, n1, n2])
    }
}

fn convolve(x: &Tensor, weights: &ConvWeights) -> Result<Tensor> {
    let spec = weights.spec;
    let y = x.conv2d(&weights.weight, spec.kernel / 2, spec.stride, 1, 1)?;
    let y = y.broadcast_add(&weights.bias.reshape((1, spec.outputs, 1, 1))?)?;
    if spec.leaky { y.maximum(&(&y * f64::from(LEAKY_SLOPE))?) } else { Ok(y) }
}

/// The newer channels first.
fn join(newer: &Tensor, older: &Tensor) -> Result<Tensor> {
    Tensor::cat(&[newer, older], 1)
}

fn double(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    x.upsample_bilinear2d(2 * height, 2 * width, false)
}

fn to_tensor(plane: &Plane) -> Result<Tensor> {
    let side = plane.side();
    let values: Vec<f32> = (0..side).flat_map(|y| plane.row(y)).copied().collect();
    Tensor::from_vec(values, (1, side, side, plane.channels()), &Device::Cpu)?.permute((0, 3, 1, 2))?.contiguous()
}

fn write_tensor(tensor: &Tensor, plane: &mut Plane) -> Result<()> {
    let values = tensor.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1::<f32>()?;
    let row_values = plane.side() * plane.channels();
    for (row, values) in plane.rows_mut().zip(values.chunks_exact(row_values)) {
        row.copy_from_slice(values);
    }
    Ok(())
}
