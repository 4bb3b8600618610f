//! Whether the broker is there, and when that is worth a line in the log: at every change, and while it is away ever
//! more seldom. Pure: facts and milliseconds in, a notice out.

/// A delivery that waits this long means that the broker is away, milliseconds.
const PATIENCE_MS: u64 = 3_000;
/// The first pause between two lines about the same absence; it doubles.
const FIRST_PAUSE_MS: u64 = 5_000;
/// The longest pause.
const PAUSE_MAX_MS: u64 = 300_000;

/// What is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The first message was taken.
    Connected,
    /// The broker is away, since so long.
    Away { away_ms: u64 },
    /// It is back after so long.
    Restored { away_ms: u64 },
}

/// What is known of the broker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Link {
    /// Nothing was tried yet.
    #[default]
    Unknown,
    Connected,
    Away {
        since_ms: u64,
        next_notice_ms: u64,
        pause_ms: u64,
    },
}

impl Link {
    pub(super) fn is_connected(&self) -> bool {
        matches!(self, Self::Connected)
    }

    /// A message was taken.
    pub(super) fn delivered(&mut self, now_ms: u64) -> Option<Notice> {
        match std::mem::replace(self, Self::Connected) {
            Self::Unknown => Some(Notice::Connected),
            Self::Connected => None,
            Self::Away { since_ms, .. } => Some(Notice::Restored { away_ms: now_ms - since_ms }),
        }
    }

    /// The oldest message on its way has waited so long.
    pub(super) fn waiting(&mut self, now_ms: u64, waited_ms: u64) -> Option<Notice> {
        if waited_ms < PATIENCE_MS { None } else { self.away(now_ms, now_ms.saturating_sub(waited_ms)) }
    }

    /// A session failed. Before the first message was taken the broker is away since the start, at 0.
    pub(super) fn failed(&mut self, now_ms: u64) -> Option<Notice> {
        let from_ms = if matches!(self, Self::Unknown) { 0 } else { now_ms };
        self.away(now_ms, from_ms)
    }

    fn away(&mut self, now_ms: u64, from_ms: u64) -> Option<Notice> {
        let (since_ms, pause_ms) = match *self {
            Self::Away { next_notice_ms, .. } if now_ms < next_notice_ms => return None,
            Self::Away { since_ms, pause_ms, .. } => (since_ms, (pause_ms * 2).min(PAUSE_MAX_MS)),
            _ => (from_ms, FIRST_PAUSE_MS),
        };
        *self = Self::Away { since_ms, next_notice_ms: now_ms + pause_ms, pause_ms };
        Some(Notice::Away { away_ms: now_ms - since_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_said_once_and_then_ever_more_seldom() {
        let mut link = Link::default();
        assert_eq!(link.delivered(10), Some(Notice::Connected));
        assert_eq!(link.delivered(20), None);
        let said: Vec<u64> = (0..100).filter(|second| link.waiting(second * 1000, second * 1000).is_some()).collect();
        assert_eq!(said, [3, 8, 18, 38, 78]);
        assert!(!link.is_connected());
        assert_eq!(link.delivered(99_000), Some(Notice::Restored { away_ms: 99_000 }));
        assert_eq!(link.waiting(100_000, 1_000), None);
        assert!(link.is_connected());
    }

    #[test]
    fn a_failed_session_is_said_at_once() {
        let mut link = Link::default();
        assert_eq!(link.failed(1_000), Some(Notice::Away { away_ms: 1_000 }));
        assert_eq!(link.failed(2_000), None);
        assert_eq!(link.failed(6_000), Some(Notice::Away { away_ms: 6_000 }));
        let said = (6..100_000).filter(|second| link.failed(second * 1000).is_some()).count();
        assert!((300..400).contains(&said), "every five minutes in the end, found {said} in a day");
    }
}
