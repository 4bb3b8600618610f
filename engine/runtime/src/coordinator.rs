//! Runs a job's tasks and its checkpoints: asks sources for barriers, waits for every instance, writes the manifest,
//! and commits. One epoch is under way at a time, and the next begins only when this one is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use headwater_core::{Barrier, Committer, Epoch};
use headwater_plan::NodeId;
use headwater_state::{CheckpointStore, EpochTracker, InstanceAck, InstanceId, Manifest};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};

use crate::build::{Built, Task};
use crate::error::JobError;
use crate::report::{Report, SourceRequest};
use crate::status::{JobBoard, JobPhase};
use crate::tail::TaskError;

/// How a job is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Read what is there, take a checkpoint, commit it, and end.
    Drain,
    /// End at once; the next start goes on from the last checkpoint.
    Now,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Every source came to its end, and everything is committed.
    Finished,
    /// It was stopped.
    Stopped,
}

/// How often a checkpoint is taken where nothing is kept: sinks still have to be told to commit.
const COMMIT_INTERVAL: Duration = Duration::from_secs(10);

/// How often the size of the state is looked at.
const WEIGH_INTERVAL: Duration = Duration::from_millis(500);

/// What the coordinator knows besides the tasks.
pub(crate) struct Coordinator<'a> {
    pub(crate) job: &'a str,
    pub(crate) fingerprints: &'a [String],
    pub(crate) store: Option<&'a CheckpointStore>,
    pub(crate) previous: Option<Manifest>,
    pub(crate) checkpoint_interval: Option<Duration>,
    pub(crate) state_memory_max: Option<usize>,
    pub(crate) board: &'a JobBoard,
    pub(crate) stop: watch::Receiver<Option<Stop>>,
}

/// A run of the tasks.
struct Run<'a> {
    coordinator: Coordinator<'a>,
    tasks: JoinSet<Result<(), TaskError>>,
    requests: BTreeMap<InstanceId, mpsc::Sender<SourceRequest>>,
    committers: BTreeMap<NodeId, Arc<dyn Committer>>,
    tracker: EpochTracker,
    epoch: Epoch,
    began: Instant,
    /// Sources that have still to say that they are drained; `None` while nobody asked.
    draining: Option<usize>,
    stopping: bool,
    /// Whether an epoch was begun to see what a checkpoint lets go of.
    relieved: bool,
    /// Why the job stops by itself.
    reason: Option<JobError>,
}

/// What woke the coordinator.
enum Wake {
    Report(Option<Report>),
    Task(Option<Result<Result<(), TaskError>, JoinError>>),
    Stop(Stop),
    Tick,
    /// It is time to look at how much memory the state takes.
    Weigh,
}

impl<'a> Coordinator<'a> {
    /// Runs the tasks to their end, or until one fails.
    pub(crate) async fn run(self, built: Built) -> Result<JobEnd, JobError> {
        let Built { tasks, requests, mut reports, committers, instances } = built;
        let mut set = JoinSet::new();
        for task in tasks {
            match task {
                Task::Source(task) => set.spawn(async move { task.run().await }),
                Task::Operator(task) => set.spawn(async move { task.run().await }),
            };
        }
        self.board.set_phase(JobPhase::Running);
        let epoch = self.previous.as_ref().map_or(0, |manifest| manifest.epoch);
        let mut run = Run {
            coordinator: self,
            tasks: set,
            requests,
            committers,
            tracker: EpochTracker::new(instances),
            epoch,
            began: Instant::now(),
            draining: None,
            stopping: false,
            relieved: false,
            reason: None,
        };
        let result = run.until_end(&mut reports).await;
        run.requests.clear();
        run.tasks.shutdown().await;
        result
    }
}

