//! A camera that runs: one thread, which takes frames from its source and puts those that are worth it on the board.
//!
//! A recording is played at its rate or as fast as it is looked at ([`recorded`]); a live camera is connected to, and
//! connected to again ([`live`]). The thread ends with its recording or when it is told to stop, and closes its slot
//! whatever happens.

mod live;
mod recorded;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::{self, Stopwatch};
use crate::error::chain;
use crate::frame_time::{FrameClock, FrameTime};
use crate::sight::{Sight, SightOptions};
use crate::source::{LiveKind, Recording};
use crate::supervise::ReconnectOptions;
use crate::vitals::{CameraState, Vitals};
use crate::{Board, Frame, Picture, StopSignal};

/// What a camera's thread needs.
pub struct Camera {
    /// Name of the camera, for the log.
    pub id: String,
    /// Index of its slot on the board.
    pub slot: usize,
    /// Where its frames come from.
    pub feed: Feed,
    /// How frames are looked at before detection.
    pub sight: SightOptions,
    /// Where frames go.
    pub board: Arc<Board>,
    /// Ends the thread.
    pub stop: Arc<StopSignal>,
    /// Where the thread counts.
    pub vitals: Arc<Vitals>,
    /// Asked for each frame whether it is to be looked at; told whether something moves in it.
    pub is_wanted: Box<dyn FnMut(bool) -> bool + Send>,
}

/// Where frames come from.
pub enum Feed {
    /// A recording that was opened.
    Recorded {
        /// The recording.
        recording: Box<dyn Recording>,
        /// Frames a second; the recording's own where nothing is said.
        fps: Option<f64>,
        /// Begin again at the end.
        looped: bool,
        /// Whether time passes.
        pace: Pace,
    },
    /// A live camera, which need not be there yet.
    Live {
        /// What kind of camera it is, and where.
        kind: Box<LiveKind>,
        /// Frames a second at most; all that come where nothing is said, and one of a camera that is polled.
        fps: Option<f64>,
        /// How patiently it is asked again.
        reconnect: ReconnectOptions,
        /// The ffmpeg that decodes what is not decoded in process.
        ffmpeg: PathBuf,
    },
}

/// Whether time passes while the frames of a recording are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Frames come at their rate and are taken now; where detection is slower the newest wins.
    #[default]
    Live,
    /// Every frame is detected, as fast as that goes; its time is the start plus its place in the clip.
    EveryFrame,
}

/// Runs a camera until its recording ends or it is told to stop; blocks.
pub fn run(camera: Camera) {
    let Camera { id, slot, feed, sight, board, stop, vitals, is_wanted } = camera;
    let _closing = Closing { board: &board, slot };
    let sight = Sight::new(&sight);
    let ended = sight.and_then(|sight| {
        let outlet = Outlet {
            id: id.clone(),
            slot,
            sight,
            board: Arc::clone(&board),
            vitals: Arc::clone(&vitals),
            is_wanted,
            watch: Stopwatch::started(),
            times: FrameClock::default(),
            number: 0,
        };
        match feed {
            Feed::Recorded { recording, fps, looped, pace } => {
                vitals.set_state(CameraState::Running);
                recorded::Playback::new(recording, fps, looped, stop).play(pace, outlet)
            }
            Feed::Live { kind, fps, reconnect, ffmpeg } => live::run(*kind, fps, reconnect, ffmpeg, &stop, outlet),
        }
    });
    let state = match &ended {
        Ok(()) => CameraState::Ended,
        Err(error) => {
            let reason = chain(error);
            tracing::error!(camera = id, %reason, "camera failed");
            vitals.set_reason(Some(reason));
            CameraState::Failed
        }
    };
    vitals.set_state(state);
}

/// Closes a slot when its camera's thread ends, however that ends: whoever detects waits for open slots.
struct Closing<'a> {
    board: &'a Board,
    slot: usize,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.board.close(self.slot);
    }
}

/// The way of a frame to the board.
struct Outlet {
    id: String,
    slot: usize,
    sight: Sight,
    board: Arc<Board>,
    vitals: Arc<Vitals>,
    is_wanted: Box<dyn FnMut(bool) -> bool + Send>,
    watch: Stopwatch,
    times: FrameClock,
    /// The number of the next frame.
    number: u64,
}

impl Outlet {
    /// Takes a frame that came now; it is put on the board where it is worth it, and counted where it is not.
    fn offer(&mut self, mut picture: Picture) {
        let now_ms = self.watch.elapsed_ms();
        let moves = self.see(&mut picture, now_ms);
        let steady_ms = now_ms as i64;
        let FrameTime { ts_ms, jumped_ms } = self.times.next(clock::now_ms(), steady_ms);
        if let Some(jumped_ms) = jumped_ms {
            tracing::warn!(camera = self.id, jumped_ms, "the clock was set; times of frames follow it");
        }
        let skipped = if (self.is_wanted)(moves) {
            self.board.publish(self.slot, Frame { number: self.number, ts: ts_ms, steady_ms, picture })
        } else {
            self.board.pass_over(self.slot);
            if !moves {
                self.vitals.count_still();
            }
            true
        };
        self.vitals.count_skipped(u64::from(skipped));
        self.number += 1;
    }

    /// Puts a frame of this time on the board once there is room; whatever moves in it.
    fn insist(&mut self, mut picture: Picture, ts: i64) {
        let now_ms = self.watch.elapsed_ms();
        self.see(&mut picture, now_ms);
        self.board.publish_when_free(self.slot, Frame { number: self.number, ts, steady_ms: ts, picture });
        self.number += 1;
    }

    /// Looks at a frame and tells what is new about it; whether it passes the motion gate.
    fn see(&mut self, picture: &mut Picture, now_ms: u64) -> bool {
        self.vitals.count_frame();
        let seen = self.sight.see(picture, now_ms);
        let change = self.vitals.set_health(seen.health);
        let camera = &self.id;
        match change.frozen {
            Some(true) => tracing::warn!(camera, "the picture is frozen"),
            Some(false) => tracing::info!(camera, "the picture is not frozen any more"),
            None => {}
        }
        match change.dark {
            Some(true) => tracing::warn!(camera, "the picture is black or covered"),
            Some(false) => tracing::info!(camera, "the picture is not dark any more"),
            None => {}
        }
        match self.sight.thumbnail(picture, now_ms) {
            Ok(Some(jpeg)) => self.vitals.set_thumbnail(jpeg),
            Ok(None) => {}
            Err(error) => tracing::warn!(camera, reason = chain(&error), "no thumbnail"),
        }
        seen.motion.is_none_or(|motion| motion.passes())
    }
}
