//! What the agent has to say becomes messages here: rows are batched, encoded, numbered and put on disk.
//!
//! One task, because the numbers of messages must follow their order on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use headwater_proto::batch::detections::{self, DetectionRow};
use headwater_proto::batch::events::{self, EventRow};
use headwater_proto::batch::frames::{self, FrameRow};
use headwater_proto::batch::headers::Headers;
use headwater_proto::batch::sensors::{self, SensorRow};
use headwater_proto::batch::status::{self, Heartbeat};
use headwater_proto::batch::{self, BatchError, EDGE_DATA, EDGE_DETECTIONS, EDGE_EVENTS, EDGE_SENSORS, EDGE_STATUS};
use headwater_spool::SpoolError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::batcher::{Batcher, Rows};
use crate::config::BatchConfig;
use crate::outbox::{Message, Outbox};

/// Items that may wait for the disk before whoever makes them waits too.
pub(crate) const QUEUE_ITEMS: usize = 64;

/// Something the agent has to say.
pub(crate) enum Item {
    Observation(Observation),
    Readings(Vec<SensorRow>),
    Heartbeat(Box<Heartbeat>),
}

/// What was seen in one frame.
pub(crate) struct Observation {
    pub(crate) frame: FrameRow,
    pub(crate) detections: Vec<DetectionRow>,
    pub(crate) events: Vec<EventRow>,
}

/// The task's state.
pub(crate) struct Intake {
    device_id: String,
    boot: String,
    /// Number of the next message of this start, over all topics.
    seq: u64,
    batcher: Batcher,
    outbox: Arc<Outbox>,
    patience: Patience,
}

/// How long a message waits for room: as long as the agent runs, and then as long as a shutdown waits for the broker.
pub(crate) struct Patience {
    stop: CancellationToken,
    drain: Duration,
    /// Set once the agent is to stop.
    deadline: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(stop: CancellationToken, drain_ms: u64) -> Self {
        Self { stop, drain: Duration::from_millis(drain_ms), deadline: None }
    }

    /// Waits until it is over.
    async fn over(&mut self) {
        self.stop.cancelled().await;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.drain);
        tokio::time::sleep_until(deadline.into()).await;
    }
}

impl Intake {
    pub(crate) fn new(
        device_id: &str,
        boot: &str,
        config: BatchConfig,
        outbox: Arc<Outbox>,
        patience: Patience,
    ) -> Self {
        let batcher = Batcher::new(config.rows, Duration::from_millis(config.linger_ms));
        Self { device_id: device_id.to_owned(), boot: boot.to_owned(), seq: 0, batcher, outbox, patience }
    }

    /// Takes items until nobody can send any more, flushes, and closes the outbox.
    pub(crate) async fn run(mut self, mut items: mpsc::Receiver<Item>) {
        loop {
            let deadline = self.batcher.deadline();
            let lingered = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                item = items.recv() => match item {
                    Some(item) => self.take(item).await,
                    None => break,
                },
                () = lingered => {
                    let rows = self.batcher.take();
                    self.send_rows(rows).await;
                }
            }
        }
        let rows = self.batcher.take();
        self.send_rows(rows).await;
        let outbox = Arc::clone(&self.outbox);
        if tokio::task::spawn_blocking(move || outbox.close()).await.is_err() {
            tracing::error!("the outbox was not closed");
        }
    }

    async fn take(&mut self, item: Item) {
        match item {
            Item::Observation(observation) => {
                let rows = self.batcher.push(observation, Instant::now());
                self.send_rows(rows).await;
            }
            Item::Readings(rows) => {
                let encoded = encoded(sensors::to_batch(&rows));
                self.send(EDGE_SENSORS, sensors::SCHEMA, encoded, rows.len()).await;
            }
            Item::Heartbeat(heartbeat) => self.send(EDGE_STATUS, status::SCHEMA, heartbeat.to_json(), 1).await,
        }
    }

    async fn send_rows(&mut self, rows: Option<Rows>) {
        let Some(Rows { frames, detections, events }) = rows else { return };
        self.send(EDGE_DATA, frames::SCHEMA, encoded(frames::to_batch(&frames)), frames.len()).await;
        if !detections.is_empty() {
            let encoded = encoded(detections::to_batch(&detections));
            self.send(EDGE_DETECTIONS, detections::SCHEMA, encoded, detections.len()).await;
        }
        if !events.is_empty() {
            self.send(EDGE_EVENTS, events::SCHEMA, encoded(events::to_batch(&events)), events.len()).await;
        }
    }

    /// Numbers a message and puts it on disk.
    async fn send(&mut self, topic: &'static str, schema: &str, value: Result<Vec<u8>, BatchError>, rows: usize) {
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                let reason = crate::error::chain(&error);
                tracing::error!(topic, rows, %reason, "rows lost: they cannot be encoded");
                return;
            }
        };
        let headers = Headers::new(schema, &self.device_id, &self.boot, self.seq);
        self.seq += 1;
        let message = Message { topic: topic.to_owned(), key: self.device_id.clone(), headers, value };
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        if let Err(error) = self.put(Arc::new(message), rows).await {
            self.outbox.count_lost(rows);
            let reason = crate::error::chain(&error);
            tracing::error!(topic, rows, %reason, "rows lost: the spool does not take them");
        }
    }

    /// Puts a message on disk; waits for room where nothing is to be dropped, and so lets everybody wait who has
    /// something to say. What the disk does not take is lost: there is nowhere else to put it.
    async fn put(&mut self, message: Arc<Message>, rows: u32) -> Result<(), SpoolError> {
        loop {
            let (outbox, again) = (Arc::clone(&self.outbox), Arc::clone(&message));
            let put = tokio::task::spawn_blocking(move || outbox.put(&again, rows)).await;
            let Ok(put) = put else { return Ok(()) };
            match put {
                Err(error) if self.outbox.waits_after(&error) => tokio::select! {
                    () = self.outbox.room() => {}
                    () = self.patience.over() => return Err(error),
                },
                put => return put,
            }
        }
    }
}

fn encoded(built: Result<RecordBatch, BatchError>) -> Result<Vec<u8>, BatchError> {
    built.and_then(|built| batch::encode_stream(&built))
}