impl Run<'_> {
    async fn until_end(&mut self, reports: &mut mpsc::Receiver<Report>) -> Result<JobEnd, JobError> {
        let mut ticks = self.ticks();
        let mut weighings = interval(WEIGH_INTERVAL);
        weighings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = self.coordinator.stop.clone();
        let (mut drain_asked, mut silent) = (false, false);
        loop {
            let wake = tokio::select! {
                biased;
                // Where nobody is left to report, a task that has been joined may still say why.
                report = reports.recv(), if !silent || self.tasks.is_empty() => Wake::Report(report),
                joined = self.tasks.join_next(), if !self.tasks.is_empty() => Wake::Task(joined),
                asked = wait_for_stop(&mut stop, drain_asked) => Wake::Stop(asked),
                _ = ticks.tick() => Wake::Tick,
                _ = weighings.tick() => Wake::Weigh,
            };
            match wake {
                Wake::Report(Some(report)) => self.take_report(report).await?,
                Wake::Report(None) if !self.tasks.is_empty() => silent = true,
                Wake::Report(None) => return Err(self.mistake("every task ended without a report")),
                Wake::Task(Some(joined)) => self.joined(joined).await?,
                Wake::Task(None) => {}
                Wake::Stop(Stop::Drain) => {
                    drain_asked = true;
                    self.begin_drain().await;
                }
                Wake::Stop(Stop::Now) => return Ok(JobEnd::Stopped),
                Wake::Tick if self.tracker.in_flight().is_none() => self.begin_epoch(false).await,
                Wake::Tick => {}
                Wake::Weigh => self.weigh().await,
            }
            if let Some(end) = self.advance().await? {
                return Ok(end);
            }
        }
    }

    /// Ticks come at the interval; where there is none, as good as never.
    fn ticks(&self) -> Interval {
        let never = Duration::from_secs(365 * 24 * 3600);
        let bounded = self.coordinator.store.is_none().then_some(COMMIT_INTERVAL);
        let every = self.coordinator.checkpoint_interval.or(bounded).unwrap_or(never);
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    async fn take_report(&mut self, report: Report) -> Result<(), JobError> {
        match report {
            Report::Acknowledged { epoch, acks } => {
                for (instance, ack) in acks {
                    self.tracker.acknowledge(epoch, instance, ack);
                }
            }
            Report::Ended { acks } => {
                for (instance, ack) in acks {
                    if self.requests.remove(&instance).is_some() {
                        self.one_less_to_drain();
                    }
                    self.tracker.end(instance, ack);
                }
            }
            Report::Drained => self.one_less_to_drain(),
        }
        Ok(())
    }

    fn one_less_to_drain(&mut self) {
        if let Some(left) = &mut self.draining {
            *left = left.saturating_sub(1);
        }
    }

    /// Completes an epoch, begins the last one, or sees that all is done.
    async fn advance(&mut self) -> Result<Option<JobEnd>, JobError> {
        if let Some((epoch, acks)) = self.tracker.complete() {
            self.finish_epoch(epoch, acks).await?;
            if self.stopping {
                return self.reason.take().map_or(Ok(Some(JobEnd::Stopped)), Err);
            }
        }
        if self.tracker.in_flight().is_some() {
            return Ok(None);
        }
        if self.tracker.all_ended() {
            self.epoch += 1;
            self.began = Instant::now();
            self.tracker.begin(self.epoch);
            if let Some((epoch, acks)) = self.tracker.complete() {
                self.finish_epoch(epoch, acks).await?;
            }
            return Ok(Some(JobEnd::Finished));
        }
        if self.draining == Some(0) {
            self.draining = None;
            self.stopping = true;
            self.begin_epoch(true).await;
        }
        Ok(None)
    }

    async fn begin_drain(&mut self) {
        if self.draining.is_none() {
            self.draining = Some(self.requests.len());
            self.ask_sources(|| SourceRequest::Drain).await;
        }
    }

    /// Stops the job with a last checkpoint where its state has outgrown the bound. Where there are checkpoints, one is
    /// taken before, since some memory holds what only waits for it.
    async fn weigh(&mut self) {
        let Some(bound_bytes) = self.coordinator.state_memory_max else { return };
        if self.stopping || self.draining.is_some() || self.tracker.in_flight().is_some() {
            return;
        }
        let status = self.coordinator.board.status();
        if status.state_bytes <= bound_bytes {
            self.relieved = false;
            return;
        }
        if self.coordinator.store.is_some() && !self.relieved {
            self.begin_epoch(false).await;
            self.relieved = true;
            return;
        }
        self.reason = Some(JobError::StateMemory {
            job: self.coordinator.job.to_owned(),
            state_bytes: status.state_bytes,
            bound_bytes,
            largest: status.largest_state().map(|operator| operator.description.clone()).unwrap_or_default(),
        });
        self.stopping = true;
        self.begin_epoch(true).await;
    }

    async fn begin_epoch(&mut self, stop: bool) {
        self.epoch += 1;
        self.began = Instant::now();
        self.tracker.begin(self.epoch);
        let barrier = Barrier { epoch: self.epoch, stop };
        self.ask_sources(|| SourceRequest::Barrier(barrier)).await;
    }

    /// Sends a request to every source. One that is gone has failed, and its task says so.
    async fn ask_sources(&self, request: impl Fn() -> SourceRequest) {
        for sender in self.requests.values() {
            let _ = sender.send(request()).await;
        }
    }

    /// Makes an epoch durable, then visible.
    async fn finish_epoch(&mut self, epoch: Epoch, acks: BTreeMap<InstanceId, InstanceAck>) -> Result<(), JobError> {
        let commits = commits(&acks);
        let mut manifest = None;
        if let Some(store) = self.coordinator.store {
            let (job, previous) = (self.coordinator.job, self.coordinator.previous.as_ref());
            let written = store.write(job, epoch, self.coordinator.fingerprints, acks, previous).await;
            manifest = Some(written.map_err(|error| JobError::store(job, error))?);
        }
        commit(self.coordinator.job, epoch, &commits, &self.committers).await?;
        let (took, now) = (self.began.elapsed(), SystemTime::now());
        self.coordinator.board.set_checkpoint(epoch, Some(took), Some(now));
        if let (Some(store), Some(manifest)) = (self.coordinator.store, manifest) {
            self.tell_positions(&manifest).await;
            self.coordinator.previous = Some(manifest);
            if let Err(error) = store.collect_garbage(self.coordinator.job).await {
                // What is left over costs space and is tried again with the next epoch.
                tracing::warn!(job = self.coordinator.job, epoch, %error, "old checkpoints not deleted");
            }
        }
        Ok(())
    }

    async fn tell_positions(&self, manifest: &Manifest) {
        for ((node, instance), sender) in &self.requests {
            let state = manifest.nodes.get(*node).and_then(|node| node.instances.get(*instance));
            if let Some(state) = state {
                let _ = sender.send(SourceRequest::Committed(state.positions.clone())).await;
            }
        }
    }

    /// A task has ended: well, or with the reason why the job fails.
    async fn joined(&mut self, joined: Result<Result<(), TaskError>, JoinError>) -> Result<(), JobError> {
        let Some(error) = self.failure(joined) else { return Ok(()) };
        let mut error = error;
        // A task that lost its neighbour does not know why. Let all of them end: one of them does.
        self.requests.clear();
        while matches!(error, TaskError::Cancelled) {
            let Some(joined) = self.tasks.join_next().await else { break };
            error = self.failure(joined).unwrap_or(error);
        }
        Err(match error {
            TaskError::Cancelled => self.mistake("a task ended and left its neighbours"),
            TaskError::Operator(error) => JobError::operator(self.coordinator.job, error),
            TaskError::Connector(error) => JobError::connector(self.coordinator.job, error),
        })
    }

    fn failure(&self, joined: Result<Result<(), TaskError>, JoinError>) -> Option<TaskError> {
        match joined {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => {
                Some(TaskError::Operator(headwater_core::OperatorError::plan(format!("a task panicked: {panic}"))))
            }
        }
    }

    fn mistake(&self, what: &str) -> JobError {
        JobError::mistake(self.coordinator.job, what)
    }
}

