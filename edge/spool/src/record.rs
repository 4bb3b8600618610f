//! A record as bytes: pure functions that write one and that recognise one. No file here.

use bytes::Bytes;

/// Bytes before the payload: length, rows, checksum.
pub(crate) const HEADER_BYTES: usize = 12;

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

/// The header of a record whose length is known to fit.
pub(crate) fn header_of(position: u64, rows: u32, payload: &[u8]) -> Option<[u8; HEADER_BYTES]> {
    let length = u32::try_from(payload.len()).ok()?;
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&rows.to_le_bytes());
    header[8..].copy_from_slice(&checksum(position, rows, payload).to_le_bytes());
    Some(header)
}

/// Reads the record at the start of `bytes`, and how many bytes it takes; nothing when it is torn or wrong.
pub(crate) fn parse(position: u64, bytes: &[u8]) -> Option<(u32, &[u8], usize)> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let payload = rest.get(..word(0) as usize)?;
    let rows = word(4);
    (word(8) == checksum(position, rows, payload)).then_some((rows, payload, HEADER_BYTES + payload.len()))
}

/// Covers the position, so that a record copied to another place is not taken for one of there.
fn checksum(position: u64, rows: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&position.to_le_bytes());
    hasher.update(&(payload.len() as u64).to_le_bytes());
    hasher.update(&rows.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_recognised_whole_and_only_whole() {
        let mut bytes = header_of(7, 3, b"payload").unwrap().to_vec();
        bytes.extend_from_slice(b"payload");
        let length = bytes.len();
        bytes.extend_from_slice(b"next");
        assert_eq!(parse(7, &bytes), Some((3, b"payload".as_slice(), length)));
        assert_eq!(parse(8, &bytes), None, "another position");
        for cut in 0..length {
            assert_eq!(parse(7, &bytes[..cut]), None, "cut at {cut}");
        }
        for flipped in 0..length {
            let mut wrong = bytes.clone();
            wrong[flipped] ^= 1;
            assert_eq!(parse(7, &wrong), None, "bit flipped in byte {flipped}");
        }
    }

    #[test]
    fn zeros_are_no_record() {
        for position in 0..1000 {
            assert_eq!(parse(position, &[0; 64]), None);
        }
    }
}
