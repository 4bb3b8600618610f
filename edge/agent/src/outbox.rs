//! Messages on disk between the agent and the broker: what is put in here is delivered, by this run or by a later one.
//!
//! It knows the envelope that a message has in the spool, and wakes who waits for messages or for room. Kafka is not
//! known here.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use headwater_proto::batch::headers::Headers;
use headwater_spool::{Moment, OpenReport, ReadLimit, Record, Spool, SpoolError, SpoolOptions, SpoolStats, WhenFull};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How long who waits for room waits before he tries again: others may have made room on the disk.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// A message as it will go to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) headers: Headers,
    pub(crate) value: Vec<u8>,
}

/// A message that was read back, with its place.
#[derive(Debug)]
pub(crate) struct Spooled {
    /// Acknowledge with the position after it.
    pub(crate) position: u64,
    pub(crate) rows: u32,
    /// Nothing when the envelope cannot be read: written by another version, or by nobody.
    pub(crate) message: Option<Message>,
}

/// The spool, shared by the one who fills it and the one who empties it.
pub(crate) struct Outbox {
    spool: Mutex<Spool>,
    /// Bytes of the spool.
    bytes_max: u64,
    /// Nothing is dropped for want of room; who puts waits for it.
    holds: bool,
    /// Since when the spool's monotonic time runs.
    started: Instant,
    changed: Notify,
    room: Notify,
    is_held: AtomicBool,
    is_deferred: AtomicBool,
    /// What waits takes half of the spool: room goes before cleaner electricity.
    is_crowded: AtomicBool,
    /// Messages before this position were there when the wait began, and do not wait.
    released: AtomicU64,
    lost_rows: AtomicU64,
    closed: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    topic: String,
    key: String,
    content_type: String,
    schema: String,
    device: String,
    boot: String,
    seq: u64,
}

