//! The spool: a row of segments, the newest written to, and the position up to which all is acknowledged.
//!
//! Here is what an owner may call. How a directory becomes a spool is in [`open`], how room is made in [`room`].

mod open;
mod room;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::SpoolError;
use crate::clock::{Moment, SpoolClock};
use crate::cursor::Cursor;
use crate::files::{Disk, File, Files, Lock};
use crate::options::{OpenReport, ReadLimit, SpoolOptions, SpoolStats, SyncPolicy};
use crate::record::{HEADER_BYTES, Header, Record};
use crate::scan::Entry;
use crate::segment::{Active, SEGMENT_HEADER_BYTES, Segment, read_record};

/// Reads of one record that may fail before it is passed over as damaged.
const READ_FAILURES_MAX: u32 = 3;
/// And it must have failed for this long: a disk that is away is not a bad record.
const UNREADABLE_MS_MIN: u64 = 60_000;
/// Records behind it that are tried before the rest of its segment is taken for as bad as they are.
const RECORDS_TRIED: usize = 16;

/// Store and forward on disk; see the crate for what it promises.
pub struct Spool {
    files: Box<dyn Files>,
    directory: PathBuf,
    options: SpoolOptions,
    /// Segments that are only read, oldest first.
    closed: VecDeque<Segment>,
    /// The segment that is appended to, after all closed ones; made at the first append.
    active: Option<Active>,
    /// The closed segment that was read last, by its first position.
    reader: Option<(u64, Box<dyn File>)>,
    /// The record that could not be read when it was last tried.
    unreadable: Option<Unreadable>,
    cursor: Cursor,
    /// The cursor's file says less than `acked`.
    cursor_is_behind: bool,
    clock: SpoolClock,
    synced_at_ms: u64,
    /// The position of the next record.
    next: u64,
    acked: u64,
    /// What is counted; what is derived of the segments is not kept here.
    stats: SpoolStats,
    opened: OpenReport,
    trouble: Option<SpoolError>,
    /// Held as long as the spool is open.
    _lock: Box<dyn Lock>,
}

/// A record whose reads fail.
#[derive(Clone, Copy, Debug)]
struct Unreadable {
    position: u64,
    failures: u32,
    /// The first failure, by the spool's clock.
    since_ms: u64,
}

impl Spool {
    /// Opens the spool of a directory, which is made when it is not there. No record or segment is written before the
    /// first append; torn tails are cut, and what is done with or too old is deleted: a spool can be opened and emptied
    /// on a disk that is full.
    ///
    /// # Errors
    /// [`SpoolError::InUse`] when it is open elsewhere, [`SpoolError::OtherVersion`], otherwise the file that cannot be
    /// listed or read.
    pub fn open(directory: &Path, options: SpoolOptions, now: Moment) -> Result<Self, SpoolError> {
        Self::open_on(Box::new(Disk), directory, options, now)
    }

    /// What was found at opening.
    pub fn opened(&self) -> &OpenReport {
        &self.opened
    }

    /// Appends a record that counts for `rows` and gives back its position. Drops what is too old, and makes room as
    /// [`SpoolOptions::when_full`] says; where the disk has no room either, the oldest segments go as well.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::RecordTooLarge`], or the file that cannot be written. Then the record is not
    /// in the spool, the others are, and the next append may go well. (What was
    /// written before it failed, or before it went well in another segment, may be found by a later opening.)
    pub fn append(&mut self, payload: &[u8], rows: u32, now: Moment) -> Result<u64, SpoolError> {
        let stamp = self.clock.stamp(now);
        self.expire(stamp.clock_ms);
        let (max_bytes, bytes) = (self.options.max_bytes, payload.len() as u64);
        let record_bytes = HEADER_BYTES as u64 + bytes;
        let length = u32::try_from(bytes).ok().filter(|_| SEGMENT_HEADER_BYTES as u64 + record_bytes <= max_bytes);
        let length = length.ok_or(SpoolError::RecordTooLarge { bytes, max_bytes })?;
        let payload_checksum = crc32fast::hash(payload);
        loop {
            let ready = self.make_room(record_bytes, stamp).and_then(|()| self.make_active(record_bytes, stamp));
            let header = Header { position: self.next, stamp, length, rows, payload_checksum };
            match ready.and_then(|()| self.write(header, payload)) {
                Err(error) if error.is_disk_full() && self.may_drop_oldest() => self.drop_oldest()?,
                Err(error) => {
                    self.stats.refused_records += u64::from(matches!(error, SpoolError::Full { .. }));
                    return Err(error);
                }
                Ok(()) => return Ok(header.position),
            }
        }
    }

