//! headwater-spool: store and forward on disk, for one writer that is faster or longer alive than its uplink.
//!
//! Records are opaque bytes. They are appended, read in order, and acknowledged up to a position; what is acknowledged
//! is deleted. A spool survives its process and continues where it was. It is bounded in bytes, and when it is full
//! **the oldest records go first**, a segment at a time, and are counted: for a camera the newest is worth most.
//!
//! # What is promised
//!
//! - A record whose `append` returned is read back, in order, until it is acknowledged or dropped for want of room. With
//!   [`SpoolOptions::sync`] this holds over a power cut, without it over the death of the process.
//! - A record is read whole or not at all: each carries a checksum that covers its position too.
//! - An acknowledgement may be forgotten by a power cut, never invented: a record can be read twice, so whoever sends
//!   it gives it an identity.
//! - Positions grow and are never used twice, also not after a torn tail was cut.
//!
//! # On disk
//!
//! ```text
//! spool/
//!   lock                       held while a process has the spool open
//!   acked                      position of the first record not acknowledged (8 bytes LE), CRC-32 of it (4)
//!   00000000000000000000.seg   records from position 0
//!   00000000000000001234.seg   records from position 1234; the last one is appended to
//!
//! segment:  "HWSPOOL1"  record*
//! record:   payload length u32 LE │ rows u32 LE │ CRC-32 u32 LE of position, length, rows, payload │ payload
//! ```
//!
//! A segment is deleted when all of it is acknowledged. At open every record is checked; at the first one that is torn
//! or wrong its segment is cut, because nothing after it can be found, and the cut bytes are reported.
//!
//! Not here: what a record means, when it is sent, and any thread; the owner calls, and a call blocks on the disk.

mod cursor;
mod error;
mod record;
mod retention;
mod segment;
mod spool;

pub use error::SpoolError;
pub use record::Record;
pub use spool::{OpenReport, ReadLimit, Spool, SpoolOptions, SpoolStats};
