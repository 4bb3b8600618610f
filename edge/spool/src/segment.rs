//! One segment file: its header, and an index of its records in memory (32 bytes a record). Which segment is appended
//! to, and when one is deleted, is not decided here.
//!
//! ```text
//! segment:  "HWSPOOL" │ version '2' │ first position u64 │ clock u64 │ wall i64 │ CRC-32 of all before u32 │ record*
//! ```
//!
//! A file is made durable, name and header, before a record is written to it. A segment that was only opened is never
//! appended to again: what a power cut did to its end cannot reach new records.

use std::io;
use std::path::{Path, PathBuf};

use crate::SpoolError;
use crate::clock::Stamp;
use crate::files::{File, Files};
use crate::record::{HEADER_BYTES, Header, checksum, long, word};
use crate::scan::{Entry, POSITIONS_MAX, Scan, scan};

/// Bytes before the first record.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 36;
const COVERED_BYTES: usize = SEGMENT_HEADER_BYTES - 4;
const MAGIC: &[u8; 7] = b"HWSPOOL";
const VERSION: char = '2';
/// Began a segment of version 1, which had no checksum there.
const VERSION_1: &[u8; 8] = b"HWSPOOL1";
/// A file without a good header is searched for records up to this size; no segment is larger by default.
const SEARCHED_BYTES_MAX: u64 = 64 << 20;

/// A segment that is read.
pub(crate) struct Segment {
    path: PathBuf,
    first: u64,
    entries: Vec<Entry>,
    /// The byte after the last record.
    end: u64,
    /// Bytes of the file; more than `end` where a tail could not be cut.
    bytes: u64,
    /// What was appended may not be durable.
    has_unsynced: bool,
}

/// The segment that is appended to.
pub(crate) struct Active {
    pub(crate) segment: Segment,
    file: Box<dyn File>,
}

/// What a file turned out to be.
pub(crate) enum Found {
    Segment(Opened),
    /// Not a segment: another format, or nothing readable in it.
    Alien,
}

/// A segment that was found on disk.
pub(crate) struct Opened {
    pub(crate) segment: Segment,
    pub(crate) cut_bytes: u64,
    pub(crate) damaged_records: u64,
    /// The latest stamp in it.
    pub(crate) last: Option<Stamp>,
    /// The torn tail could not be cut off; it lies there and is passed over.
    pub(crate) trouble: Option<SpoolError>,
}

