//! Where the kernel shows what it knows, and how files of there are read. Nothing here knows what a file means.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// No file of the kernel that is read here is longer, but for `/proc/stat` of a large machine, whose first line is
/// wanted.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// The two trees of the kernel. Other places than the usual ones are for a container that sees its host's trees
/// elsewhere, and for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Where sysfs is, usually `/sys`.
    pub sys: PathBuf,
    /// Where procfs is, usually `/proc`.
    pub proc: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into() }
    }
}

/// Opens a file or a device to read. A pipe, a carrier or a device that says nothing is not waited for, and a terminal
/// does not become the one that controls this process.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// The beginning of a file as text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file's text without the line's end; nothing where the file cannot be read or is empty. For names, which may be
/// missing; a value that is missing is an error of whoever wants it.
pub(crate) fn read_name(path: &Path) -> Option<String> {
    let text = read_text(path).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What lies in a folder under names that begin so, in the order of the numbers in the names. Empty where there is no
/// such folder.
pub(crate) fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(Vec<u64>, String)> = listing
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(prefix))
        .map(|name| (numbers_in(&name), name))
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| folder.join(name)).collect()
}

fn numbers_in(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_their_numbers() {
        let root = tempfile::tempdir().unwrap();
        for name in ["hwmon10", "hwmon2", "hwmon0", "other1"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let names: Vec<_> = entries(root.path(), "hwmon");
        assert_eq!(names, ["hwmon0", "hwmon2", "hwmon10"].map(|name| root.path().join(name)));
        assert!(entries(&root.path().join("nowhere"), "hwmon").is_empty());
    }

    #[test]
    fn a_pipe_that_nobody_writes_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let pipe = root.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(read_text(&pipe).unwrap(), "");
        assert_eq!(read_name(&pipe), None);
    }
}
