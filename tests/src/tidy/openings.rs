//! A file opens by saying what it is for: `//!` in Rust, a comment in SQL.

use super::{Finding, TextFile};

pub fn check(file: &TextFile) -> Option<Finding> {
    if file.is_rust() {
        return rust(file);
    }
    if file.path.starts_with("queries/") && file.path.ends_with(".sql") {
        return query(file);
    }
    None
}

fn rust(file: &TextFile) -> Option<Finding> {
    let opening = file.text.lines().next().unwrap_or_default();
    let said = opening.strip_prefix("//!").map(str::trim).unwrap_or_default();
    said.is_empty().then(|| {
        Finding::new(
            file,
            1,
            "opening",
            "",
            "the first line is no `//!` that says what the file is for and what it is not",
        )
    })
}

/// A query answers a question, and says which in its first comment, in at least a few words.
fn query(file: &TextFile) -> Option<Finding> {
    let opening = file.text.lines().next().unwrap_or_default();
    let words = opening.strip_prefix("--").map_or(0, |comment| comment.split_whitespace().count());
    (words < 3).then(|| {
        Finding::new(file, 1, "opening", "", "the first line is no `--` comment that says what the query answers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> bool {
        check(&TextFile::new(path, text)).is_some()
    }

    #[test]
    fn rust_files_open_with_their_purpose() {
        assert!(!broken("a/b.rs", "//! What it is for.\nfn a() {}\n"));
        assert!(broken("a/b.rs", "use x;\n//! too late\n"));
        assert!(broken("a/b.rs", "\n//! a line late\n"));
        assert!(broken("a/b.rs", "//!\n"));
        assert!(broken("a/b.rs", ""));
        assert!(broken("a/b.rs", "// an ordinary comment\n"));
    }

    #[test]
    fn queries_open_with_what_they_answer() {
        assert!(!broken("queries/a.sql", "-- How many people are there?\nSELECT 1;"));
        assert!(broken("queries/a.sql", "SELECT 1; -- how many people"));
        assert!(broken("queries/a.sql", "-- a.sql\nSELECT 1;"));
        assert!(!broken("engine/sql/tests/a.sql", "SELECT 1;"));
    }
}
