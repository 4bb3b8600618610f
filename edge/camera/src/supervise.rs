//! When a camera that went away is asked again: a pure machine, told the time and the chance.
//!
//! It never gives up. The wait after a failure doubles up to a bound, and a part of it is left to chance, so that a
//! hundred agents behind one switch do not all come back at the same moment. After a number of failures in a row the
//! breaker opens: the camera counts as broken, and is tried once at each end of a long wait (half open) until a frame
//! comes, which closes it. A connection has to last before its failure counts as the first one again: a camera that
//! accepts, shows a frame and hangs up is as broken as one that is not there.
//!
//! ```text
//!              ┌───────────── wait is over ──────────────┐
//!              ▼                                         │
//! Connecting ──── frame ──▶ Running ──── failure ──▶ Waiting
//!     │  ▲                                               │ so many failures in a row
//!     │  └──────── wait is over (half open) ───────── Broken
//!     └── failure ──▶ Waiting or Broken
//! ```

use serde::Deserialize;

/// How patiently a camera is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconnectOptions {
    /// How long the camera may take to answer, milliseconds.
    pub connect_ms: u64,
    /// How long it may show nothing before the connection is given up, milliseconds.
    pub silence_ms: u64,
    /// The wait after the first failure, milliseconds; it doubles with each further one.
    pub delay_ms_min: u64,
    /// The longest wait while the breaker is closed, milliseconds.
    pub delay_ms_max: u64,
    /// The share of a wait that is left to chance, 0 to 1: at 0.5 a wait of 8 s becomes one of 4 to 8 s.
    pub jitter: f64,
    /// Failures in a row after which the camera counts as broken.
    pub failures_max: u32,
    /// The wait between two tries of a broken camera, milliseconds.
    pub broken_ms: u64,
    /// How long frames must have come before a failure counts as the first one again, milliseconds.
    pub stable_ms: u64,
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            silence_ms: 10_000,
            delay_ms_min: 500,
            delay_ms_max: 15_000,
            jitter: 0.5,
            failures_max: 8,
            broken_ms: 60_000,
            stable_ms: 10_000,
        }
    }
}

/// Where a camera's connection stands. Times are milliseconds on the clock that the machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is being asked; no frame has come yet.
    Connecting,
    /// Frames come.
    Running {
        /// When the first one came.
        since_ms: u64,
    },
    /// It failed and is asked again at this time.
    Waiting {
        /// When it is asked again.
        until_ms: u64,
    },
    /// It failed many times and is asked again at this time, once.
    Broken {
        /// When it is asked again.
        until_ms: u64,
    },
}

/// The machine of one camera.
#[derive(Clone, Debug)]
pub struct Supervisor {
    options: ReconnectOptions,
    link: Link,
    /// Failures since frames last came for long enough.
    failures_in_row: u32,
}

impl Supervisor {
    /// A camera that has not been asked yet; the first try is due at once.
    pub fn new(options: ReconnectOptions) -> Self {
        Self { options, link: Link::Connecting, failures_in_row: 0 }
    }

    /// Where the connection stands.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Until when nothing is to be tried; nothing while a try is under way.
    pub fn waits_until_ms(&self) -> Option<u64> {
        match self.link {
            Link::Connecting | Link::Running { .. } => None,
            Link::Waiting { until_ms } | Link::Broken { until_ms } => Some(until_ms),
        }
    }

    /// The wait is over, and the camera is asked.
    pub fn try_again(&mut self) {
        self.link = Link::Connecting;
    }

    /// A frame has come. Says whether it is the first one of its connection.
    pub fn frame_came(&mut self, now_ms: u64) -> bool {
        let is_first = !matches!(self.link, Link::Running { .. });
        if is_first {
            self.link = Link::Running { since_ms: now_ms };
        }
        is_first
    }

    /// The try or the connection has failed; `chance` is a random number from 0 to 1.
    pub fn failed(&mut self, now_ms: u64, chance: f64) {
        if let Link::Running { since_ms } = self.link
            && now_ms.saturating_sub(since_ms) >= self.options.stable_ms
        {
            self.failures_in_row = 0;
        }
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.link = if self.failures_in_row >= self.options.failures_max.max(1) {
            Link::Broken { until_ms: now_ms.saturating_add(self.jittered(self.options.broken_ms, chance)) }
        } else {
            Link::Waiting { until_ms: now_ms.saturating_add(self.jittered(self.delay_ms(), chance)) }
        };
    }

    /// The wait after this many failures, before chance: doubled each time, up to the bound.
    fn delay_ms(&self) -> u64 {
        let doublings = self.failures_in_row.saturating_sub(1).min(32);
        self.options.delay_ms_min.saturating_mul(1 << doublings).min(self.options.delay_ms_max)
    }

    fn jittered(&self, delay_ms: u64, chance: f64) -> u64 {
        let kept = 1.0 - self.options.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0);
        (delay_ms as f64 * kept) as u64
    }
}

#[cfg(test)]
mod tests;