    /// Reads records in order from a position on; positions that are gone or acknowledged are passed over, and so are
    /// records that have gone bad on disk, which are counted.
    ///
    /// # Errors
    /// The file that cannot be read. A record that fails so three times, and for a minute, is taken for damaged where one
    /// behind it can be read, and with it all up to that one. The minute is that of the moments given to
    /// [`Spool::append`] and [`Spool::tend`].
    pub fn read(&mut self, from: u64, limit: ReadLimit) -> Result<Vec<Record>, SpoolError> {
        let mut records: Vec<Record> = Vec::new();
        let (mut position, mut bytes) = (from.max(self.acked), 0);
        while records.len() < limit.records && (bytes < limit.bytes || records.is_empty()) {
            let Some((first, entry)) = self.find(position) else { break };
            match self.fetch(first, &entry) {
                Ok(Some(record)) => {
                    self.unreadable = self.unreadable.filter(|unreadable| unreadable.position != entry.position);
                    bytes += record.payload.len();
                    records.push(record);
                }
                Ok(None) => self.pass_over(first, entry.position),
                // What was read before it is given; the error comes again with the next call.
                Err(_) if !records.is_empty() => break,
                Err(error) => {
                    if !self.is_given_up(entry.position) {
                        return Err(error);
                    }
                    // Where nothing behind it can be read either, the disk is away and no record is bad.
                    let Some(good) = self.readable_after(entry.position) else { return Err(error) };
                    self.note(error);
                    while let Some((first, bad)) = self.find(position).filter(|(_, bad)| bad.position < good) {
                        self.pass_over(first, bad.position);
                    }
                    position = good;
                    continue;
                }
            }
            position = entry.position + 1;
        }
        Ok(records)
    }

    /// Acknowledges every record before a position; an older position than the last one changes nothing. A disk that
    /// does not take the acknowledgement is no error: it counts as long as the spool is open, is tried again with the
    /// next one, and costs a second delivery at worst; [`Spool::take_trouble`] tells.
    ///
    /// # Errors
    /// [`SpoolError::AckBeyondEnd`].
    pub fn ack(&mut self, up_to: u64) -> Result<(), SpoolError> {
        if up_to > self.next {
            return Err(SpoolError::AckBeyondEnd { position: up_to, next: self.next });
        }
        if up_to > self.acked {
            self.stats.acked_records += self.leave_behind(up_to).records;
        }
        Ok(())
    }

