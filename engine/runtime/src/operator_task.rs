//! A task that reads from other tasks: receives, runs its chain to the end, sends.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use headwater_core::{Barrier, Epoch, EventTime, Message, Snapshot, Watermark, WatermarkMerge};
use headwater_plan::NodeId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::alignment::Alignment;
use crate::awaited::{Awaited, Passed};
use crate::chain::Chain;
use crate::channel::Receiver;
use crate::report::{Handed, Report, acknowledge};
use crate::status::InstanceBoard;
use crate::tail::{Tail, TaskError};

/// One channel into the task, and which of the head's inputs it is.
pub(crate) struct Input {
    pub(crate) number: usize,
    pub(crate) receiver: Receiver,
}

/// One instance of a chain of operators.
pub(crate) struct OperatorTask {
    pub(crate) instance: usize,
    pub(crate) inputs: Vec<Input>,
    /// What rows wait for before they go into the chain.
    pub(crate) awaited: Option<Awaited>,
    pub(crate) chain: Chain,
    pub(crate) tail: Tail,
    pub(crate) boards: Vec<(NodeId, Arc<InstanceBoard>)>,
    pub(crate) reports: mpsc::Sender<Report>,
    /// How long changes are folded before they are sent on.
    pub(crate) flush_interval: Duration,
    /// The watermark of the checkpoint that the state is of.
    pub(crate) restored: Option<EventTime>,
    /// The epoch of that checkpoint.
    pub(crate) epoch: Epoch,
}

/// What is left of a task while it runs.
struct Running {
    task: OperatorTask,
    merge: WatermarkMerge,
    alignment: Alignment,
    collected: Vec<RecordBatch>,
    next_input: usize,
    flushed: Instant,
}

/// What wakes the task.
enum Woken {
    /// A message of an input.
    Received(usize, Message),
    /// Something that has been waited for.
    Passed(Passed),
    /// Every input has ended, and everything has been waited for.
    Ended,
}

impl OperatorTask {
    /// Runs until every input has ended or a barrier says stop.
    pub(crate) async fn run(self) -> Result<(), TaskError> {
        let merge = WatermarkMerge::new(self.inputs.len());
        let alignment = Alignment::new(self.inputs.len());
        let mut ticks = interval(self.flush_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let flushed = Instant::now();
        let mut running = Running { task: self, merge, alignment, collected: Vec::new(), next_input: 0, flushed };
        if let Some(time) = running.task.restored {
            running.merge = WatermarkMerge::restored(running.task.inputs.len(), time);
            running.watermark(Watermark::at(time)).await?;
        }
        loop {
            tokio::select! {
                biased;
                woken = running.wake() => match woken? {
                    Woken::Received(input, message) => if running.take(input, message).await? {
                        return Ok(());
                    },
                    Woken::Passed(passed) => running.passed(passed).await?,
                    Woken::Ended => return running.end().await,
                },
                _ = ticks.tick() => {}
            }
            running.flush().await?;
        }
    }
}

impl Running {
    /// What has been waited for, or the next message of an input that is not waiting for a barrier.
    async fn wake(&mut self) -> Result<Woken, TaskError> {
        if self.alignment.all_ended() {
            return Ok(self.next_passed().await?.map_or(Woken::Ended, Woken::Passed));
        }
        poll_fn(|context| self.poll_wake(context)).await
    }

    fn poll_wake(&mut self, context: &mut Context<'_>) -> Poll<Result<Woken, TaskError>> {
        if let Some(awaited) = &mut self.task.awaited {
            if let Poll::Ready(Some(passed)) = awaited.poll_next(context) {
                return Poll::Ready(passed.map(Woken::Passed));
            }
            if !awaited.has_room() {
                return Poll::Pending;
            }
        }
        self.poll_inputs(context).map(|(input, message)| match message {
            Some(message) => Ok(Woken::Received(input, message)),
            None => Err(TaskError::Cancelled),
        })
    }

    /// Waits for what has to be waited for; `None` when that is nothing.
    async fn next_passed(&mut self) -> Result<Option<Passed>, TaskError> {
        match &mut self.task.awaited {
            Some(awaited) => awaited.next().await.transpose(),
            None => Ok(None),
        }
    }

    async fn passed(&mut self, passed: Passed) -> Result<(), TaskError> {
        match passed {
            Passed::Rows(batch) => self.rows(0, batch).await,
            Passed::Watermark(watermark) => self.watermark(watermark).await,
        }
    }

    async fn rows(&mut self, number: usize, batch: RecordBatch) -> Result<(), TaskError> {
        if batch.num_rows() > 0 {
            self.task.chain.batch(number, batch, &mut self.collected)?;
        }
        self.task.tail.send(&mut self.collected).await
    }