impl Segment {
    /// Reads a file, checks every record in it, and cuts off a torn tail.
    ///
    /// # Errors
    /// The file that cannot be read, or that another version wrote.
    pub(crate) fn open(files: &dyn Files, path: PathBuf, first: u64) -> Result<Found, SpoolError> {
        let file = files.open(&path).map_err(SpoolError::open(&path))?;
        let length = file.length().map_err(SpoolError::read(&path))?;
        if length < SEGMENT_HEADER_BYTES as u64 {
            return Ok(Found::Alien);
        }
        let read = |length: u64| {
            let mut bytes = vec![0; length as usize];
            file.read_at(&mut bytes, 0).map(|()| bytes).map_err(SpoolError::read(&path))
        };
        let created = match version_of(&read(SEGMENT_HEADER_BYTES as u64)?) {
            Some((VERSION, position, created)) if position == first => Some(created),
            Some((VERSION, ..)) => return Ok(Found::Alien),
            Some((found, ..)) => return Err(SpoolError::OtherVersion { path, found, expected: VERSION }),
            None if length > SEARCHED_BYTES_MAX => return Ok(Found::Alien),
            None => None,
        };
        let Scan { entries, end, damaged, last } = scan(first, &read(length)?, SEGMENT_HEADER_BYTES);
        if created.is_none() && entries.is_empty() {
            return Ok(Found::Alien);
        }
        let cut_bytes = length - end;
        let cut = if cut_bytes > 0 { file.set_length(end).map_err(SpoolError::write(&path)) } else { Ok(()) };
        let bytes = if cut.is_ok() { end } else { length };
        // Whoever appended to it may have died before a flush.
        let segment = Self { path, first, entries, end, bytes, has_unsynced: true };
        let last = last.or(created);
        Ok(Found::Segment(Opened { segment, cut_bytes, damaged_records: damaged, last, trouble: cut.err() }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The position after the last record, or the first where there is none.
    pub(crate) fn end_position(&self) -> u64 {
        self.entries.last().map_or(self.first, |last| last.position + 1)
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The records from a position up to before another, as far as they lie here.
    pub(crate) fn between(&self, from: u64, to: u64) -> &[Entry] {
        let index = |position| self.entries.partition_point(|entry| entry.position < position);
        self.entries.get(index(from)..index(to)).unwrap_or_default()
    }

    /// The first record at a position or after it.
    pub(crate) fn at_or_after(&self, position: u64) -> Option<Entry> {
        self.between(position, u64::MAX).first().copied()
    }

    /// Takes a record out of the index.
    pub(crate) fn forget(&mut self, position: u64) {
        self.entries.retain(|entry| entry.position != position);
    }

    pub(crate) fn has_unsynced(&self) -> bool {
        self.has_unsynced
    }

    /// Flushes a segment that is not appended to any more.
    pub(crate) fn sync(&mut self, files: &dyn Files) -> Result<(), SpoolError> {
        let file = files.open(&self.path).map_err(SpoolError::open(&self.path))?;
        file.sync().map_err(SpoolError::sync(&self.path))?;
        self.has_unsynced = false;
        Ok(())
    }
}

impl Active {
    /// Makes a segment, durably. What is left of one that could not be made is deleted, if that can be done.
    pub(crate) fn create(files: &dyn Files, directory: &Path, first: u64, stamp: Stamp) -> Result<Self, SpoolError> {
        let path = directory.join(file_name(first));
        let file = files.create(&path).map_err(SpoolError::open(&path))?;
        let written = file.write_at(&header_bytes(first, stamp), 0).map_err(SpoolError::write(&path));
        let synced = written.and_then(|()| file.sync().map_err(SpoolError::sync(&path)));
        let named = synced.and_then(|()| files.sync_directory(directory).map_err(SpoolError::directory(directory)));
        if let Err(error) = named {
            drop(file);
            // A file that stays is empty or alien at the next opening.
            let _ = files.remove(&path);
            return Err(error);
        }
        let end = SEGMENT_HEADER_BYTES as u64;
        let segment = Segment { path, first, entries: Vec::new(), end, bytes: end, has_unsynced: false };
        Ok(Self { segment, file })
    }

    /// Whether a record of so many bytes at a position belongs into another segment.
    pub(crate) fn is_full(&self, position: u64, record_bytes: u64, segment_bytes: u64) -> bool {
        let is_large = self.segment.end + record_bytes > segment_bytes && !self.segment.is_empty();
        is_large || position - self.segment.first >= POSITIONS_MAX
    }

    /// Writes a record at the end.
    pub(crate) fn append(&mut self, header: Header, payload: &[u8]) -> Result<(), SpoolError> {
        let Segment { path, first, entries, end, bytes, has_unsynced } = &mut self.segment;
        let record = [header.to_bytes(*first).as_slice(), payload].concat();
        let after = *end + record.len() as u64;
        *bytes = after;
        self.file.write_at(&record, *end).map_err(SpoolError::write(path))?;
        *has_unsynced = true;
        let Header { position, stamp, length, rows, .. } = header;
        entries.push(Entry { position, offset: *end, clock_ms: stamp.clock_ms, length, rows });
        *end = after;
        Ok(())
    }

    /// Takes back the record that was appended last, if it got that far, and cuts the file behind the one before.
    pub(crate) fn take_back(&mut self, position: u64) -> Result<(), SpoolError> {
        let segment = &mut self.segment;
        if let Some(last) = segment.entries.pop_if(|last| last.position == position) {
            segment.end = last.offset;
        }
        self.file.set_length(segment.end).map_err(SpoolError::write(&segment.path))?;
        segment.bytes = segment.end;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), SpoolError> {
        self.file.sync().map_err(SpoolError::sync(&self.segment.path))?;
        self.segment.has_unsynced = false;
        Ok(())
    }

    /// The bytes of a record: header and payload.
    pub(crate) fn read(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        read_record(self.file.as_ref(), entry)
    }
}

pub(crate) fn read_record(file: &dyn File, entry: &Entry) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES + entry.length as usize];
    file.read_at(&mut bytes, entry.offset)?;
    Ok(bytes)
}

/// The name of the segment that begins at a position.
fn file_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The position in the name of a segment; nothing where it is not the name of one.
pub(crate) fn first_of(path: &Path) -> Option<u64> {
    let first = path.file_name()?.to_str()?.strip_suffix(".seg")?.parse().ok()?;
    // Positions never come that far; a name like this is not ours, and nothing is counted on from it.
    (first <= u64::MAX / 2 && path.file_name()?.to_str()? == file_name(first)).then_some(first)
}

fn header_bytes(first: u64, stamp: Stamp) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    bytes[..7].copy_from_slice(MAGIC);
    bytes[7] = VERSION as u8;
    bytes[8..16].copy_from_slice(&first.to_le_bytes());
    bytes[16..24].copy_from_slice(&stamp.clock_ms.to_le_bytes());
    bytes[24..32].copy_from_slice(&stamp.wall_ms.to_le_bytes());
    let checksum = checksum(0, &bytes[..COVERED_BYTES]);
    bytes[COVERED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Version, first position and stamp of a segment's header; nothing where it is none, or damaged.
fn version_of(header: &[u8]) -> Option<(char, u64, Stamp)> {
    if header.starts_with(VERSION_1) {
        return Some(('1', 0, Stamp::default()));
    }
    let is_whole = word(header, COVERED_BYTES) == checksum(0, &header[..COVERED_BYTES]);
    let stamp = Stamp { clock_ms: long(header, 16), wall_ms: long(header, 24).cast_signed() };
    (is_whole && header.starts_with(MAGIC)).then(|| (char::from(header[7]), long(header, 8), stamp))
}
