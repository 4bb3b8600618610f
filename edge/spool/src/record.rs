//! A record as bytes: pure functions that write one and that recognise one. No file here.
//!
//! ```text
//! record:  marker F5 'H' 'W' A7 │ position u64 │ clock u64 │ wall i64 │ payload length u32 │ rows u32
//!          │ CRC-32 of the payload u32 │ CRC-32 of all before u32 │ payload
//! ```
//!
//! All numbers are little-endian; times are milliseconds. The second checksum begins with the segment's first position,
//! so that a record copied from another file is not taken for one of this. It makes a header good or bad by itself: where
//! only a payload is damaged, the length is still right and the next record is found behind it; where a header is
//! damaged, the next one is found by its marker.

use bytes::Bytes;

use crate::clock::Stamp;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 44;
/// Begins every record. The first byte occurs in no UTF-8 text.
pub(crate) const MARKER: [u8; 4] = [0xF5, b'H', b'W', 0xA7];

/// Where the checksum over the header lies: behind all that it covers.
const COVERED_BYTES: usize = HEADER_BYTES - 4;

/// One record, read back whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order; acknowledge with the position after it.
    pub position: u64,
    /// What the writer said it counts for.
    pub rows: u32,
    /// The bytes as they were appended.
    pub payload: Bytes,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) position: u64,
    pub(crate) stamp: Stamp,
    /// Bytes of the payload.
    pub(crate) length: u32,
    pub(crate) rows: u32,
    pub(crate) payload_checksum: u32,
}

impl Header {
    /// As bytes, for the segment that begins at position `first`.
    pub(crate) fn to_bytes(self, first: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MARKER);
        bytes[4..12].copy_from_slice(&self.position.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.stamp.clock_ms.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.stamp.wall_ms.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.rows.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let checksum = checksum(first, &bytes[..COVERED_BYTES]);
        bytes[COVERED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`; nothing when it is torn, wrong, or of another segment.
    pub(crate) fn parse(first: u64, bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let covered = &header[..COVERED_BYTES];
        if header[..4] != MARKER || word(header, COVERED_BYTES) != checksum(first, covered) {
            return None;
        }
        Some(Self {
            position: long(header, 4),
            stamp: Stamp { clock_ms: long(header, 12), wall_ms: long(header, 20).cast_signed() },
            length: word(header, 28),
            rows: word(header, 32),
            payload_checksum: word(header, 36),
        })
    }

    /// The payload behind the header at the start of `bytes`; nothing when it is torn or wrong.
    pub(crate) fn payload_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let payload = bytes.get(HEADER_BYTES..)?.get(..self.length as usize)?;
        (crc32fast::hash(payload) == self.payload_checksum).then_some(payload)
    }
}

/// Covers the segment too: see the head of this file.
pub(crate) fn checksum(first: u64, covered: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&first.to_le_bytes());
    hasher.update(covered);
    hasher.finalize()
}

/// The number at an offset. The bytes are of a header, and every offset in this crate lies in it.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            position: 7,
            stamp: Stamp { clock_ms: 1 << 40, wall_ms: -5 },
            length: 7,
            rows: 3,
            payload_checksum: crc32fast::hash(b"payload"),
        }
    }

    fn found(first: u64, bytes: &[u8]) -> Option<(Header, &[u8])> {
        let header = Header::parse(first, bytes)?;
        Some((header, header.payload_in(bytes)?))
    }

    #[test]
    fn a_record_is_recognised_whole_and_only_whole() {
        let mut bytes = header().to_bytes(5).to_vec();
        bytes.extend_from_slice(b"payload");
        let length = bytes.len();
        bytes.extend_from_slice(b"next");
        assert_eq!(found(5, &bytes), Some((header(), b"payload".as_slice())));
        assert_eq!(found(6, &bytes), None, "another segment");
        for cut in 0..length {
            assert_eq!(found(5, &bytes[..cut]), None, "cut at {cut}");
        }
        for bit in 0..length * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(found(5, &wrong), None, "bit {bit} flipped");
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(Header::parse(0, &[0; 64]), None);
    }
}
