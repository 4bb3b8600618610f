//! Nothing half done stays in the tree: debugging macros, stubs, notes to oneself, merge marks.

use super::rust_text::{self, identifier_offsets, line_of};
use super::{Finding, TextFile};

/// Macros that stand for code which is not there, or not meant to stay.
const MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];
/// Notes that a comment must not carry: what is not built is not mentioned.
const NOTES: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

pub fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = merge_marks(file);
    if !file.is_rust() {
        return findings;
    }
    let split = rust_text::split(&file.text);
    for name in MACROS {
        for offset in identifier_offsets(&split.code, name) {
            if split.code[offset + name.len()..].starts_with('!') {
                findings.push(Finding::new(
                    file,
                    line_of(&split.code, offset),
                    "leftover",
                    name,
                    format!("`{name}!` is left over"),
                ));
            }
        }
    }
    for note in NOTES {
        for offset in identifier_offsets(&split.comments, note) {
            findings.push(Finding::new(
                file,
                line_of(&split.comments, offset),
                "leftover",
                note,
                format!("a comment says {note}"),
            ));
        }
    }
    findings
}

fn merge_marks(file: &TextFile) -> Vec<Finding> {
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> "))
        .map(|(index, _)| Finding::new(file, index + 1, "leftover", "merge", "a merge conflict is left over"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&TextFile::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn macros_and_notes_are_found_where_they_stand() {
        assert_eq!(lines("a.rs", "//! a\nfn a() { dbg!(1); }\n"), [2]);
        assert_eq!(lines("a.rs", "fn a() {\n    todo!()\n}\nfn b() { unimplemented!() }"), [2, 4]);
        assert_eq!(lines("a.rs", "// TODO later\n/* FIXME */"), [1, 2]);
        assert_eq!(lines("a.md", "a\n<<<<<<< ours\nb\n>>>>>>> theirs\n"), [2, 4]);
    }

    #[test]
    fn strings_and_longer_words_are_left_alone() {
        assert_eq!(
            lines("a.rs", "const A: &str = \"todo!() TODO\"; // todo_list and AUTODOC, 0xXXXX\nfn todo() {}"),
            [] as [usize; 0]
        );
        assert_eq!(lines("a.md", "TODO"), [] as [usize; 0]);
    }
}
