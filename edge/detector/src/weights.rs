//! Reads a weight file and checks it against an architecture: every tensor there, of the right shape, finite.
//!
//! The half-precision numbers of the file become f32 here, once. A file that is cut off is told apart from one that is
//! something else, with the tensor at which it breaks off.

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, TensorView};

use crate::DetectorError;
use crate::architecture::{BACKBONE, ConvSpec, HEADS, LATERALS};

/// The parameters of every convolution, in the order of the architecture's tables.
pub(crate) struct Weights {
    pub(crate) backbone: Vec<ConvWeights>,
    pub(crate) laterals: Vec<ConvWeights>,
    /// Convolution and projection of each head.
    pub(crate) heads: Vec<[ConvWeights; 2]>,
}

/// One convolution's parameters, f32 on the CPU.
pub(crate) struct ConvWeights {
    pub(crate) spec: &'static ConvSpec,
    /// `outputs × inputs × kernel × kernel`
    pub(crate) weight: Tensor,
    /// `outputs`
    pub(crate) bias: Tensor,
}

impl Weights {
    /// Reads and checks what NanoDet-g needs.
    pub(crate) fn read(file: &WeightFile<'_>) -> Result<Self, DetectorError> {
        Ok(Self {
            backbone: BACKBONE.iter().map(|spec| file.convolution(spec)).collect::<Result<_, _>>()?,
            laterals: LATERALS.iter().map(|spec| file.convolution(spec)).collect::<Result<_, _>>()?,
            heads: HEADS
                .iter()
                .map(|[conv, out]| Ok([file.convolution(conv)?, file.convolution(out)?]))
                .collect::<Result<_, DetectorError>>()?,
        })
    }

    #[cfg(test)]
    pub(crate) fn parse(origin: &str, bytes: &[u8]) -> Result<Self, DetectorError> {
        Self::read(&WeightFile::open(origin, bytes)?)
    }
}

/// A safetensors file, whatever network it holds.
pub(crate) struct WeightFile<'a> {
    origin: &'a str,
    tensors: SafeTensors<'a>,
    metadata: Metadata,
}

impl<'a> WeightFile<'a> {
    /// Parses the bytes of a safetensors file; `origin` names it in errors.
    pub(crate) fn open(origin: &'a str, bytes: &'a [u8]) -> Result<Self, DetectorError> {
        let not_safetensors = |source| {
            truncation(origin, bytes)
                .unwrap_or_else(|| DetectorError::NotSafetensors { origin: origin.to_owned(), source })
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        Ok(Self { origin, tensors, metadata })
    }
}

impl WeightFile<'_> {
    /// The file's path, or where its bytes came from.
    pub(crate) fn origin(&self) -> &str {
        self.origin
    }

    /// What its metadata call the network.
    pub(crate) fn architecture(&self) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get("architecture").map(String::as_str)
    }

    /// The names of its tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names().into_iter()
    }

    /// The name that sorts first, if there is any.
    pub(crate) fn first_name(&self) -> Option<String> {
        self.names().min().map(str::to_owned)
    }

    /// The shape of a tensor, if it is there.
    pub(crate) fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(tensor).ok().map(|view| view.shape().to_vec())
    }

    fn convolution(&self, spec: &'static ConvSpec) -> Result<ConvWeights, DetectorError> {
        let weight_shape = [spec.outputs, spec.inputs, spec.kernel, spec.kernel];
        Ok(ConvWeights {
            spec,
            weight: self.tensor(format!("{}.weight", spec.name), &weight_shape)?,
            bias: self.tensor(format!("{}.bias", spec.name), &[spec.outputs])?,
        })
    }

    /// A tensor of this shape as f32, every value finite.
    pub(crate) fn tensor(&self, tensor: String, expected: &[usize]) -> Result<Tensor, DetectorError> {
        let origin = self.origin.to_owned();
        let Ok(view) = self.tensors.tensor(&tensor) else {
            return Err(DetectorError::MissingTensor { origin, tensor, expected: expected.to_vec() });
        };
        if view.shape() != expected {
            let (expected, found) = (expected.to_vec(), view.shape().to_vec());
            return Err(DetectorError::TensorShape { origin, tensor, expected, found });
        }
        if !matches!(view.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32) {
            return Err(DetectorError::TensorType { origin, tensor, found: format!("{:?}", view.dtype()) });
        }
        match to_finite_f32(&view) {
            Ok(Some(values)) => Ok(values),
            Ok(None) => Err(DetectorError::TensorNotFinite { origin, tensor }),
            Err(source) => Err(DetectorError::ReadTensor { origin, tensor, source: Box::new(source) }),
        }
    }
}

/// `None` where a value is NaN or infinite.
fn to_finite_f32(view: &TensorView<'_>) -> candle_core::Result<Option<Tensor>> {
    let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
    let finite = tensor.flatten_all()?.to_vec1::<f32>()?.iter().all(|value| value.is_finite());
    Ok(finite.then_some(tensor))
}

/// Says where a file breaks off, if that is what is wrong with it.
fn truncation(origin: &str, bytes: &[u8]) -> Option<DetectorError> {
    /// What the format allows; a longer header is not a header.
    const HEADER_BYTES_MAX: u64 = 100_000_000;
    let origin = origin.to_owned();
    let found_bytes = bytes.len() as u64;
    let Some((prefix, rest)) = bytes.split_first_chunk::<8>() else {
        return Some(DetectorError::TruncatedHeader { origin, expected_bytes: 8, found_bytes });
    };
    let header_bytes = u64::from_le_bytes(*prefix);
    if header_bytes > HEADER_BYTES_MAX {
        return None;
    }
    let data_start = 8 + header_bytes;
    let Some(header) = rest.get(..header_bytes as usize) else {
        return Some(DetectorError::TruncatedHeader { origin, expected_bytes: data_start, found_bytes });
    };
    let metadata: Metadata = serde_json::from_slice(header).ok()?;
    let (tensor, _) = metadata
        .offset_keys()
        .into_iter()
        .filter_map(|name| Some((metadata.info(&name)?.data_offsets.1 as u64, name)))
        .map(|(end, name)| (name, data_start.saturating_add(end)))
        .find(|(_, end)| *end > found_bytes)?;
    let expected_bytes = data_start.saturating_add(metadata.data_len() as u64);
    Some(DetectorError::TruncatedTensor { origin, tensor, expected_bytes, found_bytes })
}

#[cfg(test)]
mod tests;
