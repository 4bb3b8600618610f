//! What can go wrong: in the weights, in the options, in the frame, or in computing.

use std::path::PathBuf;

/// A failed step of loading or detecting. `origin` is the weight file's path, or says where bytes came from.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    #[error("cannot read the weight file {}", path.display())]
    ReadWeights { path: PathBuf, source: std::io::Error },

    #[error("{origin} is no safetensors file")]
    NotSafetensors { origin: String, source: safetensors::SafeTensorError },

    #[error(
        "{origin} ends inside its header: {found_bytes} of {expected_bytes} bytes; it is truncated, or no safetensors file"
    )]
    TruncatedHeader { origin: String, expected_bytes: u64, found_bytes: u64 },

    #[error(
        "{origin} is truncated: it ends inside tensor {tensor}, which needs the file to have {expected_bytes} bytes, found {found_bytes}"
    )]
    TruncatedTensor { origin: String, tensor: String, expected_bytes: u64, found_bytes: u64 },

    #[error("{origin} names the architecture {found:?} in its metadata, and the known ones are {known}")]
    UnknownArchitecture { origin: String, found: String, known: String },

    #[error(
        "{origin} holds none of the known networks, {known}: it names no architecture in its metadata, and its {}",
        tensor.as_ref().map_or_else(|| "list of tensors is empty".to_owned(), |name| format!("first tensor is {name}"))
    )]
    UnknownTensors { origin: String, tensor: Option<String>, known: String },

    #[error("{origin} has no tensor {tensor} (expected shape {expected:?})")]
    MissingTensor { origin: String, tensor: String, expected: Vec<usize> },

    #[error("tensor {tensor} of {origin} has the wrong shape: expected {expected:?}, found {found:?}")]
    TensorShape { origin: String, tensor: String, expected: Vec<usize>, found: Vec<usize> },

    #[error("tensor {tensor} of {origin} has the wrong type: expected F16, BF16 or F32, found {found}")]
    TensorType { origin: String, tensor: String, found: String },

    #[error("tensor {tensor} of {origin} contains a value that is not a finite number")]
    TensorNotFinite { origin: String, tensor: String },

    #[error("cannot read tensor {tensor} of {origin}")]
    ReadTensor { origin: String, tensor: String, source: Box<candle_core::Error> },

    #[error("cannot lay out the weights of {origin}")]
    LayOutWeights { origin: String, source: Box<candle_core::Error> },

    #[error("cannot start {threads} threads for the detector")]
    StartThreads { threads: usize, source: rayon::ThreadPoolBuildError },

    #[error("input size {found} is not a multiple of 32 from 32 to {max}")]
    InputSize { found: u32, max: u32 },

    #[error("{option} is {value}, not a number from 0 to 1")]
    OptionRange { option: &'static str, value: f32 },

    #[error("the frame is empty: {width}×{height} pixels")]
    EmptyFrame { width: u32, height: u32 },

    #[error("a frame of {width}×{height} pixels has {expected_bytes} bytes of RGB, found {found_bytes}")]
    FrameLength { width: u32, height: u32, expected_bytes: u128, found_bytes: usize },

    #[error("cannot resize a frame of {width}×{height} pixels to {input_size}×{input_size}")]
    ResizeFrame { width: u32, height: u32, input_size: u32, source: fast_image_resize::ResizeError },

    #[error("cannot run the network at input size {input_size}")]
    RunNetwork { input_size: u32, source: Box<candle_core::Error> },
}