/// Waits until somebody asks to stop, or, once a drain has been asked for, to stop at once. The job's handle being gone
/// is asking too.
async fn wait_for_stop(stop: &mut watch::Receiver<Option<Stop>>, drain_asked: bool) -> Stop {
    let news = |asked: &Option<Stop>| matches!(asked, Some(Stop::Now)) || (asked.is_some() && !drain_asked);
    match stop.wait_for(news).await {
        Ok(asked) => asked.unwrap_or(Stop::Now),
        Err(_) => Stop::Now,
    }
}

/// What every sink staged.
fn commits(acks: &BTreeMap<InstanceId, InstanceAck>) -> Vec<(NodeId, Vec<serde_json::Value>)> {
    let mut commits: BTreeMap<NodeId, Vec<serde_json::Value>> = BTreeMap::new();
    for ((node, _), ack) in acks {
        if let Some(value) = &ack.commit {
            commits.entry(*node).or_default().push(value.clone());
        }
    }
    commits.into_iter().collect()
}

/// Makes staged output visible. Done again after a crash, with the same values.
pub(crate) async fn commit(
    job: &str,
    epoch: Epoch,
    commits: &[(NodeId, Vec<serde_json::Value>)],
    committers: &BTreeMap<NodeId, Arc<dyn Committer>>,
) -> Result<(), JobError> {
    for (node, values) in commits {
        if let Some(committer) = committers.get(node) {
            committer.commit(epoch, values).await.map_err(|error| JobError::connector(job, error))?;
        }
    }
    Ok(())
}
