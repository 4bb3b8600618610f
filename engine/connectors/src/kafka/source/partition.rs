//! One partition that is being read: what was received of it, and what was given out.

use std::time::Duration;

use rdkafka::message::{Message, OwnedMessage};
use tokio::time::Instant;

use crate::kafka::dedup::Seen;
use crate::kafka::position::Position;

/// Messages collected into one batch.
const BATCH_MESSAGES: usize = 8192;
/// Bytes collected into one batch.
const BATCH_BYTES: usize = 4 << 20;
/// How long messages wait for others.
const LINGER: Duration = Duration::from_millis(50);

/// The state of one partition.
#[derive(Debug)]
pub(super) struct Partition {
    /// Which consumer reads it, and its number in the topic.
    pub(super) key: (usize, i32),
    /// `topic/number`.
    pub(super) name: String,
    /// The offset after the last message that was received.
    pub(super) received: i64,
    /// The offset after the last message whose rows were given out.
    pub(super) given: i64,
    /// The agents' messages that were seen among those given out.
    pub(super) seen: Seen,
    /// The end of the log when it was last asked for.
    pub(super) high: i64,
    /// Where reading ends, when it is to end.
    pub(super) limit: Option<i64>,
    /// Whether the end of the log was met after the last message.
    pub(super) at_end: bool,
    /// Whether it is too far ahead to be read.
    pub(super) held: bool,
    pending: Vec<OwnedMessage>,
    pending_bytes: usize,
    pending_since: Option<Instant>,
}

impl Partition {
    /// A partition of which nothing was read.
    pub(super) fn new(key: (usize, i32), name: String, offset: i64, high: i64, restored: Option<Position>) -> Self {
        Partition {
            key,
            name,
            received: offset,
            given: offset,
            seen: restored.map(|position| position.seen).unwrap_or_default(),
            high,
            limit: None,
            at_end: false,
            held: false,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
        }
    }

    /// Takes a message. One that was received before, as it happens after a change of leader, is passed over.
    pub(super) fn take(&mut self, message: OwnedMessage, now: Instant) {
        let beyond = self.limit.is_some_and(|limit| message.offset() >= limit);
        if message.offset() < self.received || beyond {
            self.at_end |= beyond;
            return;
        }
        self.received = message.offset() + 1;
        self.at_end = false;
        self.pending_bytes += message.payload().map_or(0, <[u8]>::len);
        self.pending.push(message);
        self.pending_since.get_or_insert(now);
    }

    /// Whether no more messages should be added to the batch.
    pub(super) fn is_full(&self) -> bool {
        !self.held && self.has_enough()
    }

    fn has_enough(&self) -> bool {
        self.pending.len() >= BATCH_MESSAGES || self.pending_bytes >= BATCH_BYTES
    }

    /// Whether a batch should be given out. When the source is to end, nothing waits for others.
    pub(super) fn is_ready(&self, now: Instant, ending: bool) -> bool {
        !self.held && self.has_pending() && (ending || self.is_full() || self.due_at().is_some_and(|due| due <= now))
    }

    /// Whether messages wait.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether messages are known to wait here or in the log.
    pub(super) fn has_more(&self) -> bool {
        self.has_pending() || (self.high > self.received && !self.at_end)
    }

    /// When waiting messages are to be given out at the latest.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.pending_since.filter(|_| !self.held).map(|since| since + LINGER)
    }

    /// The messages that wait.
    pub(super) fn take_pending(&mut self) -> Vec<OwnedMessage> {
        self.pending_since = None;
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending)
    }

    /// Whether all was received that is to be read.
    pub(super) fn is_at_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.received >= limit || self.at_end)
    }

    /// Messages behind those that were given out.
    pub(super) fn lag(&self) -> u64 {
        u64::try_from(self.high.max(self.received) - self.given).unwrap_or(0)
    }

    /// What a checkpoint needs to go on from here.
    pub(super) fn position(&self, log: &str) -> Position {
        Position { log: log.to_owned(), offset: self.given, seen: self.seen.clone() }
    }
}
