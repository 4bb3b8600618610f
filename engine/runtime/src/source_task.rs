//! A task that reads a table: rows by partition, their event times and watermarks, and barriers when asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::TimestampNanosecondArray;
use arrow::record_batch::RecordBatch;
use headwater_core::source::BAD_RECORDS;
use headwater_core::{
    Barrier, Epoch, EventTime, NO_TIME, Positions, Source, SourceEvent, Staged, StreamSchema, Watermark,
};
use headwater_plan::NodeId;
use headwater_state::{InstanceAck, InstanceId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::chain::Chain;
use crate::operator_task::publish_measures;
use crate::operators::SourceColumns;
use crate::pace::Pace;
use crate::report::{Handed, Report, SourceRequest, acknowledge, known};
use crate::source_time::SourceTime;
use crate::status::InstanceBoard;
use crate::tail::{Tail, TaskError};

/// How often a silent source looks at the clock, at least.
const TICK: Duration = Duration::from_millis(500);
/// Rows that go through the chain in one piece.
const BATCH_ROWS: usize = 8 * 1024;

/// One instance of a source and the operators chained onto it.
pub(crate) struct SourceTask {
    pub(crate) node: NodeId,
    pub(crate) instance: usize,
    pub(crate) source: Box<dyn Source>,
    pub(crate) columns: SourceColumns,
    pub(crate) time: SourceTime,
    pub(crate) chain: Chain,
    pub(crate) tail: Tail,
    /// Where records go that cannot be read.
    pub(crate) bad: Tail,
    /// How far other instances are, where none may run too far ahead.
    pub(crate) pace: Option<Pace>,
    pub(crate) board: Arc<InstanceBoard>,
    pub(crate) boards: Vec<(NodeId, Arc<InstanceBoard>)>,
    pub(crate) requests: mpsc::Receiver<SourceRequest>,
    pub(crate) reports: mpsc::Sender<Report>,
    /// How long changes are folded before they are sent on.
    pub(crate) flush_interval: Duration,
    /// The watermark of the checkpoint that the chained operators' state is of.
    pub(crate) restored: Option<EventTime>,
    /// The epoch of that checkpoint.
    pub(crate) epoch: Epoch,
}

/// What the task does with its source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Reading,
    /// Told to stop: the next end is where it stands, not the end of the table.
    Draining,
    /// Has read what there was, and waits for the last barrier.
    Drained,
}

struct Running {
    task: SourceTask,
    started: Instant,
    mode: Mode,
    watermark: EventTime,
    collected: Vec<RecordBatch>,
    flushed: Instant,
    /// When partitions that have more to say were last kept awake, since the start.
    woken: Duration,
}

impl SourceTask {
    /// Runs until the source ends or a barrier says stop.
    pub(crate) async fn run(self) -> Result<(), TaskError> {
        let watermark = EventTime::MIN;
        let (now, mode) = (Instant::now(), Mode::Reading);
        let (collected, woken) = (Vec::new(), Duration::ZERO);
        let mut running = Running { task: self, started: now, mode, watermark, collected, flushed: now, woken };
        if let Some(time) = running.task.restored {
            running.send_watermark(Watermark::at(time)).await?;
        }
        let mut ticks = interval(TICK.min(running.task.flush_interval));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while running.step(&mut ticks).await? {}
        Ok(())
    }
}

impl Running {
    /// One event. False when the task is done.
    async fn step(&mut self, ticks: &mut Interval) -> Result<bool, TaskError> {
        let reading = self.mode != Mode::Drained;
        tokio::select! {
            biased;
            request = self.task.requests.recv() => match request {
                Some(request) => self.answer(request).await,
                None => Err(TaskError::Cancelled),
            },
            () = heard(&mut self.task.pace), if self.mode == Mode::Reading => {
                self.keep_pace().await?;
                Ok(true)
            }
            event = self.task.source.next(), if reading => self.take(event?).await,
            _ = ticks.tick(), if reading => {
                self.advance().await?;
                self.keep_pace().await?;
                self.flush().await?;
                self.measure();
                Ok(true)
            }
        }
    }

