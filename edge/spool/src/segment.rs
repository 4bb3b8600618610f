//! One segment file: records from a first position on, with an index of them in memory.
//!
//! The index costs 12 bytes a record and makes any position readable at once. Which segment is appended to, and when
//! one is deleted, is not decided here.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::SpoolError;
use crate::record::{self, HEADER_BYTES, Record};

const MAGIC: &[u8; 8] = b"HWSPOOL1";

pub(crate) struct Segment {
    path: PathBuf,
    file: File,
    first: u64,
    /// Bytes of the file that are records, and the magic.
    length: u64,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    offset: u64,
    /// Header and payload.
    bytes: u32,
    rows: u32,
}

impl Segment {
    pub(crate) fn create(directory: &Path, first: u64, sync: bool) -> Result<Self, SpoolError> {
        let path = directory.join(format!("{first:020}.seg"));
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(SpoolError::open(&path))?;
        file.write_all(MAGIC).map_err(SpoolError::write(&path))?;
        if sync {
            file.sync_all().map_err(SpoolError::write(&path))?;
            sync_directory(directory)?;
        }
        Ok(Self { path, file, first, length: MAGIC.len() as u64, entries: Vec::new() })
    }

    /// Opens a segment, checks every record, cuts it at the first wrong one; says how many bytes were cut.
    pub(crate) fn open(path: PathBuf, first: u64) -> Result<(Self, u64), SpoolError> {
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(SpoolError::open(&path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(SpoolError::read(&path))?;
        if bytes.len() < MAGIC.len() {
            // The process died between making the file and writing its first bytes.
            file.seek(SeekFrom::Start(0)).map_err(SpoolError::write(&path))?;
            file.write_all(MAGIC).map_err(SpoolError::write(&path))?;
            let cut = bytes.len() as u64;
            return Ok((Self { path, file, first, length: MAGIC.len() as u64, entries: Vec::new() }, cut));
        }
        if !bytes.starts_with(MAGIC) {
            return Err(SpoolError::NotASegment { path });
        }
        let mut entries = Vec::new();
        let mut offset = MAGIC.len();
        while let Some((rows, _, length)) = record::parse(first + entries.len() as u64, &bytes[offset..]) {
            entries.push(Entry { offset: offset as u64, bytes: length as u32, rows });
            offset += length;
        }
        let cut = (bytes.len() - offset) as u64;
        if cut > 0 {
            file.set_len(offset as u64).map_err(SpoolError::write(&path))?;
        }
        Ok((Self { path, file, first, length: offset as u64, entries }, cut))
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The position after the last record.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.length
    }

    /// Bytes of the records from a position on.
    pub(crate) fn bytes_from(&self, position: u64) -> u64 {
        self.entries.get(self.index_of(position)).map_or(0, |entry| self.length - entry.offset)
    }

    /// Records and rows from a position up to before another, as far as they lie here.
    pub(crate) fn count_between(&self, from: u64, to: u64) -> (u64, u64) {
        let range = self.index_of(from)..self.index_of(to);
        let entries = self.entries.get(range).unwrap_or_default();
        (entries.len() as u64, entries.iter().map(|entry| u64::from(entry.rows)).sum())
    }

    pub(crate) fn append(&mut self, payload: &[u8], rows: u32, sync: bool) -> Result<u64, SpoolError> {
        let position = self.next();
        let bytes = (HEADER_BYTES + payload.len()) as u64;
        let header = record::header_of(position, rows, payload)
            .ok_or(SpoolError::RecordTooLarge { bytes, max_bytes: u64::from(u32::MAX) })?;
        // A write that failed half way leaves bytes behind the length, and the next one writes over them.
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(self.length))?;
            file.write_all(&[header.as_slice(), payload].concat())?;
            if sync { file.sync_data() } else { Ok(()) }
        };
        write(&mut self.file).map_err(SpoolError::write(&self.path))?;
        self.entries.push(Entry { offset: self.length, bytes: bytes as u32, rows });
        self.length += bytes;
        Ok(position)
    }

    /// The record at a position; nothing where there is none, an inner nothing where it has gone bad on disk.
    pub(crate) fn read(&mut self, position: u64) -> Result<Option<Option<Record>>, SpoolError> {
        let Some(entry) = position.checked_sub(self.first).and_then(|index| self.entries.get(index as usize)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; entry.bytes as usize];
        self.file.seek(SeekFrom::Start(entry.offset)).map_err(SpoolError::read(&self.path))?;
        self.file.read_exact(&mut bytes).map_err(SpoolError::read(&self.path))?;
        let Some((rows, _, _)) = record::parse(position, &bytes) else {
            return Ok(Some(None));
        };
        let payload = Bytes::from(bytes).slice(HEADER_BYTES..);
        Ok(Some(Some(Record { position, rows, payload })))
    }

    pub(crate) fn delete(self) -> Result<(), SpoolError> {
        fs::remove_file(&self.path).map_err(SpoolError::delete(&self.path))
    }

    fn index_of(&self, position: u64) -> usize {
        (position.saturating_sub(self.first) as usize).min(self.entries.len())
    }
}

/// Makes a new file's name as durable as its bytes.
fn sync_directory(directory: &Path) -> Result<(), SpoolError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(SpoolError::directory(directory))
}

/// The segment files of a directory, oldest first, each with its first position. Other files are left alone.
pub(crate) fn list(directory: &Path) -> Result<Vec<(u64, PathBuf)>, SpoolError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(SpoolError::directory(directory))? {
        let path = entry.map_err(SpoolError::directory(directory))?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "seg");
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        match first {
            Some(first) if is_segment => found.push((first, path)),
            None if is_segment => return Err(SpoolError::NotASegment { path }),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}
