//! Why energy is not known, with the file.

use std::io;
use std::path::{Path, PathBuf};

/// A failed step of measuring energy.
#[derive(Debug, thiserror::Error)]
pub enum EnergyError {
    /// The box has nothing that a method could read.
    #[error("there is nothing to measure energy with by {method}: {missing}")]
    Absent { method: &'static str, missing: String },
    /// Energy counters may be read by root alone, because they tell a spy what the processor computes (CVE-2020-8694).
    #[error(
        "{} may be read by root alone; let the agent's group read it, with a line such as \
         \"z {} 0440 root headwater\" in a file of /etc/tmpfiles.d, or run the agent as root",
        path.display(), pattern.display()
    )]
    ForRootAlone { path: PathBuf, pattern: PathBuf, source: io::Error },
    /// A file cannot be read.
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file holds something else than it should.
    #[error("{} holds {text:?}, which is no {what}", path.display())]
    Garbage { path: PathBuf, what: &'static str, text: String },
    /// The machine's own account of its processors cannot be used.
    #[error("{} does not say how busy the processors are", path.display())]
    NoBusyTime { path: PathBuf },
    /// The model has no parameters.
    #[error("the cpu model needs energy.busy_watts, what one busy core draws over an idle one")]
    NoBusyWatts,
    /// NVIDIA's library cannot be used, or a GPU does not say what it draws.
    #[error("asking the nvidia driver for {what}")]
    Nvml { what: String, source: Box<nvml_wrapper::error::NvmlError> },
}

impl EnergyError {
    /// A file of text that is not what it should be; its beginning is quoted.
    pub(crate) fn garbage(path: &Path, what: &'static str, text: &str) -> Self {
        Self::Garbage { path: path.to_owned(), what, text: text.chars().take(40).collect() }
    }
}
