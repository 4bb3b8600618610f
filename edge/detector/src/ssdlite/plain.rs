//! The forward pass in candle's own operators, one layer after the other: slow, and the yardstick of the fast one.

use candle_core::{Device, Result, Tensor};

use super::Activations;
use super::architecture::{Architecture, Kind, Layer, LayerParameters, Parameters};
use super::map::Map;

/// The parameters as they came.
pub(super) struct Plain {
    parameters: Parameters,
}

impl Plain {
    pub(super) fn new(parameters: Parameters) -> Self {
        Self { parameters }
    }

    pub(super) fn forward(&self, architecture: &Architecture, activations: &mut Activations) -> Result<()> {
        let picture = to_tensor(&activations.input)?;
        let mut tensors: Vec<Tensor> = Vec::new();
        for (step, parameters) in architecture.steps().iter().zip(&self.parameters.0) {
            let source = step.source.map_or(&picture, |source| &tensors[source]);
            let mut values = source.clone();
            for (layer, parameters) in step.layers().zip(parameters) {
                values = convolve(layer, parameters, &values)?;
            }
            tensors.push(if step.residual { (values + source)? } else { values });
        }
        for (tensor, map) in tensors.iter().zip(&mut activations.maps).skip(architecture.heads().start) {
            map.values_mut().copy_from_slice(&tensor.permute((0, 2, 3, 1))?.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(())
    }
}

/// One layer over `1 × channels × side × side`.
pub(super) fn convolve(layer: &Layer, parameters: &LayerParameters, picture: &Tensor) -> Result<Tensor> {
    let side = picture.dim(3)?;
    let kernel = if layer.kind == Kind::Pointwise { 1 } else { 3 };
    let before = layer.padding(side);
    let after = ((layer.output_side(side) - 1) * layer.stride + kernel).saturating_sub(side + before);
    let padded = picture.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
    let groups = if layer.kind == Kind::Depthwise { layer.inputs } else { 1 };
    let values = padded.conv2d(&parameters.weight, 0, layer.stride, 1, groups)?;
    let values = values.broadcast_add(&parameters.bias.reshape((1, layer.outputs, 1, 1))?)?;
    if layer.relu6 { values.clamp(0.0_f32, 6.0_f32) } else { Ok(values) }
}

fn to_tensor(map: &Map) -> Result<Tensor> {
    let shape = (1, map.side(), map.side(), map.channels());
    Tensor::from_slice(map.values(), shape, &Device::Cpu)?.permute((0, 3, 1, 2))?.contiguous()
}
