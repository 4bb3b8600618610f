//! Amounts of memory as people write them: `512MiB`, `2 GB`, `1073741824`.

use std::fmt;
use std::str::FromStr;

/// So many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

/// A text that is no amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size; write 512MiB, 2GB or a number of bytes")]
pub struct ByteSizeError(String);

/// The units and how many bytes they are, the largest binary one first.
const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ByteSizeError(text.to_owned());
        let digits = text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(text.trim().len());
        let (number, unit) = text.trim().split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(wrong)?;
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit.1)).ok_or_else(wrong)?;
        usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).map(ByteSize).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest binary unit of which there is one, with a digit behind the point where it does not come out even.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as u64;
        match UNITS[..4].iter().find(|(_, size)| bytes >= *size) {
            Some((name, size)) if bytes.is_multiple_of(*size) => write!(f, "{}{name}", bytes / size),
            Some((name, size)) => write!(f, "{:.1}{name}", bytes as f64 / *size as f64),
            None => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, bytes) in
            [("512MiB", 512 << 20), ("2 gb", 2_000_000_000), (" 7 ", 7), ("1KB", 1_000), ("3TiB", 3 << 40), ("9B", 9)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "much", "-1", "1.5GiB", "0", "0MiB", "12 apples", "99999999999999999999", "20000000TiB", "GiB"]
        {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_unit() {
        let shown = [1 << 30, 3 << 19, 999].map(|bytes| ByteSize(bytes).to_string());
        assert_eq!(shown, ["1GiB", "1.5MiB", "999B"]);
    }
}
