//! What can fail: the disk, and a caller who asks for what cannot be.

use std::io;
use std::path::{Path, PathBuf};

/// A failed step of the spool, with the file it failed on.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory could not be made or listed.
    #[error("opening the spool directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// Another process, or another spool of this one, has the directory open.
    #[error("the spool {} is in use by another agent", path.display())]
    InUse { path: PathBuf },
    /// A file in the directory looks like a segment and is none.
    #[error("{} is not a spool segment", path.display())]
    NotASegment { path: PathBuf },
    /// A file could not be opened.
    #[error("opening {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// A file could not be read.
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file could not be written or synced; the record is not in the spool.
    #[error("writing {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// A file could not be deleted.
    #[error("deleting {}", path.display())]
    Delete { path: PathBuf, source: io::Error },
    /// A record that would not fit into an empty spool.
    #[error("a record of {bytes} bytes does not fit into a spool of {max_bytes}")]
    RecordTooLarge { bytes: u64, max_bytes: u64 },
    /// An acknowledgement of what was never appended.
    #[error("position {position} is acknowledged but only those before {next} were appended")]
    AckBeyondEnd { position: u64, next: u64 },
}

impl SpoolError {
    pub(crate) fn directory(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Directory { path: path.to_owned(), source }
    }

    pub(crate) fn open(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Open { path: path.to_owned(), source }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn delete(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Delete { path: path.to_owned(), source }
    }
}
