//! Files that are wrong: what is said, where, and what to write instead.

use headwater_sql::{PlanSettings, plan};

use crate::fake::Fake;
use crate::{assert_beside, query_files};

/// What only a developer of DataFusion or of the engine would understand.
const INTERNAL: [&str; 12] = [
    "Schema error",
    "_event_time",
    "DataFusion",
    "caused by",
    "Error during planning",
    "Internal error",
    "Utf8",
    "Int64",
    "Timestamp(",
    "sqlparser",
    "not implemented",
    "Backtrace",
];

#[test]
fn every_error_is_shown_as_it_was() {
    let files = query_files("errors");
    assert!(files.len() >= 100, "{} files", files.len());
    let (mut unclear, mut right) = (String::new(), Vec::new());
    for (name, text) in files {
        let Err(error) = plan(&text, &Fake, &PlanSettings { parallelism: 1 }) else {
            right.push(name);
            continue;
        };
        let shown = error.render(&format!("{name}.sql"), &text);
        if error.span.is_none() || name != "reserved_column" && INTERNAL.iter().any(|internal| shown.contains(internal))
        {
            unclear.push_str(&shown);
        }
        assert_beside("errors", &name, &shown);
    }
    assert_eq!(right, Vec::<String>::new(), "nothing is wrong with these");
    assert_eq!(unclear, "");
}
