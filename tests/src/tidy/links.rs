//! A relative link in a Markdown file leads to a file or folder of the repository.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Finding, TextFile};

pub fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut known = BTreeSet::new();
    for file in files {
        let mut path = file.path.as_str();
        known.insert(path);
        while let Some((folder, _)) = path.rsplit_once('/') {
            known.insert(folder);
            path = folder;
        }
    }
    files.iter().filter(|file| file.path.ends_with(".md")).flat_map(|file| broken_links(file, &known)).collect()
}

fn broken_links(file: &TextFile, known: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            let resolved = resolve(&file.path, target);
            if !resolved.is_empty() && !known.contains(resolved.as_str()) && !names_binary(&resolved) {
                findings.push(Finding::new(
                    file,
                    index + 1,
                    "link",
                    target,
                    format!("the link to `{target}` leads nowhere"),
                ));
            }
        }
    }
    findings
}

/// Pictures and clips are no text files, so they are not among the known ones: look on the disk.
fn names_binary(path: &str) -> bool {
    super::tree::root().join(path).is_file()
}

/// The targets of `[text](target)` in a line that lead into the repository: no address, no mere anchor.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).filter_map(|target| {
        let path = target.split('#').next().unwrap_or(target);
        (!path.is_empty() && !path.contains("://") && !path.starts_with("mailto:")).then_some(path)
    })
}

/// `target` as a path from the root, seen from the folder of `from`.
fn resolve(from: &str, target: &str) -> String {
    let folder = Path::new(from).parent().and_then(Path::to_str).unwrap_or_default();
    let base = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let files =
            [TextFile::new("docs/a.md", text), TextFile::new("docs/deep/b.md", ""), TextFile::new("README.md", "")];
        check(&files).into_iter().map(|finding| finding.symbol).collect()
    }

    #[test]
    fn links_lead_somewhere() {
        assert!(
            broken("[b](deep/b.md) [r](../README.md#top) [d](deep) [here](#x) [w](https://example.org/x)").is_empty()
        );
        assert!(broken("```\n[c](nowhere.md)\n```").is_empty());
        assert_eq!(broken("[c](c.md) and [d](../docs/x/y.md#z)"), ["c.md", "../docs/x/y.md"]);
    }
}
