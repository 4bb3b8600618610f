//! What can fail: the disk, and a caller who asks for what cannot be.

use std::io;
use std::path::{Path, PathBuf};

/// A failed step of the spool, with the file it failed on.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory could not be made, listed or synced.
    #[error("opening the spool directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// Another process, or another spool of this one, has the directory open.
    #[error("the spool {} is in use by another agent", path.display())]
    InUse { path: PathBuf },
    /// A segment was written by another version, which has to deliver it first.
    #[error("{} is a spool segment of version {found}, and this agent reads version {expected}", path.display())]
    OtherVersion { path: PathBuf, found: char, expected: char },
    /// A file could not be made or opened.
    #[error("opening {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// A file could not be read.
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file could not be written or cut; the record is not in the spool.
    #[error("writing {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The disk's cache could not be flushed; a power cut may take what was to be flushed.
    #[error("syncing {}", path.display())]
    Sync { path: PathBuf, source: io::Error },
    /// A file could not be deleted.
    #[error("deleting {}", path.display())]
    Delete { path: PathBuf, source: io::Error },
    /// There is no room for a record, and the spool was told to drop none for it.
    #[error("the spool {} holds {bytes} of {max_bytes} bytes: there is no room for a record of {incoming}", path.display())]
    Full { path: PathBuf, bytes: u64, max_bytes: u64, incoming: u64 },
    /// A record that would not fit into an empty spool.
    #[error("a record of {bytes} bytes does not fit into a spool of {max_bytes}")]
    RecordTooLarge { bytes: u64, max_bytes: u64 },
    /// An acknowledgement of what was never appended.
    #[error("position {position} is acknowledged but only those before {next} were appended")]
    AckBeyondEnd { position: u64, next: u64 },
}

impl SpoolError {
    /// Whether there was no room, in the spool or on its disk: the same append may go well later.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. }) || self.is_disk_full()
    }

    /// Whether the disk had no room.
    pub(crate) fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Directory { source, .. }
            | Self::Open { source, .. }
            | Self::Write { source, .. }
            | Self::Sync { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            _ => false,
        }
    }

    /// Whether a new file was not made because one of its name is there.
    pub(crate) fn is_name_taken(&self) -> bool {
        matches!(self, Self::Open { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }

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

    pub(crate) fn sync(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Sync { path: path.to_owned(), source }
    }

    pub(crate) fn delete(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Delete { path: path.to_owned(), source }
    }
}
