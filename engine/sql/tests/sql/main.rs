//! Query files in, plans and errors out, over connectors that open nothing.
//!
//! `plans/*.sql` are files that plan, `errors/*.sql` files that do not; beside each stands what is said of it. After a
//! change that is meant to show there, run with `INSTA_UPDATE=always` and read the difference.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod errors;
mod fake;
mod fuzz;
mod plans;
mod script;

use std::path::{Path, PathBuf};

/// The query files of a folder beside this file, by name.
fn query_files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// Compares a text with the one that stands beside the query file.
fn assert_beside(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
