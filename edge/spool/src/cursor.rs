//! The file `acked`: how far records are acknowledged.
//!
//! It is replaced by a rename and not synced: losing its last state costs a second delivery, which is allowed, and
//! syncing it would cost a disk flush for every acknowledgement.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::SpoolError;

pub(crate) struct Cursor {
    path: PathBuf,
    staged: PathBuf,
}

impl Cursor {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { path: directory.join("acked"), staged: directory.join("acked.new") }
    }

    /// The stored position; 0 when there is none or its checksum is wrong.
    pub(crate) fn load(&self) -> Result<u64, SpoolError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(parse(&bytes).unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(SpoolError::read(&self.path)(error)),
        }
    }

    pub(crate) fn store(&self, position: u64) -> Result<(), SpoolError> {
        let mut bytes = position.to_le_bytes().to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&position.to_le_bytes()).to_le_bytes());
        fs::write(&self.staged, bytes).map_err(SpoolError::write(&self.staged))?;
        fs::rename(&self.staged, &self.path).map_err(SpoolError::write(&self.path))
    }
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let (position, rest) = bytes.split_first_chunk::<8>()?;
    let checksum: [u8; 4] = rest.try_into().ok()?;
    (crc32fast::hash(position) == u32::from_le_bytes(checksum)).then(|| u64::from_le_bytes(*position))
}