impl Outbox {
    /// Opens the spool of a directory; blocks on the disk.
    pub(crate) fn open(directory: &Path, options: SpoolOptions) -> Result<Self, SpoolError> {
        let now = Moment { wall_ms: clock::now_ms(), elapsed_ms: 0 };
        Ok(Self {
            started: Instant::now(),
            spool: Mutex::new(Spool::open(directory, options, now)?),
            bytes_max: options.max_bytes,
            holds: options.when_full == WhenFull::Refuse,
            changed: Notify::new(),
            room: Notify::new(),
            is_held: AtomicBool::new(false),
            is_deferred: AtomicBool::new(false),
            is_crowded: AtomicBool::new(false),
            released: AtomicU64::new(0),
            lost_rows: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// What was found at opening.
    pub(crate) fn opened(&self) -> OpenReport {
        self.lock().opened().clone()
    }

    /// Puts a message on disk; blocks on the disk. Where it fails and [`Outbox::waits_after`] says so, the message is to
    /// be put again once there is [`Outbox::room`].
    pub(crate) fn put(&self, message: &Message, rows: u32) -> Result<(), SpoolError> {
        let bytes = to_bytes(message);
        let put = {
            let mut spool = self.lock();
            let put = spool.append(&bytes, rows, self.now());
            self.note_room(&spool);
            put
        };
        let is_held = put.as_ref().is_err_and(|error| self.waits_after(error));
        if self.is_held.swap(is_held, Ordering::Relaxed) != is_held {
            match is_held {
                true => tracing::warn!("spool is full; nothing is looked at until there is room"),
                false => tracing::info!("spool has room again"),
            }
        }
        // Also where there is no room: what is there may have to go now.
        self.changed.notify_one();
        put.map(|_| ())
    }

    /// Whether a message that could not be put is to wait for room, and not to be given up.
    pub(crate) fn waits_after(&self, error: &SpoolError) -> bool {
        self.holds && error.is_full()
    }

    /// Waits until there may be room; for one waiter.
    pub(crate) async fn room(&self) {
        // After the pause it is tried anyway.
        let _ = tokio::time::timeout(ROOM_PAUSE, self.room.notified()).await;
    }

    /// Whether a message waits for room.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Says whether messages that come from now on wait on disk for cleaner electricity. Those that are there when a wait
    /// begins have waited before, and go.
    pub(crate) fn defer(&self, is_deferred: bool) {
        let was_deferred = self.is_deferred.load(Ordering::Acquire);
        if is_deferred && !was_deferred {
            self.released.store(self.lock().next(), Ordering::Release);
        }
        self.is_deferred.store(is_deferred, Ordering::Release);
        if was_deferred && !is_deferred {
            self.changed.notify_one();
        }
    }

    /// Whether messages wait for cleaner electricity. Nothing waits for it once no more will come, or room grows short.
    pub(crate) fn is_deferred(&self) -> bool {
        self.is_deferred.load(Ordering::Acquire) && !self.is_crowded.load(Ordering::Acquire) && !self.is_closed()
    }

    /// Up to which position, that one not included, messages may go now.
    pub(crate) fn sendable(&self) -> u64 {
        if self.is_deferred() { self.released.load(Ordering::Acquire) } else { u64::MAX }
    }

    /// Counts rows that the disk did not take, and that are given up.
    pub(crate) fn count_lost(&self, rows: u32) {
        self.lost_rows.fetch_add(u64::from(rows), Ordering::Relaxed);
    }

    /// Rows that were given up.
    pub(crate) fn lost_rows(&self) -> u64 {
        self.lost_rows.load(Ordering::Relaxed)
    }

    /// Messages from a position on, in order; blocks on the disk.
    pub(crate) fn read(&self, from: u64, limit: ReadLimit) -> Result<Vec<Spooled>, SpoolError> {
        let spooled = |record: Record| Spooled {
            position: record.position,
            rows: record.rows,
            message: from_bytes(&record.payload),
        };
        let records = self.lock().read(from, limit)?;
        Ok(records.into_iter().map(spooled).collect())
    }

    /// Every message before a position is delivered; blocks on the disk.
    pub(crate) fn ack(&self, up_to: u64) -> Result<(), SpoolError> {
        let mut spool = self.lock();
        let acked = spool.ack(up_to);
        self.note_room(&spool);
        drop(spool);
        acked?;
        if self.is_held() {
            self.room.notify_one();
        }
        Ok(())
    }

    /// The first position that is not acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.lock().acked()
    }

    pub(crate) fn stats(&self) -> SpoolStats {
        self.lock().stats(self.now())
    }

    /// What is due in the spool by now; blocks on the disk.
    fn tend(&self) -> Option<SpoolError> {
        let mut spool = self.lock();
        spool.tend(self.now()).err().or_else(|| spool.take_trouble())
    }

    /// No more messages will come: those that are there are flushed to the disk; blocks on it.
    pub(crate) fn close(&self) {
        if let Err(error) = self.lock().sync() {
            let reason = crate::error::chain(&error);
            tracing::warn!(%reason, "messages are spooled, but a power cut may take them");
        }
        self.closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until a message came or no more will come; for one waiter. May also return without either.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn note_room(&self, spool: &Spool) {
        let is_crowded = spool.stats(self.now()).waiting_bytes > self.bytes_max / 2;
        self.is_crowded.store(is_crowded, Ordering::Release);
    }

    fn now(&self) -> Moment {
        Moment { wall_ms: clock::now_ms(), elapsed_ms: self.started.elapsed().as_millis() as u64 }
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after the spool until told to stop. A failure is said once until another one comes.
pub(crate) async fn tend(outbox: Arc<Outbox>, interval_ms: u64, stop: CancellationToken) {
    let mut said = String::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(interval_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let tended = Arc::clone(&outbox);
        let Ok(trouble) = tokio::task::spawn_blocking(move || tended.tend()).await else { return };
        let Some(reason) = trouble.map(|error| crate::error::chain(&error)) else { continue };
        if reason != said {
            tracing::warn!(%reason, "the spool's disk is in trouble; delivery goes on");
            said = reason;
        }
    }
}

/// The envelope as a line of JSON, a line feed, the value.
fn to_bytes(message: &Message) -> Vec<u8> {
    let Headers { content_type, schema, device, boot, seq } = message.headers.clone();
    let (topic, key) = (message.topic.clone(), message.key.clone());
    let envelope = Envelope { topic, key, content_type, schema, device, boot, seq };
    let envelope = serde_json::to_vec(&envelope);
    let mut bytes = envelope.expect("strings and a number are always JSON, and a Vec takes every byte");
    bytes.push(b'\n');
    bytes.extend_from_slice(&message.value);
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Message> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let (envelope, value) = bytes.split_at_checked(end)?;
    let Envelope { topic, key, content_type, schema, device, boot, seq } = serde_json::from_slice(envelope).ok()?;
    let headers = Headers { content_type, schema, device, boot, seq };
    Some(Message { topic, key, headers, value: value.get(1..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seq: u64) -> Message {
        let headers = Headers::new("headwater.frames.v1", "north", "boot", seq);
        Message { topic: "edge-data".into(), key: "north".into(), headers, value: b"\nbytes\n\n".to_vec() }
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_for_room_where_nothing_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let options = SpoolOptions { when_full: WhenFull::Refuse, ..SpoolOptions::bounded(4096) };
        let outbox = Outbox::open(folder.path(), options).unwrap();
        let mut seq = 0;
        let error = loop {
            match outbox.put(&message(seq), 1) {
                Ok(()) => seq += 1,
                Err(error) => break error,
            }
        };
        assert!(outbox.waits_after(&error) && outbox.is_held() && seq > 5, "{error}");
        let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        let read = outbox.read(0, limit).unwrap();
        assert_eq!(read.iter().map(|spooled| spooled.message.clone().unwrap().headers.seq).max(), Some(seq - 1));
        outbox.ack(read[3].position).unwrap();
        outbox.room().await;
        outbox.put(&message(seq), 1).unwrap();
        assert!(!outbox.is_held());
        assert_eq!((outbox.stats().dropped_records, outbox.stats().refused_records), (0, 1));
    }

    #[test]
    fn a_full_spool_that_drops_lets_nobody_wait() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), SpoolOptions::bounded(4096)).unwrap();
        (0..100).for_each(|seq| outbox.put(&message(seq), 1).unwrap());
        assert!(!outbox.is_held() && outbox.stats().dropped_rows > 50);
    }

    #[test]
    fn what_is_there_when_a_wait_begins_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), SpoolOptions::bounded(1 << 20)).unwrap();
        (0..3).for_each(|seq| outbox.put(&message(seq), 1).unwrap());
        assert_eq!(outbox.sendable(), u64::MAX);
        outbox.defer(true);
        outbox.put(&message(3), 1).unwrap();
        outbox.defer(true);
        assert_eq!(outbox.sendable(), 3, "a wait that goes on releases nothing");
        outbox.defer(false);
        assert_eq!(outbox.sendable(), u64::MAX);
        outbox.defer(true);
        assert_eq!(outbox.sendable(), 4, "what waited through the first wait");
        outbox.put(&message(4), 1).unwrap();
        outbox.close();
        assert!(
            !outbox.is_deferred() && outbox.sendable() == u64::MAX,
            "nothing waits for cleaner electricity at the end"
        );
    }

    #[test]
    fn room_goes_before_cleaner_electricity() {
        for when_full in [WhenFull::DropOldest, WhenFull::Refuse] {
            let folder = tempfile::tempdir().unwrap();
            let options = SpoolOptions { when_full, ..SpoolOptions::bounded(64 << 10) };
            let outbox = Outbox::open(folder.path(), options).unwrap();
            outbox.defer(true);
            let mut seq = 0;
            while outbox.is_deferred() {
                outbox.put(&message(seq), 1).unwrap();
                seq += 1;
            }
            let stats = outbox.stats();
            assert_eq!((stats.dropped_records, stats.refused_records, stats.records), (0, 0, seq));
            assert_eq!(outbox.sendable(), u64::MAX);
            outbox.ack(seq / 2).unwrap();
            assert!(outbox.is_deferred(), "there is room again");
        }
    }

    #[test]
    fn a_message_survives_its_envelope() {
        let message = message(7);
        assert_eq!(from_bytes(&to_bytes(&message)), Some(message));
        assert_eq!(from_bytes(b"{\"topic\": 1}\nx"), None);
        assert_eq!(from_bytes(b"no line feed"), None);
    }
}
