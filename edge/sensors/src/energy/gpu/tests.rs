//! A library made here stands for the driver's, because test machines have no GPU.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::*;

/// Compiles the made-up library; nothing where there is no C compiler.
pub(in crate::energy) fn made_up_library(folder: &tempfile::TempDir) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/energy/gpu/made_up_nvml.c");
    let library = folder.path().join("libnvidia-ml.so.1");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    compiled.is_ok_and(|status| status.success()).then_some(library)
}

#[test]
fn gpus_that_count_and_gpus_that_say_their_power_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = made_up_library(&folder) else {
        eprintln!("skipped: there is no C compiler");
        return;
    };
    let mut gpus = Gpus::open(Some(library.as_os_str())).unwrap();
    let start = Instant::now();
    assert_eq!(gpus.read(start).unwrap(), None, "the first reading");
    // 250 J counted, and 2 s at 30 W.
    assert_eq!(gpus.read(start + Duration::from_secs(2)).unwrap(), Some(310.0));
}

#[test]
fn a_box_without_the_driver_is_an_error_and_no_crash() {
    let error = Gpus::open(Some(OsStr::new("/nowhere/libnvidia-ml.so.1"))).err().unwrap();
    assert_eq!(error.to_string(), "asking the nvidia driver for its library");
}
