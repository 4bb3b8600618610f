//! Reads the repository: the only part of the checks that touches the disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::TextFile;

/// The root of the repository, from where this crate was built.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Every text file that is tracked, or new and not ignored, with its text; sorted by path.
///
/// Files that are not UTF-8 (pictures, weights) are left out. Without git (an unpacked archive) the folders are
/// walked instead.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn text_files(root: &Path) -> io::Result<Vec<TextFile>> {
    let mut paths = match tracked_paths(root) {
        Some(paths) => paths,
        None => walked_paths(root)?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let full = root.join(&path);
        // A file deleted but not yet committed is still listed.
        if !full.is_file() {
            continue;
        }
        if let Ok(text) = String::from_utf8(fs::read(&full)?) {
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

fn tracked_paths(root: &Path) -> Option<Vec<String>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let listing = String::from_utf8(listing.stdout).ok()?;
    Some(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walked_paths(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            if entry.file_type()?.is_dir() {
                if !matches!(name.as_str(), ".git" | "target" | "data") {
                    folders.push(path);
                }
            } else {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_and_leaves_out_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src/deep")).unwrap();
        fs::create_dir_all(dir.path().join("target")).unwrap();
        fs::write(dir.path().join("src/deep/a.rs"), "//! a").unwrap();
        fs::write(dir.path().join("picture.bin"), [0xff, 0xfe, 0x00]).unwrap();
        fs::write(dir.path().join("target/built.rs"), "fn main() {}").unwrap();
        let walked = walked_paths(dir.path()).unwrap();
        assert!(walked.contains(&"src/deep/a.rs".to_owned()) && walked.contains(&"picture.bin".to_owned()));
        assert!(!walked.iter().any(|path| path.starts_with("target")));

        let files = text_files(dir.path()).unwrap();
        assert_eq!(files.iter().filter(|file| file.path == "src/deep/a.rs").count(), 1);
        assert!(!files.iter().any(|file| file.path == "picture.bin"));
    }

    #[test]
    fn the_repository_is_found() {
        let files = text_files(&root()).unwrap();
        assert!(files.iter().any(|file| file.path == "tests/src/tidy/tree.rs"));
        assert!(files.iter().any(|file| file.path == "Cargo.toml"));
    }
}
