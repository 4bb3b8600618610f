//! How much of a camera is looked at: what its settings say, and what carbon control leaves of it. Set by the detector's
//! thread, asked by the camera's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The effort for one camera.
#[derive(Debug)]
pub(crate) struct Effort {
    /// Bits of an `f64`: frames a second at most.
    fps_max: AtomicU64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { fps_max: AtomicU64::new(f64::INFINITY.to_bits()) }
    }
}

impl Effort {
    /// Frames a second at most; infinite for all that come.
    pub(crate) fn set_fps_max(&self, fps_max: f64) {
        self.fps_max.store(fps_max.to_bits(), Relaxed);
    }

    fn fps_max(&self) -> f64 {
        f64::from_bits(self.fps_max.load(Relaxed))
    }
}

/// Picks frames so that no more are looked at than the effort allows, evenly: of ten frames a second and an effort of five
/// every other one, though they come a little early or late.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    due: Option<Instant>,
    before: Option<Instant>,
    /// Between frames that come, smoothed, seconds.
    interval_s: f64,
}

impl Cadence {
    /// Whether a frame that came at this moment is to be looked at; `moves` tells what the motion gate says of it.
    pub(crate) fn looks(&mut self, effort: &Effort, moves: bool, now: Instant) -> bool {
        if let Some(before) = self.before.replace(now) {
            let interval_s = now.saturating_duration_since(before).as_secs_f64();
            self.interval_s += 0.2 * (interval_s - self.interval_s);
        }
        if !moves {
            return false;
        }
        let fps_max = effort.fps_max();
        if fps_max.is_infinite() {
            self.due = None;
            return true;
        }
        let wanted_s = (1.0 / fps_max.max(0.001)).min(1000.0);
        // A camera that is no faster than that gives none too many, however unevenly they come.
        if wanted_s < 1.1 * self.interval_s {
            self.due = None;
            return true;
        }
        // The nearer of this frame and the next one is taken.
        let early = Duration::from_secs_f64(0.5 * self.interval_s.clamp(0.0, wanted_s));
        if self.due.is_some_and(|due| now + early < due) {
            return false;
        }
        let wanted = Duration::from_secs_f64(wanted_s);
        // A camera that was away is not made up for.
        self.due = Some(self.due.map_or(now, |due| due.max(now.checked_sub(wanted).unwrap_or(now))) + wanted);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `frames` that come at `fps`, each up to `jitter_ms` off, are looked at.
    fn looked_at(effort: &Effort, fps: f64, frames: u64, jitter_ms: u64) -> Vec<u64> {
        let (start, mut cadence) = (Instant::now() + Duration::from_secs(1), Cadence::default());
        let came = |number: u64| {
            let jitter_ms = if jitter_ms == 0 { 0 } else { number * 7919 % (2 * jitter_ms) };
            start + Duration::from_secs_f64(number as f64 / fps) + Duration::from_millis(jitter_ms)
        };
        (0..frames).filter(|number| cadence.looks(effort, true, came(*number))).collect()
    }

    #[test]
    fn frames_are_picked_evenly() {
        let effort = Effort::default();
        assert_eq!(looked_at(&effort, 10.0, 100, 0).len(), 100, "all that come");
        effort.set_fps_max(5.0);
        let picked = looked_at(&effort, 10.0, 100, 0);
        assert!(picked.windows(2).skip(2).all(|pair| pair[1] - pair[0] == 2), "{picked:?}");
        for jitter_ms in [10, 30] {
            let picked = looked_at(&effort, 10.0, 1000, jitter_ms).len();
            assert!((490..=510).contains(&picked), "{picked} with {jitter_ms} ms of jitter");
        }
        effort.set_fps_max(3.0);
        assert!((299..=302).contains(&looked_at(&effort, 10.0, 1000, 20).len()));
        effort.set_fps_max(30.0);
        assert_eq!(looked_at(&effort, 10.0, 100, 20).len(), 100, "an effort beyond the camera's rate");
    }

    #[test]
    fn what_does_not_move_is_left_out() {
        let now = Instant::now();
        assert!(!Cadence::default().looks(&Effort::default(), false, now));
        assert!(Cadence::default().looks(&Effort::default(), true, now));
    }
}