    /// Flushes to the disk what was appended, by an earlier opening too, whatever the policy.
    ///
    /// # Errors
    /// The file that cannot be synced; what was appended since the last time may not survive a power cut.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        let synced = self.sync_closed();
        let Some(active) = self.active.as_mut().filter(|active| active.segment.has_unsynced()) else { return synced };
        self.stats.syncs += 1;
        if let Err(error) = active.sync() {
            // The system may take what it could not write for written: the next flush would promise too much.
            self.stats.failed_syncs += 1;
            self.close_active();
            return Err(error);
        }
        synced
    }

    /// What is due by the time: drops what is too old, flushes the disk under [`SyncPolicy::Interval`], tries again to
    /// store an acknowledgement or to delete a segment. To be called about once a second: under `Interval` a power cut
    /// takes at most what was appended within the interval and the time between two calls.
    ///
    /// # Errors
    /// As [`Spool::sync`].
    pub fn tend(&mut self, now: Moment) -> Result<(), SpoolError> {
        let now_ms = self.clock.stamp(now).clock_ms;
        self.expire(now_ms);
        if self.cursor_is_behind {
            self.store_cursor();
        }
        self.delete_acked();
        let is_due = match self.options.sync {
            SyncPolicy::EveryMessage => self.closed.iter().any(Segment::has_unsynced),
            SyncPolicy::Interval { ms } => now_ms.saturating_sub(self.synced_at_ms) >= ms,
            SyncPolicy::Never => false,
        };
        if !is_due {
            return Ok(());
        }
        self.synced_at_ms = now_ms;
        self.sync()
    }

    /// The last failure that no call returned, because what was asked was done all the same: an acknowledgement that is
    /// not on disk, a segment that cannot be deleted or cut. To be logged.
    pub fn take_trouble(&mut self) -> Option<SpoolError> {
        self.trouble.take()
    }

    /// The position of the first record that is neither acknowledged nor dropped.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// The position that the next append gets, or a later one where it fails or the name of its segment is taken. Every
    /// record has an earlier one.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The state in numbers.
    pub fn stats(&self, now: Moment) -> SpoolStats {
        let now_ms = self.clock.at(now);
        let oldest = self.find(self.acked).map(|(_, oldest)| now_ms.saturating_sub(oldest.clock_ms));
        SpoolStats { bytes: self.bytes(), oldest_age_ms: oldest, ..self.stats }
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.closed.iter().chain(self.active.as_ref().map(|active| &active.segment))
    }

    fn bytes(&self) -> u64 {
        self.segments().map(Segment::bytes).sum()
    }

    /// Flushes closed segments that are not synced; one that cannot be is tried again with the next flush.
    fn sync_closed(&mut self) -> Result<(), SpoolError> {
        let mut last = Ok(());
        for segment in self.closed.iter_mut().filter(|segment| segment.has_unsynced()) {
            self.stats.syncs += 1;
            let synced = segment.sync(self.files.as_ref());
            if synced.is_err() {
                self.stats.failed_syncs += 1;
                last = synced;
            }
        }
        last
    }

    fn write(&mut self, header: Header, payload: &[u8]) -> Result<(), SpoolError> {
        let Some(active) = self.active.as_mut() else {
            return Err(SpoolError::open(&self.directory)(io::ErrorKind::NotFound.into()));
        };
        // Also where it fails, because part of it may be on the disk: a position is never used twice.
        self.next += 1;
        let mut is_unsynced = false;
        let mut written = active.append(header, payload);
        if written.is_ok() && self.options.sync == SyncPolicy::EveryMessage {
            self.stats.syncs += 1;
            written = active.sync();
            is_unsynced = written.is_err();
            self.stats.failed_syncs += u64::from(is_unsynced);
        }
        let Err(error) = written else {
            self.stats.appended_records += 1;
            self.stats.records += 1;
            self.stats.rows += u64::from(header.rows);
            self.stats.waiting_bytes += HEADER_BYTES as u64 + u64::from(header.length);
            return Ok(());
        };
        let taken_back = active.take_back(header.position);
        if is_unsynced || taken_back.is_err() {
            self.close_active();
        }
        Err(error)
    }

    /// The first record at a position or after it, and the first position of its segment.
    fn find(&self, position: u64) -> Option<(u64, Entry)> {
        // Not by halving: what is left of a segment that could not be made is empty, and its first position may lie among
        // those of the segment before.
        self.segments().find_map(|segment| Some((segment.first(), segment.at_or_after(position)?)))
    }

    /// Reads a record; nothing where it has gone bad, or its file has.
    fn fetch(&mut self, first: u64, entry: &Entry) -> Result<Option<Record>, SpoolError> {
        let read = match &self.active {
            Some(active) if active.segment.first() == first => active.read(entry),
            _ => self.read_closed(first, entry),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            // That a file is gone is no sign that its records are: a disk that is away takes its folder along.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(SpoolError::read(self.path_of(first))(error)),
        };
        let header = Header::parse(first, &bytes).filter(|header| header.position == entry.position);
        let is_whole = header.is_some_and(|header| header.payload_in(&bytes).is_some());
        let record =
            || Record { position: entry.position, rows: entry.rows, payload: Bytes::from(bytes).slice(HEADER_BYTES..) };
        Ok(is_whole.then(record))
    }

    fn read_closed(&mut self, first: u64, entry: &Entry) -> io::Result<Vec<u8>> {
        let reader = match self.reader.take() {
            Some((open, reader)) if open == first => reader,
            _ => self.files.open(self.path_of(first))?,
        };
        let bytes = read_record(reader.as_ref(), entry);
        self.reader = Some((first, reader));
        bytes
    }

    /// The file of the segment that begins at a position; the directory where there is none.
    fn path_of(&self, first: u64) -> &Path {
        self.segments().find(|segment| segment.first() == first).map_or(&self.directory, Segment::path)
    }

    /// Counts a failed read of a record, and says whether it has failed often enough and for long enough.
    fn is_given_up(&mut self, position: u64) -> bool {
        let now_ms = self.clock.latest_ms();
        let before = self.unreadable.filter(|unreadable| unreadable.position == position);
        let Unreadable { failures, since_ms, .. } =
            before.unwrap_or(Unreadable { position, failures: 0, since_ms: now_ms });
        let failures = failures.saturating_add(1);
        self.unreadable = Some(Unreadable { position, failures, since_ms });
        failures >= READ_FAILURES_MAX && now_ms - since_ms >= UNREADABLE_MS_MIN
    }

    /// The next record that can be read behind one that cannot: among some, and then at the head of each later segment.
    fn readable_after(&mut self, position: u64) -> Option<u64> {
        let mut tried = position;
        for _ in 0..RECORDS_TRIED {
            let (first, entry) = self.find(tried + 1)?;
            if matches!(self.fetch(first, &entry), Ok(Some(_))) {
                return Some(entry.position);
            }
            tried = entry.position;
        }
        let heads: Vec<(u64, Entry)> =
            self.segments().filter_map(|of| Some((of.first(), of.at_or_after(0)?))).collect();
        let later = heads.into_iter().filter(|(_, head)| head.position > tried);
        later
            .filter(|(first, head)| matches!(self.fetch(*first, head), Ok(Some(_))))
            .map(|(_, head)| head.position)
            .min()
    }

    /// Counts a record that has gone bad, and forgets it.
    fn pass_over(&mut self, first: u64, position: u64) {
        let active = self.active.iter_mut().map(|active| &mut active.segment);
        let Some(segment) = self.closed.iter_mut().chain(active).find(|segment| segment.first() == first) else {
            return;
        };
        let Some(entry) = segment.at_or_after(position) else { return };
        segment.forget(position);
        self.stats.damaged_records += 1;
        self.stats.records -= 1;
        self.stats.rows -= u64::from(entry.rows);
        self.stats.waiting_bytes -= entry.bytes();
    }

    fn note(&mut self, error: SpoolError) {
        self.trouble = Some(error);
    }
}

#[cfg(test)]
mod tests;