    /// Asks the inputs in turn, beginning after the one that was served last.
    fn poll_inputs(&mut self, context: &mut Context<'_>) -> Poll<(usize, Option<Message>)> {
        let count = self.task.inputs.len();
        for step in 0..count {
            let index = (self.next_input + step) % count;
            if !self.alignment.is_open(index) {
                continue;
            }
            let receiver = Pin::new(&mut self.task.inputs[index].receiver);
            if let Poll::Ready(message) = receiver.poll_receive(context) {
                self.next_input = (index + 1) % count;
                return Poll::Ready((index, message));
            }
        }
        Poll::Pending
    }

    /// Takes one message. True when it was the barrier that stops the job.
    async fn take(&mut self, input: usize, message: Message) -> Result<bool, TaskError> {
        let barrier = match message {
            Message::Batch(batch) => {
                match &mut self.task.awaited {
                    Some(awaited) => awaited.ask(batch),
                    None => self.rows(self.task.inputs[input].number, batch).await?,
                }
                None
            }
            Message::Watermark(watermark) => {
                if let Some(merged) = self.merge.update(input, watermark) {
                    self.merged(merged).await?;
                }
                None
            }
            Message::Barrier(barrier) => self.alignment.reach(input, barrier),
            Message::End => {
                // An ended input holds no one back; while others go on it is idle rather than at the end of time.
                let time = self.merge.current().time;
                let merged = self.merge.update(input, Watermark::idle_at(time));
                let barrier = self.alignment.end(input);
                if let Some(merged) = merged.filter(|_| !self.alignment.all_ended()) {
                    self.merged(merged).await?;
                }
                barrier
            }
        };
        match barrier {
            Some(barrier) => self.barrier(barrier).await.map(|()| barrier.stop),
            None => Ok(false),
        }
    }

    /// Lets folded changes go where they have waited long enough.
    async fn flush(&mut self) -> Result<(), TaskError> {
        if self.flushed.elapsed() < self.task.flush_interval {
            return Ok(());
        }
        self.flushed = Instant::now();
        self.task.chain.flush(&mut self.collected)?;
        self.measure();
        self.task.tail.send(&mut self.collected).await
    }

    /// A watermark goes on, behind the rows that are waited for.
    async fn merged(&mut self, watermark: Watermark) -> Result<(), TaskError> {
        match &mut self.task.awaited {
            Some(awaited) => {
                awaited.pass(watermark);
                Ok(())
            }
            None => self.watermark(watermark).await,
        }
    }

    async fn watermark(&mut self, watermark: Watermark) -> Result<(), TaskError> {
        let leaving = self.task.chain.watermark(watermark, &mut self.collected)?;
        self.task.tail.send(&mut self.collected).await?;
        self.measure();
        self.task.tail.watermark(leaving).await
    }

    async fn barrier(&mut self, barrier: Barrier) -> Result<(), TaskError> {
        while let Some(passed) = self.next_passed().await? {
            self.passed(passed).await?;
        }
        let snapshots = self.snapshots(barrier.epoch)?;
        self.task.tail.send(&mut self.collected).await?;
        let staged = self.task.tail.barrier(barrier).await?;
        self.task.epoch = barrier.epoch;
        self.measure();
        let acks = acknowledge(self.task.instance, self.task.chain.leaving(), snapshots, staged);
        self.report(Report::Acknowledged { epoch: barrier.epoch, acks }).await
    }

    async fn end(mut self) -> Result<(), TaskError> {
        self.watermark(Watermark::END).await?;
        let epoch = self.task.epoch + 1;
        let snapshots = self.snapshots(epoch)?;
        self.task.tail.send(&mut self.collected).await?;
        let staged = self.task.tail.end(epoch).await?;
        let acks = acknowledge(self.task.instance, self.task.chain.leaving(), snapshots, staged);
        self.report(Report::Ended { acks }).await
    }

    fn snapshots(&mut self, epoch: Epoch) -> Result<Vec<Handed>, TaskError> {
        let mut snapshots = self.task.chain.barrier(epoch, &mut self.collected)?;
        // It keeps nothing, but the coordinator waits for every node.
        let watermark = self.merge.current().time;
        snapshots.extend(self.task.awaited.as_ref().map(|awaited| {
            let node = awaited.node();
            Handed { node, watermark, snapshot: Snapshot::default() }
        }));
        Ok(snapshots)
    }

    async fn report(&mut self, report: Report) -> Result<(), TaskError> {
        self.task.reports.send(report).await.map_err(|_| TaskError::Cancelled)
    }

    fn measure(&self) {
        publish_measures(&self.task.chain, &self.task.boards);
    }
}

/// Writes the chain's own counts to the board.
pub(crate) fn publish_measures(chain: &Chain, boards: &[(NodeId, Arc<InstanceBoard>)]) {
    for (node, operator) in chain.operators() {
        if let Some((_, board)) = boards.iter().find(|(known, _)| *known == node) {
            board.late_rows.store(operator.late_rows(), Ordering::Relaxed);
            board.state_bytes.store(operator.state_bytes(), Ordering::Relaxed);
            board.spilled_bytes.store(operator.spilled_bytes(), Ordering::Relaxed);
        }
    }
}
