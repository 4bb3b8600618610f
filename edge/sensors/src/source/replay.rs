//! Readings from a CSV file, played again.

mod playhead;
mod rows;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::playhead::Playhead;
use self::rows::{Row, Rows};
use super::until_stopped;
use crate::error::SourceError;
use crate::feed::{Outlet, SourceState};
use crate::host::open;
use crate::reading::{Reading, wall_ms};
use crate::retry::Backoff;
use crate::settings::{CsvSettings, Pace};
use crate::stop::Stop;

/// A wall clock that is so far from where it was has been set, and is followed; less is the two clocks' own difference.
const CLOCK_SET_MS: u64 = 1000;

/// A file to be played.
pub(crate) struct Replay {
    settings: CsvSettings,
    method: Arc<str>,
}

impl Replay {
    pub(crate) fn new(settings: &CsvSettings) -> Self {
        Self { settings: settings.clone(), method: source_of(settings).into() }
    }

    /// Plays until the end, or until stopped.
    pub(crate) fn run(&self, outlet: &Outlet, state: &SourceState, stop: &Stop) {
        let mut playhead = Playhead::default();
        // The moment of the first row, here and on the wall.
        let mut start = None;
        until_stopped(stop, state, |backoff| {
            loop {
                let played = self.play(&mut playhead, &mut start, outlet, state, stop)?;
                backoff_after(played, backoff);
                if !self.settings.repeat || stop.is_stopped() {
                    return Ok(());
                }
                if played == 0 {
                    return Err(SourceError::NoRows { path: self.settings.path.clone() });
                }
            }
        });
    }

    /// Plays the file once; says how many rows it played.
    fn play(
        &self,
        playhead: &mut Playhead,
        start: &mut Option<(Instant, i64)>,
        outlet: &Outlet,
        state: &SourceState,
        stop: &Stop,
    ) -> Result<u64, SourceError> {
        let path = &self.settings.path;
        let file = open_file(path).map_err(|source| SourceError::Read { path: path.clone(), source })?;
        let mut rows = Rows::new(BufReader::new(file), path)?;
        playhead.begin();
        let mut played = 0;
        while let Some(row) = rows.next()? {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    state.rejected(&error, Instant::now());
                    if stop.is_stopped() {
                        break;
                    }
                    continue;
                }
            };
            let time = playhead.advance(row.ts_ms);
            let (start, start_ms) = start.get_or_insert_with(|| (Instant::now(), wall_ms()));
            let goes_on = match self.settings.pace {
                Pace::Live => {
                    let stopped = stop.wait_until(*start + Duration::from_millis(time.wait_ms));
                    if !stopped {
                        let since_ms = wall_ms().saturating_sub(start.elapsed().as_millis() as i64);
                        if since_ms.abs_diff(*start_ms) >= CLOCK_SET_MS {
                            *start_ms = since_ms;
                        }
                        let ts_ms = start_ms.saturating_add(time.since_ms);
                        outlet.send(vec![self.reading(row, ts_ms)]);
                    }
                    !stopped
                }
                Pace::Fast => outlet.send_patiently(self.reading(row, time.file_ms), stop),
            };
            if !goes_on {
                break;
            }
            state.worked(1);
            played += 1;
        }
        Ok(played)
    }

    fn reading(&self, row: Row, ts_ms: i64) -> Reading {
        Reading { sensor: row.sensor, value: row.value, unit: row.unit, method: Arc::clone(&self.method), ts_ms }
    }
}

/// A pipe may have no writer, and a device no end: a thread that waits for either cannot be stopped.
fn open_file(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file of rows but a folder, a pipe or a device"));
    }
    Ok(file)
}

fn backoff_after(played: u64, backoff: &mut Backoff) {
    if played > 0 {
        backoff.worked();
    }
}

/// How the source is called.
pub(crate) fn source_of(settings: &CsvSettings) -> String {
    format!("csv:{}", settings.path.display())
}

#[cfg(test)]
mod tests;
