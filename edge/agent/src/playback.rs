//! A camera's thread: takes frames from its source at their rate and puts them on the board.
//!
//! In `live` pace a frame's time is now and a late thread does not hurry to catch up; with `every-frame` the time is the
//! start plus the frame's place, and nothing is skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use headwater_camera::{Board, CameraError, Frame, Picture, Recording, StopSignal};

use crate::carbon::Cadence;
use crate::clock;
use crate::config::Pace;
use crate::live::{CameraLive, CameraState};

/// What a camera's thread needs.
pub(crate) struct Playback {
    /// Index of the camera on the board.
    pub(crate) camera: usize,
    pub(crate) source: Box<dyn Recording>,
    pub(crate) fps: f64,
    pub(crate) looped: bool,
    pub(crate) pace: Pace,
    pub(crate) board: Arc<Board>,
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) live: Arc<CameraLive>,
    /// How many of a hundred frames are to be looked at, set by carbon control.
    pub(crate) share_percent: Arc<AtomicU8>,
}

/// Plays until the end of the source or until stopped, and closes the camera's slot whatever happens.
pub(crate) fn play(mut playback: Playback) {
    playback.live.set_state(CameraState::Running);
    let ended = playback.frames();
    let state = match &ended {
        Ok(()) => CameraState::Ended,
        Err(error) => {
            let reason = crate::error::chain(error);
            tracing::error!(camera = playback.live.id(), %reason, "camera failed");
            CameraState::Failed
        }
    };
    playback.live.set_state(state);
    playback.board.close(playback.camera);
}

impl Playback {
    fn frames(&mut self) -> Result<(), CameraError> {
        let started_ms = clock::now_ms();
        let mut cadence = Cadence::default();
        let mut due = Instant::now();
        let mut number = 0;
        while !self.stop.is_stopped() {
            let Some(picture) = self.next_picture(number)? else { break };
            match self.pace {
                Pace::EveryFrame => {
                    let ts = started_ms + (number as f64 * 1000.0 / self.fps) as i64;
                    self.board.publish_when_free(self.camera, Frame { number, ts, picture });
                }
                Pace::Live => {
                    if self.stop.wait_until(due) {
                        break;
                    }
                    // From now on and not from when it was due: frames missed by a stalled machine are not made up.
                    due = (due + Duration::from_secs_f64(1.0 / self.fps)).max(Instant::now());
                    self.offer(&mut cadence, Frame { number, ts: clock::now_ms(), picture });
                }
            }
            number += 1;
        }
        Ok(())
    }

    fn next_picture(&mut self, number: u64) -> Result<Option<Picture>, CameraError> {
        let next = self.source.next_frame()?;
        // A source without any frame must not be rewound for ever.
        if next.is_some() || !self.looped || number == 0 {
            return Ok(next);
        }
        self.source.rewind()?;
        self.source.next_frame()
    }

    fn offer(&self, cadence: &mut Cadence, frame: Frame) {
        let skipped = if cadence.looks_at_next(self.share_percent.load(Ordering::Relaxed)) {
            self.board.publish(self.camera, frame)
        } else {
            self.board.pass_over(self.camera);
            true
        };
        self.live.count_skipped(u64::from(skipped));
    }
}
