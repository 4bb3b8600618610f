//! Plays a recording: at its rate, or every frame of it as fast as they are looked at.
//!
//! In `live` pace a frame's time is now and a late thread does not hurry to catch up; with `every-frame` the time is the
//! start plus the frame's place, and nothing is skipped.

use std::sync::Arc;
use std::time::Duration;

use super::{Outlet, Pace};
use crate::clock;
use crate::source::Recording;
use crate::{CameraError, Picture, StopSignal};

pub(super) struct Playback {
    recording: Box<dyn Recording>,
    fps: f64,
    looped: bool,
    stop: Arc<StopSignal>,
    has_begun: bool,
}

impl Playback {
    pub(super) fn new(recording: Box<dyn Recording>, fps: Option<f64>, looped: bool, stop: Arc<StopSignal>) -> Self {
        let fps = fps.unwrap_or_else(|| recording.fps());
        Self { recording, fps, looped, stop, has_begun: false }
    }

    pub(super) fn play(self, pace: Pace, outlet: Outlet) -> Result<(), CameraError> {
        match pace {
            Pace::Live => self.at_its_rate(outlet),
            Pace::EveryFrame => self.every_frame(outlet),
        }
    }

    fn at_its_rate(mut self, mut outlet: Outlet) -> Result<(), CameraError> {
        let interval = Duration::from_secs_f64(1.0 / self.fps);
        let mut due = outlet.watch.elapsed();
        while let Some(picture) = self.next_picture()? {
            if self.stop.wait(due.saturating_sub(outlet.watch.elapsed())) {
                break;
            }
            // From now on and not from when it was due: frames missed by a stalled machine are not made up.
            due = (due + interval).max(outlet.watch.elapsed());
            outlet.offer(picture);
        }
        Ok(())
    }

    fn every_frame(mut self, mut outlet: Outlet) -> Result<(), CameraError> {
        let started_ms = clock::now_ms();
        while let Some(picture) = self.next_picture()? {
            let place_ms = (outlet.number as f64 * 1000.0 / self.fps) as i64;
            outlet.insist(picture, started_ms + place_ms);
        }
        Ok(())
    }

    /// The next picture; nothing at the end or when stopped.
    fn next_picture(&mut self) -> Result<Option<Picture>, CameraError> {
        if self.stop.is_stopped() {
            return Ok(None);
        }
        let mut next = self.recording.next_frame()?;
        // A recording without any frame must not be rewound for ever.
        if next.is_none() && self.looped && self.has_begun {
            self.recording.rewind()?;
            next = self.recording.next_frame()?;
        }
        self.has_begun |= next.is_some();
        Ok(next)
    }
}
