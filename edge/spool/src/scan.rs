//! Finds the records in the bytes of a segment, past damage too. Pure: bytes in, an index out.
//!
//! After a bad record the next good one is looked for: behind the payload where the header is good, by its marker where
//! it is not. What is behind the last good record is a torn tail. A record found so has a later position than the one
//! before, so damage can cost records but never turn their order.

use crate::clock::Stamp;
use crate::record::{HEADER_BYTES, Header, MARKER};

/// Positions that a segment may use, from its first on. A spool that was not closed well goes on behind all that its
/// newest segment may have used.
pub(crate) const POSITIONS_MAX: u64 = 1 << 20;

/// Where a record lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) position: u64,
    /// Of its first byte in the file.
    pub(crate) offset: u64,
    /// Time of the spool when it was appended.
    pub(crate) clock_ms: u64,
    /// Bytes of the payload.
    pub(crate) length: u32,
    pub(crate) rows: u32,
}

impl Entry {
    /// Bytes of header and payload.
    pub(crate) fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.length)
    }
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) entries: Vec<Entry>,
    /// The byte after the last good record.
    pub(crate) end: u64,
    /// Bad records before the last good one.
    pub(crate) damaged: u64,
    /// The stamp of the last good record.
    pub(crate) last: Option<Stamp>,
}

/// Finds the records of the segment that begins at position `first`; its records begin at byte `start`.
pub(crate) fn scan(first: u64, bytes: &[u8], start: usize) -> Scan {
    let mut found = Scan { end: start as u64, ..Scan::default() };
    let mut offset = start;
    let mut is_damaged = false;
    while offset < bytes.len() {
        let least = found.entries.last().map_or(first, |last| last.position + 1);
        let header = Header::parse(first, &bytes[offset..])
            .filter(|header| (least..first.saturating_add(POSITIONS_MAX)).contains(&header.position));
        match header {
            Some(header) if header.payload_in(&bytes[offset..]).is_some() => {
                // A failed append leaves a gap in the positions too; only behind damage is it a record that was there.
                found.damaged += if is_damaged { (header.position - least).max(1) } else { 0 };
                is_damaged = false;
                let Header { position, stamp, length, rows, .. } = header;
                let entry = Entry { position, offset: offset as u64, clock_ms: stamp.clock_ms, length, rows };
                offset += HEADER_BYTES + length as usize;
                found.entries.push(entry);
                found.end = offset as u64;
                found.last = Some(stamp);
            }
            Some(header) if offset + HEADER_BYTES + header.length as usize <= bytes.len() => {
                is_damaged = true;
                offset += HEADER_BYTES + header.length as usize;
            }
            _ => {
                is_damaged = true;
                offset += 1 + next_marker(&bytes[offset + 1..]);
            }
        }
    }
    found
}

/// Bytes before the next marker, or before the end.
fn next_marker(bytes: &[u8]) -> usize {
    bytes.windows(MARKER.len()).position(|window| window == MARKER).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = 30;

    fn push(bytes: &mut Vec<u8>, position: u64, payload: &[u8]) {
        let header = Header {
            position,
            stamp: Stamp { clock_ms: position * 10, wall_ms: 1 },
            length: payload.len() as u32,
            rows: 1,
            payload_checksum: crc32fast::hash(payload),
        };
        bytes.extend_from_slice(&header.to_bytes(FIRST));
        bytes.extend_from_slice(payload);
    }

    fn segment() -> Vec<u8> {
        let mut bytes = vec![0; 3];
        (0..5).for_each(|number| push(&mut bytes, FIRST + number, &[number as u8; 20]));
        bytes
    }

    fn positions(bytes: &[u8]) -> Vec<u64> {
        scan(FIRST, bytes, 3).entries.iter().map(|entry| entry.position - FIRST).collect()
    }

    #[test]
    fn whole_records_are_found_up_to_a_torn_tail() {
        let bytes = segment();
        for length in 3..=bytes.len() {
            let found = scan(FIRST, &bytes[..length], 3);
            let whole = (length - 3) / (HEADER_BYTES + 20);
            assert_eq!(found.entries.len(), whole, "length {length}");
            assert_eq!(found.end as usize, 3 + whole * (HEADER_BYTES + 20));
            assert_eq!(found.damaged, 0);
        }
        assert_eq!(scan(FIRST, &bytes, 3).last, Some(Stamp { clock_ms: 340, wall_ms: 1 }));
    }

    #[test]
    fn a_flipped_bit_costs_one_record() {
        let bytes = segment();
        for bit in 3 * 8..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let hit = (bit / 8 - 3) / (HEADER_BYTES + 20);
            let left: Vec<u64> = (0..5).filter(|&number| number != hit as u64).collect();
            let found = scan(FIRST, &wrong, 3);
            assert_eq!(positions(&wrong), left, "bit {bit}");
            assert_eq!(found.damaged, u64::from(hit < 4), "bit {bit}: the last record is a torn tail");
        }
    }

    #[test]
    fn a_hole_of_zeros_costs_what_lay_in_it() {
        let mut bytes = segment();
        bytes[3 + 10..3 + 2 * (HEADER_BYTES + 20) + 5].fill(0);
        assert_eq!(positions(&bytes), [3, 4]);
        assert_eq!(scan(FIRST, &bytes, 3).damaged, 3);
    }

    #[test]
    fn records_out_of_order_or_range_are_none() {
        let mut bytes = vec![0; 3];
        push(&mut bytes, FIRST + 4, b"a");
        push(&mut bytes, FIRST + 4, b"again");
        push(&mut bytes, FIRST + 2, b"before");
        push(&mut bytes, FIRST - 1, b"before all");
        push(&mut bytes, FIRST + POSITIONS_MAX, b"behind all");
        push(&mut bytes, FIRST + 9, b"b");
        assert_eq!(positions(&bytes), [4, 9]);
    }

    #[test]
    fn a_record_inside_a_payload_is_not_taken_for_one() {
        let mut inner = Vec::new();
        push(&mut inner, FIRST + 3, b"inner");
        let mut bytes = vec![0; 3];
        push(&mut bytes, FIRST, &inner);
        push(&mut bytes, FIRST + 1, b"outer");
        assert_eq!(positions(&bytes), [0, 1]);
        bytes[3 + HEADER_BYTES + inner.len() - 1] ^= 1;
        assert_eq!(positions(&bytes), [1], "also where the payload is damaged");
    }
}
