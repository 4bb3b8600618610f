//! A camera's state and counters as others may see them. Nothing is decided by them.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::health::Health;

/// How a camera is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum CameraState {
    /// Not running yet.
    #[default]
    Starting = 0,
    /// It is being asked, and no frame has come yet.
    Connecting = 1,
    /// Frames come.
    Running = 2,
    /// It failed and is asked again soon.
    Waiting = 3,
    /// It failed many times in a row and is asked again now and then.
    Broken = 4,
    /// Its source has ended, or the agent was stopped.
    Ended = 5,
    /// Its source cannot be read any more.
    Failed = 6,
}

impl CameraState {
    const ALL: [Self; 7] =
        [Self::Starting, Self::Connecting, Self::Running, Self::Waiting, Self::Broken, Self::Ended, Self::Failed];

    /// The word for it in heartbeats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Connecting => "connecting",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Broken => "broken",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

/// What a camera's thread counts.
#[derive(Default)]
pub struct Vitals {
    state: AtomicU8,
    reason: Mutex<Option<String>>,
    connects: AtomicU64,
    failures: AtomicU64,
    frames: AtomicU64,
    skipped: AtomicU64,
    still: AtomicU64,
    is_frozen: AtomicBool,
    is_dark: AtomicBool,
    frozen: AtomicU64,
    dark: AtomicU64,
    thumbnail: Mutex<Option<Arc<[u8]>>>,
}

/// What a camera's thread has counted, at one moment. Counts are since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VitalsSnapshot {
    /// How the camera is.
    pub state: CameraState,
    /// Why it does not run, or why it did not the last time; without a password.
    pub reason: Option<String>,
    /// How often it was asked.
    pub connects: u64,
    /// How often it failed.
    pub failures: u64,
    /// Frames that came.
    pub frames: u64,
    /// Frames that nobody looked at.
    pub skipped: u64,
    /// Of these, frames in which nothing moved.
    pub still: u64,
    /// Whether the picture has not changed for long.
    pub is_frozen: bool,
    /// Whether the picture has been black or covered for long.
    pub is_dark: bool,
    /// How often the picture froze.
    pub frozen: u64,
    /// How often the picture went dark.
    pub dark: u64,
}

impl Vitals {
    /// Everything at this moment.
    pub fn snapshot(&self) -> VitalsSnapshot {
        VitalsSnapshot {
            state: CameraState::ALL.get(usize::from(self.state.load(Relaxed))).copied().unwrap_or_default(),
            reason: locked(&self.reason).clone(),
            connects: self.connects.load(Relaxed),
            failures: self.failures.load(Relaxed),
            frames: self.frames.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            still: self.still.load(Relaxed),
            is_frozen: self.is_frozen.load(Relaxed),
            is_dark: self.is_dark.load(Relaxed),
            frozen: self.frozen.load(Relaxed),
            dark: self.dark.load(Relaxed),
        }
    }

    /// The newest thumbnail, a JPEG; nothing where none are made or none has been yet.
    pub fn thumbnail(&self) -> Option<Arc<[u8]>> {
        locked(&self.thumbnail).clone()
    }

    /// Counts frames that were taken from the board and not looked at after all.
    pub fn count_skipped(&self, frames: u64) {
        self.skipped.fetch_add(frames, Relaxed);
    }

    pub(crate) fn set_state(&self, state: CameraState) {
        self.state.store(state as u8, Relaxed);
    }

    pub(crate) fn set_reason(&self, reason: Option<String>) {
        *locked(&self.reason) = reason;
    }

    pub(crate) fn set_thumbnail(&self, jpeg: Vec<u8>) {
        *locked(&self.thumbnail) = Some(jpeg.into());
    }

    pub(crate) fn count_connect(&self) {
        self.connects.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_frame(&self) {
        self.frames.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_still(&self) {
        self.still.fetch_add(1, Relaxed);
    }

    /// Takes how the picture is; says what has just begun or ended.
    pub(crate) fn set_health(&self, health: Health) -> HealthChange {
        let change = |flag: &AtomicBool, count: &AtomicU64, now: bool| {
            let before = flag.swap(now, Relaxed);
            count.fetch_add(u64::from(now && !before), Relaxed);
            (now != before).then_some(now)
        };
        HealthChange {
            frozen: change(&self.is_frozen, &self.frozen, health.is_frozen),
            dark: change(&self.is_dark, &self.dark, health.is_dark),
        }
    }
}

/// What is new about a picture: begun, ended, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HealthChange {
    pub(crate) frozen: Option<bool>,
    pub(crate) dark: Option<bool>,
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_as_it_was_set() {
        let vitals = Vitals::default();
        for state in CameraState::ALL {
            vitals.set_state(state);
            assert_eq!(vitals.snapshot().state, state);
        }
    }

    #[test]
    fn a_picture_that_freezes_twice_is_counted_twice() {
        let vitals = Vitals::default();
        let frozen = |is_frozen| Health { is_frozen, is_dark: false };
        let changes = [true, true, false, true].map(|now| vitals.set_health(frozen(now)).frozen);
        assert_eq!(changes, [Some(true), None, Some(false), Some(true)]);
        let snapshot = vitals.snapshot();
        assert_eq!((snapshot.frozen, snapshot.is_frozen, snapshot.dark), (2, true, 0));
    }
}
