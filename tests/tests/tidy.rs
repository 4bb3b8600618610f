//! The repository checks itself: every rule of `headwater_tests::tidy` over the tree as it stands.

use std::fs;

use headwater_tests::tidy::{TextFile, check, tree};

#[test]
fn the_tree_keeps_the_rules() {
    let root = tree::root();
    let files = tree::text_files(&root).expect("the repository is readable");
    let allow_list = "tests/tidy.allow";
    let allow_list =
        TextFile::new(allow_list, &fs::read_to_string(root.join(allow_list)).expect("the allow list is there"));

    let rust_files = files.iter().filter(|file| file.is_rust()).count();
    assert!(rust_files > 20, "only {rust_files} Rust files were found: the check would be empty");

    let findings = check(&files, &allow_list);
    let listing: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    assert!(findings.is_empty(), "{} rules are broken:{listing}", findings.len());
}
