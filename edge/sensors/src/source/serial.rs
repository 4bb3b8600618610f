//! Lines from a serial device, opened with the terminal interface of POSIX (termios). A device that goes away is opened
//! again when it is back.

mod lines;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{ControlModes, InputModes, OptionalActions, tcgetattr, tcsetattr};

use self::lines::{LINE_BYTES_MAX, Line, Lines};
use super::until_stopped;
use crate::error::SourceError;
use crate::feed::{Outlet, SourceState};
use crate::host::open;
use crate::payload::{Picker, quoted};
use crate::reading::{Reading, wall_ms};
use crate::retry::Backoff;
use crate::settings::SerialSettings;
use crate::stop::Stop;

/// How long a device is waited for before it is looked whether to stop.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// A serial device.
pub(crate) struct Serial {
    settings: SerialSettings,
    picker: Picker,
    /// Of each value: the sensor and its unit.
    names: Vec<(Arc<str>, Arc<str>)>,
    method: Arc<str>,
}

impl Serial {
    pub(crate) fn new(settings: &SerialSettings) -> Self {
        let names = settings.values.iter().map(|value| (value.sensor.as_str().into(), value.unit.as_str().into()));
        Self {
            picker: Picker::new(settings.format, settings.separator, &settings.values),
            names: names.collect(),
            method: source_of(settings).into(),
            settings: settings.clone(),
        }
    }

    /// Reads lines until stopped.
    pub(crate) fn run(&self, outlet: &Outlet, state: &SourceState, stop: &Stop) {
        until_stopped(stop, state, |backoff| self.read(outlet, state, stop, backoff));
    }

    fn read(
        &self,
        outlet: &Outlet,
        state: &SourceState,
        stop: &Stop,
        backoff: &mut Backoff,
    ) -> Result<(), SourceError> {
        let mut device = self.open()?;
        state.worked(0);
        let mut lines = Lines::default();
        let mut bytes = [0; 1024];
        while !stop.is_stopped() {
            let Some(count) = self.wait_and_read(&mut device, &mut bytes)? else { continue };
            backoff.worked();
            let read = bytes.get(..count).unwrap_or_default();
            for line in lines.push(read) {
                self.take(line, outlet, state);
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<File, SourceError> {
        let device = || self.settings.device.clone();
        let opened = open(&self.settings.device);
        let file = opened.map_err(|source| SourceError::OpenDevice { device: device(), source })?;
        let baud = self.settings.baud;
        set_up(&file, baud).map_err(|source| SourceError::SetUpDevice { device: device(), baud, source })?;
        Ok(file)
    }

    /// Bytes that were read; nothing where none came in time.
    fn wait_and_read(&self, device: &mut File, bytes: &mut [u8]) -> Result<Option<usize>, SourceError> {
        let path = || self.settings.device.clone();
        let failed = |source| SourceError::Read { path: path(), source };
        let ready = poll(&mut [PollFd::new(&*device, PollFlags::IN)], Some(&PATIENCE));
        match ready {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        match device.read(bytes) {
            // The end of a device is where it was unplugged.
            Ok(0) => Err(SourceError::DeviceGone { device: path() }),
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn take(&self, line: Line, outlet: &Outlet, state: &SourceState) {
        let device = || self.settings.device.clone();
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                let error = SourceError::LongLine { device: device(), bytes_max: LINE_BYTES_MAX };
                return state.rejected(&error, Instant::now());
            }
        };
        let picked = self.picker.pick(&line);
        if let Some(source) = picked.error {
            state.rejected(&SourceError::BadLine { device: device(), text: quoted(&line), source }, Instant::now());
        }
        let ts_ms = wall_ms();
        let reading = |(index, value): (usize, f64)| {
            let (sensor, unit) = self.names.get(index)?;
            let method = Arc::clone(&self.method);
            Some(Reading { sensor: Arc::clone(sensor), value, unit: Arc::clone(unit), method, ts_ms })
        };
        let readings: Vec<Reading> = picked.numbers.into_iter().filter_map(reading).collect();
        if !readings.is_empty() {
            state.worked(readings.len());
            outlet.send(readings);
        }
    }
}

/// How the source is called.
pub(crate) fn source_of(settings: &SerialSettings) -> String {
    format!("serial:{}", settings.device.display())
}

/// Raw bytes, 8N1, whatever the modem lines say.
fn set_up(device: &File, baud: u32) -> io::Result<()> {
    let mut termios = tcgetattr(device)?;
    termios.make_raw();
    termios.control_modes &= !(ControlModes::CSTOPB | ControlModes::PARENB | ControlModes::CRTSCTS);
    termios.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD | ControlModes::CS8;
    termios.input_modes &= !(InputModes::IXON | InputModes::IXOFF);
    termios.set_speed(baud)?;
    tcsetattr(device, OptionalActions::Now, &termios)?;
    Ok(())
}

#[cfg(test)]
mod tests;
