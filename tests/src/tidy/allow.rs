//! The few exceptions, each with its reason: `rule path symbol because …`, one a line (`-` for no symbol).
//!
//! An entry that excuses nothing is itself a finding, so the list only shrinks.

use super::{Finding, TextFile};

/// Takes out the findings that the list names; adds one for each entry that is malformed or names none.
pub fn excuse(findings: Vec<Finding>, list: &TextFile) -> Vec<Finding> {
    let mut left = findings;
    let mut complaints = Vec::new();
    for (index, line) in list.text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(rule), Some(path), Some(symbol), Some("because"), Some(_)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            complaints.push(Finding::new(list, index + 1, "allow", "", "not of the form `rule path symbol because …`"));
            continue;
        };
        let symbol = if symbol == "-" { "" } else { symbol };
        let before = left.len();
        left.retain(|finding| !(finding.rule == rule && finding.path == path && finding.symbol == symbol));
        if left.len() == before {
            complaints.push(Finding::new(list, index + 1, "allow", "", "excuses nothing: remove it"));
        }
    }
    left.extend(complaints);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(list: &str) -> Vec<String> {
        let file = TextFile::new("a.rs", "");
        let findings = vec![
            Finding::new(&file, 1, "file-size", "", "900 lines"),
            Finding::new(&file, 7, "function-size", "long", "90 lines"),
        ];
        excuse(findings, &TextFile::new("allow", list)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn exceptions_need_a_reason_and_a_use() {
        assert_eq!(rest("# none\n").len(), 2);
        assert_eq!(rest("function-size a.rs long because it is a table\n"), ["a.rs:1: file-size: 900 lines"]);
        assert_eq!(rest("file-size a.rs - because generated\nfunction-size a.rs long because a table").len(), 0);
        assert_eq!(rest("function-size a.rs other because gone\n").len(), 3);
        assert!(
            rest("function-size a.rs long\n")
                .iter()
                .any(|finding| finding.starts_with("allow:1: allow: not of the form"))
        );
    }
}
