//! The bytes of a `multipart/x-mixed-replace` answer, cut into its parts; pure.
//!
//! Cameras take the format (RFC 2046, section 5.1) lightly: boundaries with and without their two dashes, in quotes or
//! not, lines that end with a bare line feed, parts with a length and without. With a length the part is that long;
//! without one it ends at the next boundary.

use crate::picture::ENCODED_BYTES_MAX;

/// Bytes of a part's headers at most.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What has come and is not a whole part yet.
pub(super) struct Parts {
    /// The delimiter, two dashes and the boundary; nothing until the first one has told it.
    delimiter: Option<Vec<u8>>,
    bytes: Vec<u8>,
    /// Where the search goes on: what lies before holds no delimiter.
    searched: usize,
    head: Option<Head>,
}

#[derive(Clone, Copy)]
struct Head {
    /// Bytes of the part, where the camera says it.
    length: Option<usize>,
}

/// A part or its headers are longer than they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    /// Bytes that it has or says to have.
    pub(super) bytes: usize,
}

impl Parts {
    /// Parts behind the boundary of this content type.
    pub(super) fn of(content_type: &str) -> Self {
        Self { delimiter: boundary(content_type), bytes: Vec::new(), searched: 0, head: None }
    }

    /// Takes the bytes that came next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole part; nothing until more bytes have come.
    ///
    /// # Errors
    /// [`TooLong`]; nothing that follows can be told apart then.
    pub(super) fn next_part(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let Some(head) = self.head else {
                if !self.read_head()? {
                    return Ok(None);
                }
                continue;
            };
            let Some(part) = self.read_body(head)? else { return Ok(None) };
            self.head = None;
            // Some cameras put an empty part between two pictures.
            if !part.is_empty() {
                return Ok(Some(part));
            }
        }
    }

    /// Reads on to the end of a part's headers; says whether they are there.
    fn read_head(&mut self) -> Result<bool, TooLong> {
        if self.delimiter.is_none() {
            self.delimiter = first_delimiter(&self.bytes);
        }
        let start = self.delimiter.as_deref().and_then(|delimiter| found(&self.bytes, delimiter, 0));
        let end = start.and_then(|start| end_of_head(&self.bytes[start..]).map(|length| start + length));
        let Some((start, end)) = start.zip(end) else {
            return if self.bytes.len() > HEAD_BYTES_MAX {
                Err(TooLong { bytes: self.bytes.len() })
            } else {
                Ok(false)
            };
        };
        let length = content_length(&self.bytes[start..end]);
        if let Some(bytes) = length.filter(|&length| length > ENCODED_BYTES_MAX) {
            return Err(TooLong { bytes });
        }
        self.bytes.drain(..end);
        self.searched = 0;
        self.head = Some(Head { length });
        Ok(true)
    }

    fn read_body(&mut self, head: Head) -> Result<Option<Vec<u8>>, TooLong> {
        if let Some(length) = head.length {
            let is_whole = self.bytes.len() >= length;
            return Ok(is_whole.then(|| self.bytes.drain(..length).collect()));
        }
        let Some(delimiter) = self.delimiter.as_deref() else { return Ok(None) };
        let Some(end) = found(&self.bytes, delimiter, self.searched) else {
            if self.bytes.len() > ENCODED_BYTES_MAX {
                return Err(TooLong { bytes: self.bytes.len() });
            }
            // The delimiter may be cut by the end of what has come.
            self.searched = self.bytes.len().saturating_sub(delimiter.len());
            return Ok(None);
        };
        let part = self.bytes[..end].to_vec();
        self.bytes.drain(..end);
        self.searched = 0;
        Ok(Some(without_line_end(part)))
    }
}

/// The delimiter of a content type's `boundary`, with its two dashes where the camera left them out.
fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"').trim_start_matches('-');
    (!value.is_empty()).then(|| format!("--{value}").into_bytes())
}

