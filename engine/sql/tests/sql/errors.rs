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
    assert!(files.len() >= 40, "{} files", files.len());
    for (name, text) in files {
        let Err(error) = plan(&text, &Fake, &PlanSettings { parallelism: 1 }) else { panic!("{name} plans") };
        let shown = error.render(&format!("{name}.sql"), &text);
        for internal in INTERNAL {
            assert!(!shown.contains(internal), "{name} speaks of {internal}:\n{shown}");
        }
        assert!(error.span.is_some(), "{name} has no place:\n{shown}");
        assert_beside("errors", &name, &shown);
    }
}
