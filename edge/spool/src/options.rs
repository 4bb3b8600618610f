//! What an owner may choose, and what is said back in numbers. Plain data.

use std::path::PathBuf;

/// How large a spool may grow, how old its records, and how careful it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes of all segments together.
    pub max_bytes: u64,
    /// Bytes at which a segment is closed and another begun: the unit that is dropped for room, and deleted. A segment
    /// is read whole when the spool is opened.
    pub segment_bytes: u64,
    /// Records older than this are dropped, milliseconds; nothing is ever too old where it is not set. What age means
    /// when clocks leap is told in [`Moment`](crate::Moment)'s module and at the head of the crate.
    pub max_age_ms: Option<u64>,
    /// What happens to a record for which there is no room.
    pub when_full: WhenFull,
    /// When the disk's cache is flushed.
    pub sync: SyncPolicy,
}

impl SpoolOptions {
    /// A spool of this size in sixteen segments (of at most 8 MiB), without a bound of age, that drops the oldest and
    /// is flushed at every append.
    pub fn bounded(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            segment_bytes: (max_bytes / 16).clamp(1, 8 << 20),
            max_age_ms: None,
            when_full: WhenFull::DropOldest,
            sync: SyncPolicy::EveryMessage,
        }
    }
}

/// What happens to a record for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest segment goes for it, and its records are counted: for a camera the newest is worth most.
    #[default]
    DropOldest,
    /// It is refused with [`SpoolError::Full`](crate::SpoolError::Full); whoever makes records stops until there is room.
    Refuse,
}

/// When the disk's cache is flushed: how much a power cut may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// At every append: a power cut takes nothing whose append returned.
    #[default]
    EveryMessage,
    /// By [`Spool::tend`](crate::Spool::tend), when this long has passed since the last time: a power cut takes at most
    /// what was appended within it and the time between two calls of `tend`.
    Interval {
        /// Milliseconds.
        ms: u64,
    },
    /// When the system does it by itself. A power cut may take all that waits. New files are flushed even so, once a
    /// segment, because positions depend on them.
    Never,
}

/// What was found at opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records that wait.
    pub records: u64,
    /// Rows that wait.
    pub rows: u64,
    /// Bytes that were cut off the ends of segments because they are torn: what a power cut left of unsynced appends.
    pub cut_bytes: u64,
    /// Records between good ones that have gone bad on disk; they are passed over.
    pub damaged_records: u64,
    /// Files in the directory that are none of the spool's. They are left alone.
    pub alien_files: Vec<PathBuf>,
}

/// The state of a spool in numbers. What is counted is counted since opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Records that wait to be acknowledged.
    pub records: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of all segments, acknowledged records in them too: what is held against the bound.
    pub bytes: u64,
    /// Bytes of the records that wait.
    pub waiting_bytes: u64,
    /// Age of the oldest record that waits, milliseconds of the spool's own clock.
    pub oldest_age_ms: Option<u64>,
    /// Records that were appended.
    pub appended_records: u64,
    /// Records that were acknowledged.
    pub acked_records: u64,
    /// Records that were dropped unacknowledged to make room.
    pub dropped_records: u64,
    /// Rows of them.
    pub dropped_rows: u64,
    /// Records that were dropped unacknowledged because they were too old.
    pub expired_records: u64,
    /// Rows of them.
    pub expired_rows: u64,
    /// Appends that were refused because the spool was full.
    pub refused_records: u64,
    /// Bytes that were cut off at opening because they were torn.
    pub cut_bytes: u64,
    /// Records that had gone bad on disk and were passed over, at opening or when they were read.
    pub damaged_records: u64,
    /// Flushes of the disk's cache that were asked for, new files not counted.
    pub syncs: u64,
    /// Flushes that failed: what they were for is in the spool, but a power cut may take it.
    pub failed_syncs: u64,
}

/// How much one read may give back; it gives at least one record where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// At most this many records.
    pub records: usize,
    /// No further record once the payloads have this many bytes.
    pub bytes: usize,
}
