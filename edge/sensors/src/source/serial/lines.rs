//! From bytes as they come to lines. Pure, and bounded: a device that never ends a line takes no more than one.

/// Bytes of the longest line.
pub(crate) const LINE_BYTES_MAX: usize = 4096;

/// Bytes of a line that has not ended.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    open: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// What comes may be the end of a line whose beginning nobody saw: half a number is another number.
    #[default]
    Midway,
    /// The line's beginning was seen.
    InLine,
    /// The line was too long, its rest is thrown away.
    TooLong,
}

/// A line that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its end, never empty.
    Whole(Vec<u8>),
    /// Thrown away.
    TooLong,
}

impl Lines {
    /// The lines that end within these bytes. A line ends with a line feed, a carriage return, or both; empty ones are
    /// left out.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                lines.extend(self.end());
            } else if self.state == State::InLine {
                self.open.push(byte);
                if self.open.len() > LINE_BYTES_MAX {
                    self.open.clear();
                    self.state = State::TooLong;
                }
            }
        }
        lines
    }

    fn end(&mut self) -> Option<Line> {
        let line = std::mem::take(&mut self.open);
        match std::mem::replace(&mut self.state, State::InLine) {
            State::InLine => (!line.is_empty()).then_some(Line::Whole(line)),
            State::Midway => None,
            State::TooLong => Some(Line::TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn the_first_line_may_be_half_of_one_and_is_thrown_away() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b".5\r\n22.5\r\n\n23"), [whole("22.5")]);
        assert_eq!(lines.push(b".5\r"), [whole("23.5")]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_room_than_one() {
        let mut lines = Lines::default();
        lines.push(b"\n");
        for _ in 0..100 {
            assert!(lines.push(&[b'x'; 1000]).is_empty());
            assert!(lines.open.len() <= LINE_BYTES_MAX);
        }
        assert_eq!(lines.push(b"y\n7\n"), [Line::TooLong, whole("7")]);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(
            text in "[0-9a-c\r\n]{0,60}",
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let expected: Vec<Line> = text.split(['\r', '\n']).rev().skip(1).collect::<Vec<_>>()
                .into_iter().rev().skip(1).filter(|line| !line.is_empty()).map(whole).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut lines = Lines::default();
            let found: Vec<Line> =
                cuts.windows(2).flat_map(|cut| lines.push(&text.as_bytes()[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