/// The first line that begins with two dashes, for a camera that tells no boundary.
fn first_delimiter(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = found(bytes, b"--", 0)?;
    let length = bytes[start..].iter().position(|&byte| byte == b'\r' || byte == b'\n')?;
    Some(bytes[start..start + length].to_vec())
}

/// Where the headers end: behind the first empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let ends = [(&b"\r\n\r\n"[..], 4), (&b"\n\n"[..], 2)];
    ends.iter().filter_map(|(mark, length)| found(bytes, mark, 0).map(|at| at + length)).min()
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(head);
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

fn found(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len().max(1)).position(|window| window == wanted).map(|at| from + at)
}

fn without_line_end(mut part: Vec<u8>) -> Vec<u8> {
    for end in [b'\n', b'\r'] {
        if part.last() == Some(&end) {
            part.pop();
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(content_type: &str, bytes: &[u8], step: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut parts = Parts::of(content_type);
        let mut whole = Vec::new();
        for piece in bytes.chunks(step.max(1)) {
            parts.push(piece);
            while let Some(part) = parts.next_part()? {
                whole.push(part);
            }
        }
        Ok(whole)
    }

    #[test]
    fn the_ways_of_cameras_are_all_read() {
        let lengths = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\n\r\nabc\r\n--b\r\ncontent-length:2\r\n\r\nde\r\n--b\r\n";
        let bare = b"--b\nContent-Type: image/jpeg\n\nabc\n--b\n\nde\n--b\n";
        let none = b"\r\n--b\r\nContent-Type: image/jpeg\r\n\r\nabc\r\n--b\r\nX: 1\r\n\r\nde\r\n--b--\r\n";
        let types = [
            "multipart/x-mixed-replace;boundary=b",
            "multipart/x-mixed-replace; charset=x; Boundary=\"b\"",
            "multipart/x-mixed-replace; boundary=--b",
            "multipart/x-mixed-replace",
        ];
        for content_type in types {
            for bytes in [&lengths[..], bare, none] {
                for step in [1, 2, 7, 1000] {
                    assert_eq!(parts(content_type, bytes, step).unwrap(), [b"abc".to_vec(), b"de".to_vec()]);
                }
            }
        }
    }

    #[test]
    fn a_picture_that_holds_the_boundary_is_whole_where_its_length_is_said() {
        let bytes = b"--b\r\nContent-Length: 9\r\n\r\nx--b\r\n\r\ny\r\n--b\r\n";
        assert_eq!(parts("m/x; boundary=b", bytes, 4).unwrap(), [b"x--b\r\n\r\ny".to_vec()]);
    }

    #[test]
    fn what_has_no_end_is_too_long() {
        let endless = vec![b'x'; HEAD_BYTES_MAX + 2];
        assert_eq!(parts("m/x; boundary=b", &endless, 1000), Err(TooLong { bytes: HEAD_BYTES_MAX + 2 }));
        let claims = b"--b\r\nContent-Length: 99999999999\r\n\r\n";
        assert_eq!(parts("m/x; boundary=b", claims, 1000), Err(TooLong { bytes: 99_999_999_999 }));
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_in_pieces_of_any_size_never_panic(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'-'), Just(b'b'), Just(b'\n'), Just(b'\r')], 0..400),
            step in 1_usize..40,
        ) {
            let _ = parts("m/x; boundary=b", &bytes, step);
        }

        #[test]
        fn parts_come_out_as_they_went_in(
            pictures in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 1..8),
            step in 1_usize..300,
        ) {
            let mut bytes = Vec::new();
            for picture in &pictures {
                bytes.extend(format!("--frame\r\nContent-Length: {}\r\n\r\n", picture.len()).bytes());
                bytes.extend(picture);
                bytes.extend(b"\r\n");
            }
            prop_assert_eq!(parts("m/x; boundary=frame", &bytes, step).unwrap(), pictures);
        }
    }
}
