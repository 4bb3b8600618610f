//! What the tree must look like, rule by rule: openings, sizes, names, left-overs, import arrows, queries, links.
//!
//! Every rule is a pure function from texts to [`Finding`]s, so each is tested on small made-up inputs; only
//! [`tree`] reads files. The rules look at text, not at types: what the compiler or clippy can say is left to them.

pub mod allow;
pub mod arrows;
pub mod leftovers;
pub mod links;
pub mod names;
pub mod openings;
pub mod rust_text;
pub mod sizes;
pub mod tree;

use std::fmt;

/// One tracked text file: its path from the root of the repository, with `/`, and what it says.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub path: String,
    pub text: String,
}

impl TextFile {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code: `tests.rs`, anything below a folder `tests` or `benches`.
    pub fn is_test_code(&self) -> bool {
        self.name() == "tests.rs" || self.path.split('/').rev().skip(1).any(|part| part == "tests" || part == "benches")
    }
}

/// One broken rule at one place; its `Display` is `path:line: rule: what is wrong`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    pub rule: &'static str,
    /// What the allow list names the finding by: a function, a dependency; empty where the path says it all.
    pub symbol: String,
    pub message: String,
}

impl Finding {
    pub fn new(file: &TextFile, line: usize, rule: &'static str, symbol: &str, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, rule, symbol: symbol.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}

/// Every rule over the whole tree, less what `allow_list` excuses, in the order of the paths.
pub fn check(files: &[TextFile], allow_list: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(openings::check(file));
        findings.extend(sizes::check(file));
        findings.extend(names::check(file));
        findings.extend(leftovers::check(file));
        findings.extend(arrows::check(file));
    }
    findings.extend(links::check(files));
    let mut findings = allow::excuse(findings, allow_list);
    findings.sort();
    findings
}