    async fn answer(&mut self, request: SourceRequest) -> Result<bool, TaskError> {
        match request {
            SourceRequest::Barrier(barrier) => {
                self.barrier(barrier).await?;
                Ok(!barrier.stop)
            }
            SourceRequest::Drain => {
                self.mode = Mode::Draining;
                self.let_go().await?;
                self.task.source.drain().await?;
                Ok(true)
            }
            SourceRequest::Committed(positions) => {
                let (positions, _) = split_positions(positions);
                self.task.source.committed(&positions).await?;
                Ok(true)
            }
        }
    }

    async fn take(&mut self, event: SourceEvent) -> Result<bool, TaskError> {
        match event {
            SourceEvent::Partitions(names) => {
                self.task.time.assign(names, self.started.elapsed());
                self.advance().await?;
                self.keep_pace().await?;
            }
            SourceEvent::Batch { partition, batch } => self.batch(partition, &batch).await?,
            SourceEvent::Sifted { partition, batch, bad } => {
                self.bad(&bad).await?;
                self.batch(partition, &batch).await?;
            }
            SourceEvent::End if self.mode == Mode::Draining => {
                self.mode = Mode::Drained;
                self.report(Report::Drained).await?;
            }
            SourceEvent::End => {
                self.end().await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn batch(&mut self, partition: usize, batch: &RecordBatch) -> Result<(), TaskError> {
        let mut watermark = None;
        for piece in pieces(batch) {
            watermark = self.rows(piece).await?.max(watermark);
        }
        self.task.time.observe(partition, watermark, self.started.elapsed());
        self.advance().await?;
        self.keep_pace().await?;
        self.flush().await
    }

    /// Sends records that could not be read to who collects them. They have no event time that one could know.
    async fn bad(&mut self, records: &RecordBatch) -> Result<(), TaskError> {
        let times = TimestampNanosecondArray::from_value(NO_TIME.nanos(), records.num_rows());
        let stream = StreamSchema::append_only(&BAD_RECORDS);
        let mut rows = vec![stream.batch(records.columns().to_vec(), Arc::new(times))?];
        self.task.bad.send(&mut rows).await
    }

    /// Sends a piece of a batch through the chain; gives the watermark that its rows allow.
    async fn rows(&mut self, batch: RecordBatch) -> Result<Option<EventTime>, TaskError> {
        let rows = self.task.columns.apply(&batch)?;
        self.task.board.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.task.board.dropped_rows.fetch_add(rows.dropped_rows, Ordering::Relaxed);
        self.task.chain.batch(0, rows.batch, &mut self.collected)?;
        self.task.tail.send(&mut self.collected).await?;
        Ok(rows.watermark)
    }

    async fn advance(&mut self) -> Result<(), TaskError> {
        let now = self.started.elapsed();
        // Who was not read because this task waited for its readers is not idle.
        if now.saturating_sub(self.woken) >= TICK / 2 {
            self.woken = now;
            self.task.time.keep_awake(|partition| self.task.source.has_more(partition), now);
        }
        match self.task.time.advance(now) {
            Some(watermark) => self.send_watermark(watermark).await,
            None => Ok(()),
        }
    }

    /// Says how far this instance is, and holds those of its partitions that are too far ahead.
    async fn keep_pace(&mut self) -> Result<(), TaskError> {
        let Some(pace) = self.task.pace.as_mut().filter(|_| self.mode == Mode::Reading) else { return Ok(()) };
        let now = self.started.elapsed();
        let slowest = pace.say(self.task.time.slowest(now));
        match self.task.time.hold(slowest, now) {
            Some(held) => Ok(self.task.source.hold(&held).await?),
            None => Ok(()),
        }
    }

    /// Holds nobody any more: what is left is read whoever is ahead.
    async fn let_go(&mut self) -> Result<(), TaskError> {
        let Some(pace) = &mut self.task.pace else { return Ok(()) };
        pace.say(EventTime::MAX);
        self.task.time.release(self.started.elapsed());
        Ok(self.task.source.hold(&BTreeSet::new()).await?)
    }

    /// Lets folded changes go where they have waited long enough.
    async fn flush(&mut self) -> Result<(), TaskError> {
        if self.flushed.elapsed() < self.task.flush_interval {
            return Ok(());
        }
        self.flushed = Instant::now();
        self.task.chain.flush(&mut self.collected)?;
        self.task.tail.send(&mut self.collected).await
    }

    async fn send_watermark(&mut self, watermark: Watermark) -> Result<(), TaskError> {
        let watermark = Watermark { time: watermark.time.max(self.watermark), ..watermark };
        self.watermark = watermark.time;
        self.task.board.watermark.store(watermark.time.nanos(), Ordering::Relaxed);
        self.task.board.idle.store(watermark.idle, Ordering::Relaxed);
        let leaving = self.task.chain.watermark(watermark, &mut self.collected)?;
        self.task.tail.send(&mut self.collected).await?;
        self.measure();
        self.task.bad.watermark(watermark).await?;
        self.task.tail.watermark(leaving).await
    }

    async fn barrier(&mut self, barrier: Barrier) -> Result<(), TaskError> {
        let snapshots = self.task.chain.barrier(barrier.epoch, &mut self.collected)?;
        self.task.tail.send(&mut self.collected).await?;
        self.task.bad.barrier(barrier).await?;
        let staged = self.task.tail.barrier(barrier).await?;
        self.task.epoch = barrier.epoch;
        self.measure();
        let acks = self.acks(snapshots, staged);
        self.report(Report::Acknowledged { epoch: barrier.epoch, acks }).await
    }

    /// The source is at its end: every window closes.
    async fn end(&mut self) -> Result<(), TaskError> {
        self.measure();
        if let Some(pace) = &mut self.task.pace {
            pace.say(EventTime::MAX);
        }
        self.send_watermark(Watermark::END).await?;
        let epoch = self.task.epoch + 1;
        let snapshots = self.task.chain.barrier(epoch, &mut self.collected)?;
        self.task.tail.send(&mut self.collected).await?;
        self.task.bad.end(epoch).await?;
        let staged = self.task.tail.end(epoch).await?;
        let acks = self.acks(snapshots, staged);
        self.report(Report::Ended { acks }).await
    }

    fn acks(&self, snapshots: Vec<Handed>, staged: Option<(NodeId, Staged)>) -> Vec<(InstanceId, InstanceAck)> {
        let mut acks = acknowledge(self.task.instance, self.task.chain.leaving(), snapshots, staged);
        let positions = join_positions(self.task.source.positions(), &self.task.time);
        let ack = InstanceAck { watermark: known(self.watermark), positions, ..InstanceAck::default() };
        acks.push(((self.task.node, self.task.instance), ack));
        acks
    }

    async fn report(&mut self, report: Report) -> Result<(), TaskError> {
        self.task.reports.send(report).await.map_err(|_| TaskError::Cancelled)
    }

    fn measure(&self) {
        let board = &self.task.board;
        board.bad_records.store(self.task.source.bad_records(), Ordering::Relaxed);
        board.lag_rows.store(self.task.source.lag_rows().unwrap_or(u64::MAX), Ordering::Relaxed);
        publish_measures(&self.task.chain, &self.task.boards);
    }
}

/// Waits until another instance has got on; for ever where that does not matter.
async fn heard(pace: &mut Option<Pace>) {
    match pace {
        Some(pace) => pace.changed().await,
        None => std::future::pending().await,
    }
}

/// A batch in pieces small enough to go through the chain while they are in the cache.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> + '_ {
    let rows = batch.num_rows();
    (0..rows).step_by(BATCH_ROWS).map(move |start| batch.slice(start, BATCH_ROWS.min(rows - start)))
}

/// Puts each partition's time beside its position: `{"at": …, "time": nanoseconds}`.
fn join_positions(positions: Positions, time: &SourceTime) -> Positions {
    let mut joined: Positions = positions.into_iter().map(|(name, at)| (name, json!({ "at": at }))).collect();
    for (name, time) in time.times().filter(|(_, time)| *time != EventTime::MIN) {
        if let Some(Value::Object(position)) = joined.get_mut(name) {
            position.insert("time".to_owned(), json!(time.nanos()));
        }
    }
    joined
}

/// The inverse of [`join_positions`]: the source's own positions, and the partitions' times.
pub(crate) fn split_positions(joined: Positions) -> (Positions, BTreeMap<String, EventTime>) {
    let mut positions = Positions::new();
    let mut times = BTreeMap::new();
    for (name, mut value) in joined {
        if let Some(time) = value.get("time").and_then(Value::as_i64) {
            times.insert(name.clone(), EventTime(time));
        }
        if let Some(at) = value.get_mut("at") {
            positions.insert(name, at.take());
        }
    }
    (positions, times)
}
