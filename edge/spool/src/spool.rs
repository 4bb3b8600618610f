//! The spool: a row of segments, the last one written to, and the position up to which all is acknowledged.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::SpoolError;
use crate::cursor::Cursor;
use crate::record::{HEADER_BYTES, Record};
use crate::retention::segments_to_drop;
use crate::segment::{self, Segment};

/// How large a spool may grow and how careful it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes of all segments together; the oldest segments are dropped to stay under it.
    pub max_bytes: u64,
    /// Bytes at which a segment is closed and another begun: the unit that is dropped and deleted.
    pub segment_bytes: u64,
    /// Flush the disk's cache at every append, so that a record outlives a power cut.
    pub sync: bool,
}

impl SpoolOptions {
    /// A spool of this size in sixteen segments (of at most 8 MiB), flushed at every append.
    pub fn bounded(max_bytes: u64) -> Self {
        Self { max_bytes, segment_bytes: (max_bytes / 16).clamp(1, 8 << 20), sync: true }
    }
}

/// What was found at opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records that wait.
    pub records: u64,
    /// Rows that wait.
    pub rows: u64,
    /// Bytes that were cut off because they were torn or wrong.
    pub cut_bytes: u64,
}

/// The state of a spool in numbers. What is dropped or corrupt is counted since opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Records that are not acknowledged.
    pub records: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of all segments, acknowledged records in them too: what is held against the bound.
    pub bytes: u64,
    /// Bytes of the records that are not acknowledged.
    pub waiting_bytes: u64,
    /// Records that were dropped unacknowledged to make room.
    pub dropped_records: u64,
    /// Rows of them.
    pub dropped_rows: u64,
    /// Records that had gone bad on disk when they were read, and were passed over.
    pub corrupt_records: u64,
}

/// How much one read may give back; it gives at least one record where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// At most this many records.
    pub records: usize,
    /// No further record once the payloads have this many bytes.
    pub bytes: usize,
}

/// Store and forward on disk; see the crate for what it promises.
pub struct Spool {
    directory: PathBuf,
    options: SpoolOptions,
    /// Segments that are only read, oldest first.
    closed: VecDeque<Segment>,
    /// The segment that is appended to, after all closed ones.
    active: Segment,
    cursor: Cursor,
    acked: u64,
    stats: SpoolStats,
    opened: OpenReport,
    /// Held for its lock.
    _lock: File,
}

impl Spool {
    /// Opens the spool of a directory, which is made when it is not there.
    ///
    /// # Errors
    /// [`SpoolError::InUse`] when it is open elsewhere, otherwise the file that cannot be listed, read or cut.
    pub fn open(directory: &Path, options: SpoolOptions) -> Result<Self, SpoolError> {
        fs::create_dir_all(directory).map_err(SpoolError::directory(directory))?;
        let lock = lock(directory)?;
        let cursor = Cursor::new(directory);
        let acked = cursor.load()?;
        let mut closed = VecDeque::new();
        let mut cut_bytes = 0;
        for (first, path) in segment::list(directory)? {
            let (segment, cut) = Segment::open(path, first)?;
            cut_bytes += cut;
            closed.push_back(segment);
        }
        // After a power cut the cursor may stand beyond the records that survived: what is appended now must not
        // count as acknowledged, so it goes into a segment that begins at the cursor.
        let active = match closed.pop_back_if(|newest| newest.next() >= acked) {
            Some(newest) => newest,
            None => Segment::create(directory, acked, options.sync)?,
        };
        let mut spool = Self {
            directory: directory.to_owned(),
            options,
            closed,
            active,
            cursor,
            acked,
            stats: SpoolStats::default(),
            opened: OpenReport::default(),
            _lock: lock,
        };
        spool.acked = spool.acked.max(spool.first());
        spool.delete_acked()?;
        spool.recount();
        spool.opened = OpenReport { records: spool.stats.records, rows: spool.stats.rows, cut_bytes };
        Ok(spool)
    }

    /// What was found at opening.
    pub fn opened(&self) -> OpenReport {
        self.opened
    }

