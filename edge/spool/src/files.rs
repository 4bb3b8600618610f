//! What the spool asks of a file system. The disk does it for real; in tests one does it that loses what was not synced.
//!
//! Both promise what POSIX does and no more: bytes outlive a power cut once their file is synced, names once their
//! directory is.

mod disk;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use disk::Disk;

/// A file system.
pub(crate) trait Files: Send {
    /// Makes a directory and those above it, durably; one that is there is good.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// What is in a directory, in any order.
    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>>;
    /// Makes a file, or fails with `AlreadyExists`.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens a file for reading and writing; it must be there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names of a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, which is made when it is not there; nothing when somebody else has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
}

/// An open file.
pub(crate) trait File: Send {
    fn length(&self) -> io::Result<u64>;
    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all. A failure may leave any part of it written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Makes the bytes and the length durable, not the name.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held as long as this lives.
pub(crate) trait Lock: Send {}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) is_file: bool,
}
