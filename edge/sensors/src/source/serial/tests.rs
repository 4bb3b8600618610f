//! A pseudo-terminal stands for the device: what is written to its one side is read from the other.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;
use crate::feed::Queue;
use crate::settings::{PayloadFormat, ValueSettings};
use crate::source::running::Running;

/// The device's side, and the path of the other.
fn pseudo_terminal() -> (File, PathBuf) {
    let device: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&device).unwrap();
    unlockpt(&device).unwrap();
    let path = ptsname(&device, Vec::new()).unwrap().into_string().unwrap();
    (File::from(device), path.into())
}

fn settings(device: &Path) -> SerialSettings {
    let value = |sensor: &str, pick: &str| ValueSettings {
        sensor: sensor.into(),
        unit: "u".into(),
        pick: Some(pick.into()),
        scale: 1.0,
        offset: 0.0,
    };
    SerialSettings {
        device: device.to_owned(),
        baud: 115_200,
        format: PayloadFormat::NameValue,
        separator: ',',
        values: vec![value("room", "t"), value("damp", "h")],
    }
}

fn running(device: &Path) -> Running {
    let serial = Serial::new(&settings(device));
    let running = Running::start(100, move |outlet, state, stop| serial.run(outlet, state, stop));
    // Until the source has opened the device, what is written to it is lost.
    running.wait_until(true);
    running
}

fn next(running: &Running) -> Vec<(String, f64)> {
    let readings = running.take().unwrap();
    readings.iter().map(|reading| (reading.sensor.to_string(), reading.value)).collect()
}

#[test]
fn lines_become_readings_and_what_is_none_is_counted() {
    let (mut device, path) = pseudo_terminal();
    let running = running(&path);
    device.write_all(b"half\r\nt=21.5 h=40\r\n").unwrap();
    assert_eq!(next(&running), [("room".into(), 21.5), ("damp".into(), 40.0)]);
    device.write_all(b"nonsense\nt=22\n").unwrap();
    assert_eq!(next(&running), [("room".into(), 22.0)]);
    let counters = running.counters();
    assert_eq!((counters.readings, counters.rejected, counters.failures), (3, 1, 0));
    assert!(counters.last_error.unwrap().contains("says \"nonsense\""));
}

#[test]
fn a_device_that_goes_away_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("sensor");
    let (mut device, path) = pseudo_terminal();
    std::os::unix::fs::symlink(path, &link).unwrap();
    let running = running(&link);
    device.write_all(b"\nt=1\n").unwrap();
    assert_eq!(next(&running), [("room".into(), 1.0)]);

    drop(device);
    running.wait_until(false);
    let (mut device, path) = pseudo_terminal();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(path, &link).unwrap();
    running.wait_until(true);
    device.write_all(b"\nt=2\n").unwrap();
    assert_eq!(next(&running), [("room".into(), 2.0)]);
    assert!(running.counters().failures >= 1);
}

#[test]
fn what_is_no_serial_device_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (queue, state, stop) = (Queue::new(1), SourceState::new("serial"), Stop::default());
    let error = |path: &Path| {
        let serial = Serial::new(&settings(path));
        serial.read(&queue.outlet(), &state, &stop, &mut Backoff::default()).unwrap_err().to_string()
    };
    assert!(error(file.path()).ends_with("to 115200 baud"));
    assert_eq!(error(Path::new("/dev/nowhere")), "opening /dev/nowhere");
}
