//! How a spool makes room and lets go: by size, by age, by acknowledgement.
//!
//! What is to go is decided in [`retention`](crate::retention); here it is done. One rule stands over all: the newest
//! segment on disk is not deleted before its successor is, durably, because the positions that were used are known by it.

use std::io;
use std::path::Path;

use super::Spool;
use crate::SpoolError;
use crate::clock::Stamp;
use crate::options::WhenFull;
use crate::retention::{Filling, Room, is_too_old, next_step};
use crate::scan::Entry;
use crate::segment::{Active, SEGMENT_HEADER_BYTES, Segment};

/// Names that may be taken before a new segment is given up.
const NAMES_TRIED: usize = 8;

impl Spool {
    /// Makes room for a record of so many bytes, in a new segment where it needs one.
    pub(super) fn make_room(&mut self, record_bytes: u64, stamp: Stamp) -> Result<(), SpoolError> {
        self.delete_acked();
        loop {
            let filling = self.filling(record_bytes);
            match next_step(filling, self.options.when_full) {
                Room::Enough => return Ok(()),
                Room::DropOldest => self.drop_oldest()?,
                Room::BeginSegment => {
                    self.begin_segment(stamp)?;
                    self.delete_acked();
                }
                Room::Refuse => {
                    let Filling { bytes, incoming, max_bytes, .. } = filling;
                    return Err(SpoolError::Full { path: self.directory.clone(), bytes, max_bytes, incoming });
                }
            }
        }
    }

    /// Sees to it that there is a segment to append to.
    pub(super) fn make_active(&mut self, record_bytes: u64, stamp: Stamp) -> Result<(), SpoolError> {
        if self.needs_segment(record_bytes) { self.begin_segment(stamp) } else { Ok(()) }
    }

    /// Whether the oldest segment may be dropped unacknowledged, and there is one that may go.
    pub(super) fn may_drop_oldest(&self) -> bool {
        self.options.when_full == WhenFull::DropOldest && self.droppable() > 0
    }

    /// Drops the oldest segment with all that is in it.
    pub(super) fn drop_oldest(&mut self) -> Result<(), SpoolError> {
        let Some(oldest) = self.closed.front() else { return Ok(()) };
        let (path, after) = (oldest.path().to_owned(), oldest.end_position().max(self.acked));
        self.delete(&path)?;
        let dropped = self.leave_behind(after);
        self.stats.dropped_records += dropped.records;
        self.stats.dropped_rows += dropped.rows;
        Ok(())
    }

    /// Drops the records that are too old at a time of the spool's clock.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let Some(max_age_ms) = self.options.max_age_ms else { return };
        let waiting = self.segments().flat_map(|segment| segment.between(self.acked, u64::MAX));
        let old = waiting.take_while(|entry| is_too_old(entry.clock_ms, now_ms, max_age_ms));
        if let Some(after) = old.last().map(|entry| entry.position + 1) {
            let expired = self.leave_behind(after);
            self.stats.expired_records += expired.records;
            self.stats.expired_rows += expired.rows;
        }
    }

    /// Moves the position up to which all is done, and counts what it went past.
    pub(super) fn leave_behind(&mut self, up_to: u64) -> Count {
        let from = std::mem::replace(&mut self.acked, up_to);
        let gone = Count::of(self.segments().flat_map(|segment| segment.between(from, up_to)));
        self.stats.records -= gone.records;
        self.stats.rows -= gone.rows;
        self.stats.waiting_bytes -= gone.bytes;
        self.delete_acked();
        self.store_cursor();
        gone
    }

    /// Deletes the segments in which nothing waits, except the newest. One that cannot be deleted is tried again.
    pub(super) fn delete_acked(&mut self) {
        let acked = self.acked;
        let is_done = |segment: &Segment| segment.at_or_after(acked).is_none();
        while let Some(index) = self.closed.iter().take(self.droppable()).position(is_done) {
            let path = self.closed[index].path().to_owned();
            if let Err(error) = self.delete(&path) {
                return self.note(error);
            }
            self.closed.remove(index);
        }
    }

    pub(super) fn store_cursor(&mut self) {
        let stored = self.cursor.store(self.files.as_ref(), self.acked);
        self.cursor_is_behind = stored.is_err();
        if let Err(error) = stored {
            self.note(error);
        }
    }

    /// Nothing more is appended to the active segment.
    pub(super) fn close_active(&mut self) {
        self.closed.extend(self.active.take().map(|active| active.segment));
    }

    fn begin_segment(&mut self, stamp: Stamp) -> Result<(), SpoolError> {
        for _ in 0..NAMES_TRIED {
            match Active::create(self.files.as_ref(), &self.directory, self.next, stamp) {
                Ok(active) => {
                    self.close_active();
                    self.active = Some(active);
                    return Ok(());
                }
                // Somebody else's file, or what is left of a segment that could not be made.
                Err(error) if error.is_name_taken() => self.next += 1,
                Err(error) => return Err(error),
            }
        }
        let source = io::ErrorKind::AlreadyExists.into();
        Err(SpoolError::Open { path: self.directory.clone(), source })
    }

    /// Deletes a segment's file; one that is not there is deleted.
    fn delete(&mut self, path: &Path) -> Result<(), SpoolError> {
        // A file that is open keeps its room on the disk.
        self.reader = None;
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SpoolError::delete(path)(error)),
            _ => Ok(()),
        }
    }

    fn needs_segment(&self, record_bytes: u64) -> bool {
        let segment_bytes = self.options.segment_bytes;
        self.active.as_ref().is_none_or(|active| active.is_full(self.next, record_bytes, segment_bytes))
    }

    /// Closed segments that may be deleted.
    fn droppable(&self) -> usize {
        self.closed.len() - usize::from(self.active.is_none() && !self.closed.is_empty())
    }

    fn filling(&self, record_bytes: u64) -> Filling {
        let header = if self.needs_segment(record_bytes) { SEGMENT_HEADER_BYTES as u64 } else { 0 };
        let newest = self.segments().last();
        // One that was made in this opening and has no record yet makes no room by going.
        let is_fresh = |segment: &Segment| self.active.is_some() && segment.bytes() == SEGMENT_HEADER_BYTES as u64;
        Filling {
            bytes: self.bytes(),
            incoming: record_bytes + header,
            max_bytes: self.options.max_bytes,
            droppable: self.droppable(),
            newest_is_used: newest.is_some_and(|newest| !is_fresh(newest)),
            newest_is_done: newest.is_some_and(|newest| newest.at_or_after(self.acked).is_none()),
        }
    }
}

/// How many records, how many rows of them, how many bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) records: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Count {
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        entries.fold(Self::default(), |sum, entry| Self {
            records: sum.records + 1,
            rows: sum.rows + u64::from(entry.rows),
            bytes: sum.bytes + entry.bytes(),
        })
    }
}
