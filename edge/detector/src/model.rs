//! What a detector needs of a network, and the choice among the networks by what a weight file says.
//! What is the same for all of them, suppression and the way back to pixels of the frame, is in `detector`.

use crate::classes::ClassSet;
use crate::decode::Candidates;
use crate::error::DetectorError;
use crate::frame::RgbFrame;
use crate::nanodet::NanoDet;
use crate::options::{DetectOptions, Engine};
use crate::ssdlite::SsdLite;
use crate::weights::WeightFile;

/// A network with its weights. All of them take every input size that is a multiple of 32.
pub(crate) trait Model: Send + Sync {
    /// Under which its results are reported, and what `architecture` says in the metadata of its weight file where there
    /// is any.
    fn name(&self) -> &'static str;

    /// What its weights can tell apart.
    fn classes(&self) -> ClassSet;

    /// Multiply-accumulates that one frame costs at this input size.
    fn macs(&self, input_size: u32) -> u64;

    /// What may be in a frame, before suppression.
    ///
    /// # Contract
    /// Boxes are in pixels of the network's input, which the whole frame was stretched to; they may reach over its
    /// edges. No coordinate and no confidence is NaN or infinite, and no confidence is under the threshold. Only classes
    /// that were asked for occur. `options` are valid. It computes on the current rayon pool, and calls may overlap.
    fn find(&self, frame: &RgbFrame<'_>, options: &DetectOptions) -> Result<Candidates, DetectorError>;
}

/// The networks that a weight file may hold: the name of each, and a tensor name's beginning by which a file without
/// metadata is known.
const KNOWN: [(&str, &str, Open); 2] =
    [(NanoDet::NAME, "backbone.", NanoDet::open), (SsdLite::NAME, "block.", SsdLite::open)];

type Open = fn(&WeightFile<'_>, Engine) -> Result<Box<dyn Model>, DetectorError>;

/// Reads the bytes of a safetensors file; `origin` names it in errors.
pub(crate) fn open(origin: &str, bytes: &[u8], engine: Engine) -> Result<Box<dyn Model>, DetectorError> {
    let file = WeightFile::open(origin, bytes)?;
    let known = || KNOWN.map(|(name, ..)| name).join(", ");
    let origin = origin.to_owned();
    let found = match file.architecture() {
        Some(named) => KNOWN
            .iter()
            .find(|(name, ..)| *name == named)
            .ok_or_else(|| DetectorError::UnknownArchitecture { origin, found: named.to_owned(), known: known() })?,
        None => KNOWN
            .iter()
            .find(|(_, beginning, _)| file.names().any(|tensor| tensor.starts_with(beginning)))
            .ok_or_else(|| DetectorError::UnknownTensors { origin, tensor: file.first_name(), known: known() })?,
    };
    (found.2)(&file, engine)
}

#[cfg(test)]
mod tests;
