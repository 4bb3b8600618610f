//! What a job is doing, for whoever looks: counters that tasks write without waiting, and the picture made of them.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use headwater_core::{Epoch, EventTime};
use headwater_plan::{Graph, NodeId, NodeKind};

/// Where a job is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobPhase {
    /// Sources and sinks are being opened, state is being read.
    Starting,
    /// Rows flow.
    Running,
    /// It failed, and goes on from its last checkpoint after a pause.
    Restarting {
        /// What failed.
        reason: String,
    },
    /// Every source came to its end.
    Finished,
    /// It was stopped, and can go on.
    Stopped,
    /// It failed, and trying again would not help.
    Failed {
        /// What failed.
        reason: String,
    },
}

/// A job as it is at this moment.
#[derive(Clone, Debug)]
pub struct JobStatus {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub phase: JobPhase,
    /// Its graph, as text.
    pub explain: String,
    /// Its sources.
    pub sources: Vec<SourceStatus>,
    /// Its sinks.
    pub sinks: Vec<SinkStatus>,
    /// The least watermark of its sources; `None` before there is one.
    pub watermark: Option<EventTime>,
    /// Rows that came too late for any window, since the job was started.
    pub late_rows: u64,
    /// The last complete checkpoint.
    pub epoch: Option<Epoch>,
    /// How long it took, from the first barrier to the last commit.
    pub checkpoint_duration: Option<Duration>,
    /// When it was complete.
    pub checkpoint_at: Option<SystemTime>,
    /// Bytes of state in memory.
    pub state_bytes: usize,
    /// Bytes of state on local disk.
    pub spilled_bytes: usize,
    /// Its operators, those without state too.
    pub operators: Vec<OperatorStatus>,
    /// How often the job has gone on from a checkpoint after a failure.
    pub restarts: u64,
}

/// A source as it is at this moment, all instances together.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// The table's name.
    pub table: String,
    /// Rows read since the job was started.
    pub rows: u64,
    /// Records that could not be read and were dropped.
    pub bad_records: u64,
    /// Rows without an event time, which were dropped.
    pub dropped_rows: u64,
    /// Rows of it that came too late for any window, since the job was started: those that operators counted which
    /// read no other table. [`JobStatus::late_rows`] has the others as well.
    pub late_rows: u64,
    /// Rows that wait to be read, where the source knows.
    pub lag_rows: Option<u64>,
    /// The source's watermark.
    pub watermark: Option<EventTime>,
}

/// A sink as it is at this moment, all instances together.
#[derive(Clone, Debug)]
pub struct SinkStatus {
    /// The table's name.
    pub table: String,
    /// Rows written since the job was started.
    pub rows: u64,
}

/// An operator as it is at this moment, all instances together.
#[derive(Clone, Debug)]
pub struct OperatorStatus {
    /// Its number in the graph.
    pub node: NodeId,
    /// What it does, in a few words.
    pub name: String,
    /// What it does, and to what: its line in the graph's text.
    pub description: String,
    /// Bytes of state in memory.
    pub state_bytes: usize,
    /// Bytes of state on local disk.
    pub spilled_bytes: usize,
}

/// What a job's tasks and its coordinator write, and [`JobBoard::status`] reads.
#[derive(Debug)]
pub(crate) struct JobBoard {
    name: String,
    explain: String,
    nodes: Vec<NodeBoard>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    phase: JobPhase,
    epoch: Option<Epoch>,
    duration: Option<Duration>,
    at: Option<SystemTime>,
    restarts: u64,
}

/// The counters of one node, of all its instances.
#[derive(Debug)]
pub(crate) struct NodeBoard {
    kind: BoardKind,
    /// The source that its rows come from, unless several tables feed it.
    source: Option<NodeId>,
    instances: Mutex<Vec<InstanceBoardRef>>,
}

#[derive(Debug)]
enum BoardKind {
    Source(String),
    Sink(String),
    Operator { name: String, description: String },
}

type InstanceBoardRef = std::sync::Arc<InstanceBoard>;

/// The counters of one instance of a node.
#[derive(Debug)]
pub(crate) struct InstanceBoard {
    pub(crate) rows: AtomicU64,
    pub(crate) bad_records: AtomicU64,
    pub(crate) dropped_rows: AtomicU64,
    /// `u64::MAX` where the source cannot know.
    pub(crate) lag_rows: AtomicU64,
    pub(crate) watermark: AtomicI64,
    pub(crate) idle: std::sync::atomic::AtomicBool,
    pub(crate) late_rows: AtomicU64,
    pub(crate) state_bytes: AtomicUsize,
    pub(crate) spilled_bytes: AtomicUsize,
}

impl Default for InstanceBoard {
    fn default() -> Self {
        InstanceBoard {
            rows: AtomicU64::new(0),
            bad_records: AtomicU64::new(0),
            dropped_rows: AtomicU64::new(0),
            lag_rows: AtomicU64::new(u64::MAX),
            watermark: AtomicI64::new(i64::MIN),
            idle: std::sync::atomic::AtomicBool::new(false),
            late_rows: AtomicU64::new(0),
            state_bytes: AtomicUsize::new(0),
            spilled_bytes: AtomicUsize::new(0),
        }
    }
}

impl NodeBoard {
    fn lock(&self) -> MutexGuard<'_, Vec<InstanceBoardRef>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn total(&self, read: impl Fn(&InstanceBoard) -> u64) -> u64 {
        self.lock().iter().map(|instance| read(instance)).sum()
    }

    /// The least watermark of the instances that are awake; of all where none is.
    fn watermark(&self) -> Option<EventTime> {
        let instances = self.lock();
        let time = |i: &InstanceBoardRef| i.watermark.load(Ordering::Relaxed);
        let awake = instances.iter().filter(|i| !i.idle.load(Ordering::Relaxed)).map(time).min();
        let time = awake.or_else(|| instances.iter().map(time).max())?;
        (time != i64::MIN).then_some(EventTime(time))
    }
}