    /// Appends a record that counts for `rows` and gives back its position. Makes room by dropping the oldest segments.
    ///
    /// # Errors
    /// [`SpoolError::RecordTooLarge`], or the file that cannot be written; then the record is not in the spool.
    pub fn append(&mut self, payload: &[u8], rows: u32) -> Result<u64, SpoolError> {
        let incoming = (HEADER_BYTES + payload.len()) as u64;
        // A record must fit beside the magic of its own segment and of an empty one before it.
        let max_bytes = self.options.max_bytes;
        if incoming + 16 > max_bytes {
            return Err(SpoolError::RecordTooLarge { bytes: payload.len() as u64, max_bytes });
        }
        let is_full = self.active.bytes() + incoming > self.options.segment_bytes;
        if is_full && self.active.next() > self.active.first() {
            self.begin_segment()?;
        }
        self.make_room(incoming)?;
        let position = self.active.append(payload, rows, self.options.sync)?;
        self.stats.records += 1;
        self.stats.rows += u64::from(rows);
        Ok(position)
    }

    /// Reads records in order from a position on; positions that are gone are passed over. Acknowledged records may
    /// still be read while their segment stands.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn read(&mut self, from: u64, limit: ReadLimit) -> Result<Vec<Record>, SpoolError> {
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        for segment in self.closed.iter_mut().chain([&mut self.active]) {
            let mut position = from.max(segment.first());
            while records.len() < limit.records && (bytes < limit.bytes || records.is_empty()) {
                match segment.read(position)? {
                    None => break,
                    Some(None) => self.stats.corrupt_records += 1,
                    Some(Some(record)) => {
                        bytes += record.payload.len();
                        records.push(record);
                    }
                }
                position += 1;
            }
        }
        Ok(records)
    }

    /// Acknowledges every record before a position; an older position than the last one changes nothing.
    ///
    /// # Errors
    /// [`SpoolError::AckBeyondEnd`], or the file that cannot be written or deleted.
    pub fn ack(&mut self, up_to: u64) -> Result<(), SpoolError> {
        let next = self.next();
        if up_to > next {
            return Err(SpoolError::AckBeyondEnd { position: up_to, next });
        }
        if up_to <= self.acked {
            return Ok(());
        }
        self.cursor.store(up_to)?;
        let acked = self.segments().map(|segment| segment.count_between(self.acked, up_to));
        let (records, rows) = acked.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        self.stats.records -= records;
        self.stats.rows -= rows;
        self.acked = up_to;
        self.delete_acked()
    }

    /// The position of the first record that is not acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// The position that the next record gets.
    pub fn next(&self) -> u64 {
        self.active.next()
    }

    /// The state in numbers.
    pub fn stats(&self) -> SpoolStats {
        let bytes = self.segments().map(Segment::bytes).sum();
        let waiting_bytes = self.segments().map(|segment| segment.bytes_from(self.acked)).sum();
        SpoolStats { bytes, waiting_bytes, ..self.stats }
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.closed.iter().chain([&self.active])
    }

    fn first(&self) -> u64 {
        self.closed.front().unwrap_or(&self.active).first()
    }

    fn begin_segment(&mut self) -> Result<(), SpoolError> {
        let fresh = Segment::create(&self.directory, self.next(), self.options.sync)?;
        self.closed.push_back(std::mem::replace(&mut self.active, fresh));
        Ok(())
    }

    fn make_room(&mut self, incoming: u64) -> Result<(), SpoolError> {
        let drops = segments_to_drop(self.segments().map(Segment::bytes), incoming, self.options.max_bytes);
        if drops > self.closed.len() {
            self.begin_segment()?;
        }
        for _ in 0..drops {
            let Some(oldest) = self.closed.pop_front() else { break };
            let (records, rows) = oldest.count_between(self.acked, u64::MAX);
            self.stats.records -= records;
            self.stats.rows -= rows;
            self.stats.dropped_records += records;
            self.stats.dropped_rows += rows;
            self.acked = self.acked.max(self.first());
            oldest.delete()?;
        }
        Ok(())
    }

    /// Deletes the segments in which every record is acknowledged, except the one that is appended to.
    fn delete_acked(&mut self) -> Result<(), SpoolError> {
        let acked = self.acked;
        while let Some(oldest) = self.closed.pop_front_if(|oldest| oldest.next() <= acked) {
            oldest.delete()?;
        }
        Ok(())
    }

    fn recount(&mut self) {
        let counts = self.segments().map(|segment| segment.count_between(self.acked, u64::MAX));
        let (records, rows) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        self.stats.records = records;
        self.stats.rows = rows;
    }
}

fn lock(directory: &Path) -> Result<File, SpoolError> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(SpoolError::open(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(SpoolError::Open { path, source }),
    }
}

#[cfg(test)]
mod tests;
