//! headwater-spool: store and forward on disk, for one writer that is faster or longer alive than its uplink.
//!
//! Records are opaque bytes. They are appended, read in order, and acknowledged up to a position; what is acknowledged
//! is deleted. A spool survives its process and continues where it was. It is bounded in bytes and, if so told, in age.
//! When it is full, either **the oldest records go**, a segment at a time, and are counted, or **the record is refused**
//! and whoever makes records stops until there is room ([`WhenFull`]).
//!
//! # What is promised
//!
//! - A record whose `append` returned is read back, in order, until it is acknowledged or dropped for want of room or for
//!   its age. That holds over the death of the process, and over a power cut once it is synced: at once, within an
//!   interval and the time between two calls of [`Spool::tend`], or when the system likes ([`SyncPolicy`]).
//! - A record is read whole or not at all: checksums cover its payload, its header and its place. One that has gone bad
//!   on disk is passed over and counted; the records around it are read. One that the disk does not give is tried again
//!   for a minute before it is taken for bad.
//! - An acknowledgement may be forgotten by a power cut, never invented: a record can be read twice, so whoever sends
//!   it gives it an identity.
//! - Positions grow and are never used twice, also not after a power cut took records that somebody had read.
//! - An append that fails leaves the spool as it was (a later opening may find what was written of it); the next one may
//!   go well. A disk that is full stops appends (after the oldest segments went, if they may), never reading and
//!   acknowledging.
//! - After an append no more than `max_bytes` are held in segments. Records are dropped for their age by a clock that
//!   does not leap when the wall clock does: while the spool is open it is the caller's monotonic clock, and the time
//!   between two openings counts by the wall clock for at most half of `max_age_ms`.
//!
//! # On disk
//!
//! ```text
//! spool/
//!   lock                       held while a process has the spool open
//!   acked                      two places, written in turn; the larger of those that are whole counts:
//!                              position of the first record that is not done u64 │ CRC-32 u32
//!   00000000000000000000.seg   records from position 0
//!   00000000000000001234.seg   records from position 1234
//!
//! segment:  "HWSPOOL" │ version '2' │ first position u64 │ clock u64 │ wall i64 │ CRC-32 u32 │ record*
//! record:   marker 4 bytes │ position u64 │ clock u64 │ wall i64 │ payload length u32 │ rows u32
//!           │ CRC-32 of the payload u32 │ CRC-32 of the segment's first position and all before u32 │ payload
//! ```
//!
//! Little-endian; times in milliseconds; the clock is the spool's own. Files of other names or formats are left alone and
//! named in [`OpenReport::alien_files`]; a segment of another version is refused.
//!
//! # How it writes, reads and deletes
//!
//! *Writes.* A segment is made durable, name and header, before a record goes into it, and takes records until it is
//! large enough. After opening, records go into a new segment whose first position is behind all that the newest one on
//! disk may have used (a segment may use 2²⁰ positions): so positions need no file of their own, and what a power cut
//! did to the end of a file cannot reach what is written later. An append that fails is cut off again; where that fails
//! too, or a sync failed, the segment is closed.
//!
//! *Reads.* At opening every segment is read and checked. What is behind its last good record is a torn tail, and cut;
//! behind damage in the middle the next good record is found by length or marker. From then on an index of 32 bytes a
//! record is in memory, and a record is checked again when it is read.
//!
//! *Deletes.* A segment goes when nothing in it waits, except the newest, on which the positions depend. Neither
//! deletions nor acknowledgements are synced: what a power cut brings back is delivered twice, or dropped again.
//!
//! Not here: what a record means, when it is sent, and any thread; the owner calls, gives the time ([`Moment`]), and a
//! call blocks on the disk.

mod clock;
mod cursor;
mod error;
mod files;
mod options;
mod record;
mod retention;
mod scan;
mod segment;
mod spool;

pub use clock::Moment;
pub use error::SpoolError;
pub use options::{OpenReport, ReadLimit, SpoolOptions, SpoolStats, SyncPolicy, WhenFull};
pub use record::Record;
pub use spool::Spool;