impl JobStatus {
    /// The operator that holds most state in memory.
    pub fn largest_state(&self) -> Option<&OperatorStatus> {
        self.operators.iter().max_by_key(|operator| operator.state_bytes)
    }
}

impl JobBoard {
    pub(crate) fn new(name: &str, graph: &Graph) -> Self {
        let kind = |id: NodeId| match &graph.nodes[id].kind {
            NodeKind::Source(source) => BoardKind::Source(source.table.clone()),
            NodeKind::Sink(sink) => BoardKind::Sink(sink.table.clone()),
            kind => BoardKind::Operator { name: kind.name(), description: graph.describe(id) },
        };
        let sources = only_sources(graph);
        let node = |id: NodeId| NodeBoard { kind: kind(id), source: sources[id], instances: Mutex::default() };
        let progress = Progress { phase: JobPhase::Starting, epoch: None, duration: None, at: None, restarts: 0 };
        JobBoard {
            name: name.to_owned(),
            explain: graph.explain(),
            nodes: (0..graph.nodes.len()).map(node).collect(),
            progress: Mutex::new(progress),
        }
    }

    /// The counters of an instance; those of a restarted one go on.
    pub(crate) fn instance(&self, node: NodeId, instance: usize) -> InstanceBoardRef {
        let mut instances = self.nodes[node].lock();
        while instances.len() <= instance {
            instances.push(InstanceBoardRef::default());
        }
        instances[instance].clone()
    }

    pub(crate) fn set_phase(&self, phase: JobPhase) {
        let mut progress = self.progress();
        if matches!(phase, JobPhase::Restarting { .. }) {
            progress.restarts += 1;
        }
        progress.phase = phase;
    }

    pub(crate) fn set_checkpoint(&self, epoch: Epoch, duration: Option<Duration>, at: Option<SystemTime>) {
        let mut progress = self.progress();
        progress.epoch = Some(epoch);
        progress.duration = duration.or(progress.duration);
        progress.at = at.or(progress.at);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> JobStatus {
        // Read once, so that the total is what the sources sum up to, and the rest.
        let late = self.nodes.iter().map(|node| (node.source, node.total(|i| i.late_rows.load(Ordering::Relaxed))));
        let late: Vec<(Option<NodeId>, u64)> = late.collect();
        let mut sources: Vec<SourceStatus> = Vec::new();
        let (mut sinks, mut operators) = (Vec::new(), Vec::new());
        for (number, node) in self.nodes.iter().enumerate() {
            match &node.kind {
                BoardKind::Source(table) => {
                    let own = late.iter().filter(|(source, _)| *source == Some(number));
                    sources.push(source_status(table, node, own.map(|(_, rows)| rows).sum()));
                }
                BoardKind::Sink(table) => {
                    let rows = node.total(|i| i.rows.load(Ordering::Relaxed));
                    sinks.push(SinkStatus { table: table.clone(), rows });
                }
                BoardKind::Operator { name, description } => operators.push(OperatorStatus {
                    node: number,
                    name: name.clone(),
                    description: description.clone(),
                    state_bytes: node.total(|i| i.state_bytes.load(Ordering::Relaxed) as u64) as usize,
                    spilled_bytes: node.total(|i| i.spilled_bytes.load(Ordering::Relaxed) as u64) as usize,
                }),
            }
        }
        let progress = self.progress();
        JobStatus {
            name: self.name.clone(),
            phase: progress.phase.clone(),
            explain: self.explain.clone(),
            watermark: sources.iter().filter_map(|source| source.watermark).min(),
            sources,
            sinks,
            late_rows: late.iter().map(|(_, rows)| rows).sum(),
            epoch: progress.epoch,
            checkpoint_duration: progress.duration,
            checkpoint_at: progress.at,
            state_bytes: operators.iter().map(|operator| operator.state_bytes).sum(),
            spilled_bytes: operators.iter().map(|operator| operator.spilled_bytes).sum(),
            operators,
            restarts: progress.restarts,
        }
    }
}

/// For each node the source that its rows come from, where it is one table: the first node that reads it.
fn only_sources(graph: &Graph) -> Vec<Option<NodeId>> {
    let mut only: Vec<Option<NodeId>> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let source = match &node.kind {
            NodeKind::Source(source) => {
                let same = |kind: &NodeKind| matches!(kind, NodeKind::Source(known) if known.table == source.table);
                graph.nodes.iter().position(|first| same(&first.kind))
            }
            _ => {
                // Edges go to later nodes, so what is before this one is known.
                let inputs: Vec<_> = graph.inputs(id).map(|edge| only[edge.from]).collect();
                let first = inputs.first().copied().flatten();
                first.filter(|_| inputs.iter().all(|input| *input == first))
            }
        };
        only.push(source);
    }
    only
}

fn source_status(table: &str, node: &NodeBoard, late_rows: u64) -> SourceStatus {
    let known_lag = |i: &InstanceBoardRef| Some(i.lag_rows.load(Ordering::Relaxed)).filter(|lag| *lag != u64::MAX);
    let lags: Vec<u64> = node.lock().iter().filter_map(known_lag).collect();
    SourceStatus {
        table: table.to_owned(),
        rows: node.total(|i| i.rows.load(Ordering::Relaxed)),
        bad_records: node.total(|i| i.bad_records.load(Ordering::Relaxed)),
        dropped_rows: node.total(|i| i.dropped_rows.load(Ordering::Relaxed)),
        late_rows,
        lag_rows: (!lags.is_empty()).then(|| lags.iter().sum()),
        watermark: node.watermark(),
    }
}
