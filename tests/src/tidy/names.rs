//! Files are named by a noun of the field; a name that would fit anything is none.

use super::{Finding, TextFile};

/// Names that say nothing about what is inside.
const NAMELESS: [&str; 8] = ["common", "helper", "helpers", "misc", "stuff", "util", "utilities", "utils"];

pub fn check(file: &TextFile) -> Option<Finding> {
    if file.name() == "mod.rs" {
        let folder = file.path.trim_end_matches("/mod.rs");
        return Some(Finding::new(
            file,
            1,
            "name",
            "",
            format!("a module stands in `{folder}.rs` beside its folder, not in mod.rs"),
        ));
    }
    let nameless =
        file.path.split('/').map(|part| part.split('.').next().unwrap_or(part)).find(|stem| NAMELESS.contains(stem))?;
    Some(Finding::new(file, 1, "name", "", format!("`{nameless}` does not say what is inside")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_inside() {
        for path in ["a/mod.rs", "a/utils.rs", "a/helpers/b.rs", "b/common.py", "util.rs"] {
            assert!(check(&TextFile::new(path, "//! x")).is_some(), "{path}");
        }
        for path in ["a/model.rs", "a/window.rs", "deploy/common_name.yaml", "src/utility_rate.rs"] {
            assert!(check(&TextFile::new(path, "//! x")).is_none(), "{path}");
        }
    }
}
