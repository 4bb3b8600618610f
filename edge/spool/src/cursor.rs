//! The file `acked`: how far records are acknowledged.
//!
//! It has two places that are written in turn, so that one torn write leaves the other, and it is never longer than
//! that: once both places are written a full disk takes it; before that the acknowledgement is tried again (see
//! [`Spool::ack`](crate::Spool::ack)). It is not synced: losing its last states costs a second delivery, which is allowed,
//! and syncing it would cost a flush of the disk for every acknowledgement.

use std::io;
use std::path::{Path, PathBuf};

use crate::SpoolError;
use crate::files::{File, Files};
use crate::record::{long, word};

/// The position and its CRC-32.
const PLACE_BYTES: usize = 12;

pub(crate) struct Cursor {
    path: PathBuf,
    /// Made at the first acknowledgement.
    file: Option<Box<dyn File>>,
    /// The place to be written next: not the one that holds what counts.
    next_place: usize,
}

impl Cursor {
    /// Opens the cursor of a directory and gives the stored position; 0 when there is none that is whole.
    pub(crate) fn open(files: &dyn Files, directory: &Path) -> Result<(Self, u64), SpoolError> {
        let path = directory.join("acked");
        let file = match files.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self { path, file: None, next_place: 0 }, 0));
            }
            Err(error) => return Err(SpoolError::open(&path)(error)),
        };
        let length = file.length().map_err(SpoolError::read(&path))?;
        let mut bytes = vec![0; length.min(2 * PLACE_BYTES as u64) as usize];
        file.read_at(&mut bytes, 0).map_err(SpoolError::read(&path))?;
        let places = bytes.chunks_exact(PLACE_BYTES).map(parse);
        let newest = places.enumerate().filter_map(|(place, position)| Some((position?, place))).max();
        let (position, next_place) = newest.map_or((0, 0), |(position, place)| (position, 1 - place));
        Ok((Self { path, file: Some(file), next_place }, position))
    }

    pub(crate) fn store(&mut self, files: &dyn Files, position: u64) -> Result<(), SpoolError> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(files.create(&self.path).map_err(SpoolError::open(&self.path))?),
        };
        let mut bytes = position.to_le_bytes().to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&position.to_le_bytes()).to_le_bytes());
        let offset = self.next_place * PLACE_BYTES;
        file.write_at(&bytes, offset as u64).map_err(SpoolError::write(&self.path))?;
        self.next_place = 1 - self.next_place;
        Ok(())
    }
}

fn parse(place: &[u8]) -> Option<u64> {
    let position = place.get(..8)?;
    (crc32fast::hash(position) == word(place, 8)).then(|| long(place, 0))
}
