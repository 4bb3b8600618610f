//! Turns a graph and a checkpoint into tasks that are ready to run: opens sources and sinks, gives operators their
//! state back, and lays the channels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_expr::PhysicalExprRef;
use futures::{StreamExt, TryStreamExt};
use headwater_core::{Committer, Epoch, EventTime, KeyRange, Operator, SinkContext, SourceContext};
use headwater_plan::{Aggregate, Edge, Graph, NodeId, NodeKind, Partitioning, Phase};
use headwater_state::{CheckpointStore, ChunkRef, InstanceId, Manifest, NodeState};
use tokio::sync::mpsc;

use crate::awaited::Awaited;
use crate::chain::Chain;
use crate::channel::channel;
use crate::error::JobError;
use crate::exchange::OutEdge;
use crate::layout::{Layout, TaskLayout};
use crate::operator_task::{Input, OperatorTask};
use crate::operators::{self, SourceColumns, Storage};
use crate::pace::Pace;
use crate::report::{Report, SourceRequest};
use crate::source_task::{SourceTask, split_positions};
use crate::source_time::{SourceTime, TimeRules};
use crate::status::{InstanceBoard, JobBoard};
use crate::tail::{SinkTail, Tail};

/// How many reports, and requests to one source, may wait.
const CONTROL_MESSAGES: usize = 256;

/// Everything that runs, and the coordinator's ends of it.
pub(crate) struct Built {
    pub(crate) tasks: Vec<Task>,
    pub(crate) requests: BTreeMap<InstanceId, mpsc::Sender<SourceRequest>>,
    pub(crate) reports: mpsc::Receiver<Report>,
    pub(crate) committers: BTreeMap<NodeId, Arc<dyn Committer>>,
    pub(crate) instances: Vec<InstanceId>,
}

/// One instance of a chain.
pub(crate) enum Task {
    Source(Box<SourceTask>),
    Operator(Box<OperatorTask>),
}

/// What a job is built from.
pub(crate) struct Builder<'a> {
    pub(crate) job: &'a str,
    pub(crate) graph: &'a Graph,
    pub(crate) parallelism: usize,
    /// How often changes are sent that somebody folds.
    pub(crate) flush_interval: Duration,
    /// How long changes are folded where a query does not say.
    pub(crate) fold_interval: Duration,
    pub(crate) store: Option<&'a CheckpointStore>,
    pub(crate) manifest: Option<&'a Manifest>,
    pub(crate) board: &'a JobBoard,
    pub(crate) storage: &'a Storage,
}

/// The ends of the channels, by task and instance.
#[derive(Default)]
struct Channels {
    /// Of rows, out of a task.
    outputs: BTreeMap<(usize, usize), Vec<OutEdge>>,
    /// Of records that a source cannot read.
    bad_records: BTreeMap<(usize, usize), Vec<OutEdge>>,
    /// Into a task.
    inputs: BTreeMap<(usize, usize), Vec<Input>>,
}

impl Builder<'_> {
    pub(crate) async fn build(&self) -> Result<Built, JobError> {
        let layout = Layout::new(self.graph, self.parallelism);
        self.warn_of_dropped_state();
        let (report_sender, reports) = mpsc::channel(CONTROL_MESSAGES);
        let mut channels = self.channels(&layout);
        let mut requests = BTreeMap::new();
        let mut tasks = Vec::new();
        for (number, task) in layout.tasks.iter().enumerate() {
            let mut paces = self.paces(task).into_iter();
            for instance in 0..task.parallelism {
                let edges = channels.outputs.remove(&(number, instance)).unwrap_or_default();
                let tail = self.tail(task, instance, edges).await?;
                let parts = Parts { task, instance, tail, reports: report_sender.clone() };
                tasks.push(match &self.graph.nodes[task.head()].kind {
                    NodeKind::Source(_) => {
                        let (sender, receiver) = mpsc::channel(CONTROL_MESSAGES);
                        requests.insert((task.head(), instance), sender);
                        let bad = Tail::Edges(channels.bad_records.remove(&(number, instance)).unwrap_or_default());
                        Task::Source(Box::new(self.source_task(parts, bad, paces.next(), receiver).await?))
                    }
                    _ => {
                        let inputs = channels.inputs.remove(&(number, instance)).unwrap_or_default();
                        Task::Operator(Box::new(self.operator_task(parts, inputs).await?))
                    }
                });
            }
        }
        Ok(Built { tasks, requests, reports, committers: self.committers().await?, instances: layout.instances() })
    }

    /// What commits for each sink.
    pub(crate) async fn committers(&self) -> Result<BTreeMap<NodeId, Arc<dyn Committer>>, JobError> {
        let mut committers = BTreeMap::new();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            if let NodeKind::Sink(sink) = &node.kind {
                let committer = sink.factory.committer(self.job, id).await;
                if let Some(committer) = committer.map_err(|error| JobError::connector(self.job, error))? {
                    committers.insert(id, committer);
                }
            }
        }
        Ok(committers)
    }

    async fn source_task(
        &self,
        parts: Parts<'_>,
        bad: Tail,
        pace: Option<Pace>,
        requests: mpsc::Receiver<SourceRequest>,
    ) -> Result<SourceTask, JobError> {
        let Parts { task, instance, tail, reports } = parts;
        let node = task.head();
        let NodeKind::Source(source) = &self.graph.nodes[node].kind else {
            return Err(JobError::mistake(self.job, "a source task without a source"));
        };
        let restored = self.node_state(node).map(NodeState::positions).unwrap_or_default();
        let (positions, times) = split_positions(restored);
        let context =
            SourceContext { job: self.job.to_owned(), subtask: instance, parallelism: task.parallelism, positions };
        let opened = source.factory.open(context).await.map_err(|error| JobError::connector(self.job, error))?;
        let (chain, boards) = self.chain(&task.chain[1..], task, instance).await?;
        let (idle_after, max_drift, step) = (source.idle_after, source.max_drift, source.watermark_step);
        let watermark = self.node_state(node).and_then(NodeState::watermark);
        let rules = TimeRules { idle_after, max_drift, step };
        Ok(SourceTask {
            node,
            instance,
            source: opened,
            columns: SourceColumns::new(source, self.graph.nodes[node].schema.clone()),
            time: SourceTime::new(rules, times, watermark),
            chain,
            tail,
            bad,
            pace,
            board: self.board.instance(node, instance),
            boards,
            requests,
            reports,
            flush_interval: self.flush_interval,
            restored: watermark,
            epoch: self.epoch(),
        })
    }

    async fn operator_task(&self, parts: Parts<'_>, inputs: Vec<Input>) -> Result<OperatorTask, JobError> {
        let Parts { task, instance, tail, reports } = parts;
        let awaited = Awaited::open(self.graph, task.head()).await;
        let awaited = awaited.map_err(|error| JobError::connector(self.job, error))?;
        let operators = if awaited.is_some() { &task.chain[1..] } else { &task.chain[..] };
        let (chain, boards) = self.chain(operators, task, instance).await?;
        let restored = self.node_state(task.head()).and_then(NodeState::watermark);
        let flush_interval = self.flush_interval;
        Ok(OperatorTask {
            instance,
            inputs,
            awaited,
            chain,
            tail,
            boards,
            reports,
            flush_interval,
            restored,
            epoch: self.epoch(),
        })
    }

    /// The operators among `nodes`, with their state.
    async fn chain(
        &self,
        nodes: &[NodeId],
        task: &TaskLayout,
        instance: usize,
    ) -> Result<(Chain, Vec<(NodeId, Arc<InstanceBoard>)>), JobError> {
        let mut operators: Vec<(NodeId, Box<dyn Operator>, u32)> = Vec::new();
        let mut boards = Vec::new();
        for node in nodes.iter().filter(|node| !matches!(self.graph.nodes[**node].kind, NodeKind::Sink(_))) {
            let mut operator = operators::build(self.graph, *node, self.storage)
                .map_err(|error| JobError::operator(self.job, error))?;
            if let (Some(state), Some(store)) = (self.node_state(*node), self.store) {
                let (chunks, range) =
                    (state.chunks_for(instance, task.parallelism), KeyRange::of(instance, task.parallelism));
                self.restore(operator.as_mut(), store, &chunks, range).await?;
            }
            boards.push((*node, self.board.instance(*node, instance)));
            operators.push((*node, operator, self.flushes_between(*node)));
        }
        Ok((Chain::new(operators), boards))
    }

    /// How many of the job's flushes a node waits for until one is its own.
    fn flushes_between(&self, node: NodeId) -> u32 {
        let NodeKind::Fold { every } = self.graph.nodes[node].kind else { return 1 };
        let every = every.unwrap_or(self.fold_interval);
        let flushes = every.as_nanos().div_ceil(self.flush_interval.as_nanos().max(1));
        u32::try_from(flushes).unwrap_or(u32::MAX).max(1)
    }

    /// Gives an operator its state back, a chunk at a time as far as it can take them so.
    async fn restore(
        &self,
        operator: &mut dyn Operator,
        store: &CheckpointStore,
        chunks: &[&ChunkRef],
        range: KeyRange,
    ) -> Result<(), JobError> {
        let mut whole = Vec::new();
        let mut read = std::pin::pin!(store.read(self.job, chunks));
        while let Some(chunk) = read.next().await {
            let chunk = chunk.map_err(|error| JobError::store(self.job, error))?;
            let back = operator.restore_chunk(chunk, range);
            whole.extend(back.map_err(|error| JobError::operator(self.job, error))?);
        }
        operator.restore(whole, range).map_err(|error| JobError::operator(self.job, error))
    }

    async fn tail(&self, task: &TaskLayout, instance: usize, edges: Vec<OutEdge>) -> Result<Tail, JobError> {
        let node = task.last();
        let NodeKind::Sink(sink) = &self.graph.nodes[node].kind else { return Ok(Tail::Edges(edges)) };
        let context = SinkContext { job: self.job.to_owned(), node, subtask: instance, parallelism: task.parallelism };
        let mut opened = sink.factory.open(context).await.map_err(|error| JobError::connector(self.job, error))?;
        if let (Some(state), Some(store)) = (self.node_state(node), self.store) {
            let dealt = state.chunks_dealt(instance, task.parallelism);
            let chunks: Result<Vec<_>, _> = store.read(self.job, &dealt).try_collect().await;
            let chunks = chunks.map_err(|error| JobError::store(self.job, error))?;
            opened.restore(chunks).await.map_err(|error| JobError::connector(self.job, error))?;
        }
        let strip = (!sink.factory.wants_hidden_columns()).then(|| self.graph.nodes[node].schema.clone());
        Ok(Tail::Sink(SinkTail { node, sink: opened, strip, board: self.board.instance(node, instance) }))
    }

    /// The places of a source's instances, where none may run too far ahead of the others.
    fn paces(&self, task: &TaskLayout) -> Vec<Pace> {
        match &self.graph.nodes[task.head()].kind {
            NodeKind::Source(source) if source.max_drift.is_some() => Pace::of(task.parallelism),
            _ => Vec::new(),
        }
    }

    /// A channel for each pair of instances that an edge joins.
    fn channels(&self, layout: &Layout) -> Channels {
        let mut laid = Channels::default();
        for edge in &self.graph.edges {
            let bad_records = self.graph.carries_bad_records(edge);
            // Bad records come from the head of a task, and rows from its end.
            let from = match bad_records {
                true => layout.headed_by(edge.from),
                false => layout.tasks.iter().position(|task| task.last() == edge.from),
            };
            let (Some(from), Some(to)) = (from, layout.headed_by(edge.to)) else { continue };
            let (senders, receivers) = (layout.tasks[from].parallelism, layout.tasks[to].parallelism);
            for sender in 0..senders {
                let mut channels = Vec::new();
                for receiver in readers(edge, sender, senders, receivers) {
                    let (send, receive) = channel();
                    channels.push(send);
                    let input = Input { number: edge.input, receiver: receive };
                    laid.inputs.entry((to, receiver)).or_default().push(input);
                }
                let out = OutEdge::new(edge.partitioning.clone(), channels);
                let outputs = if bad_records { &mut laid.bad_records } else { &mut laid.outputs };
                outputs.entry((from, sender)).or_default().push(out);
            }
        }
        laid
    }

    fn epoch(&self) -> Epoch {
        self.manifest.map_or(0, |manifest| manifest.epoch)
    }

    fn node_state(&self, node: NodeId) -> Option<&NodeState> {
        let fingerprints = fingerprints(self.graph);
        let occurrence = fingerprints[..node].iter().filter(|other| **other == fingerprints[node]).count();
        self.manifest?.node(&fingerprints[node], occurrence)
    }

    fn warn_of_dropped_state(&self) {
        let Some(manifest) = self.manifest else { return };
        let fingerprints = fingerprints(self.graph);
        for node in manifest.nodes.iter().filter(|node| !fingerprints.contains(&node.fingerprint)) {
            let rows: usize = node.instances.iter().flat_map(|i| &i.chunks).map(|chunk| chunk.rows).sum();
            if rows > 0 || node.instances.iter().any(|i| !i.positions.is_empty()) {
                tracing::warn!(job = self.job, node = node.fingerprint, rows, "query changed: state dropped");
            }
        }
    }
}

/// What each instance of a task is made of besides its kind.
struct Parts<'a> {
    task: &'a TaskLayout,
    instance: usize,
    tail: Tail,
    reports: mpsc::Sender<Report>,
}

/// The instances that instance `sender` of `senders` sends to, of `receivers`.
fn readers(edge: &Edge, sender: usize, senders: usize, receivers: usize) -> std::ops::Range<usize> {
    if edge.partitioning == Partitioning::Forward && senders == receivers { sender..sender + 1 } else { 0..receivers }
}

/// What each node does, as text: state is given back to a node that does the same. How many instances share the work
/// does not count: an aggregation in one phase and the last of two hold the same state.
pub(crate) fn fingerprints(graph: &Graph) -> Vec<String> {
    (0..graph.nodes.len()).map(|id| fingerprint(graph, id)).collect()
}

fn fingerprint(graph: &Graph, id: NodeId) -> String {
    let fields = graph.nodes[id].schema.full().fields().iter();
    let columns: Vec<_> = fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    let columns = columns.join(", ");
    let names = |aggregates: &[Aggregate]| {
        aggregates.iter().map(|aggregate| aggregate.function.name().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let shown = |keys: &[PhysicalExprRef]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match &graph.nodes[id].kind {
        NodeKind::Source(source) => format!("{} {}", graph.describe(id), source.factory.fingerprint()),
        NodeKind::WindowAggregate(node) if node.phase != Phase::Partial => {
            let keys = shown(first_keys(graph, id, node.phase, &node.keys));
            format!("aggregate [{}] by [{keys}] over {} → {columns}", names(&node.aggregates), node.window)
        }
        NodeKind::GroupAggregate(node) if node.phase != Phase::Partial => {
            let keys = shown(first_keys(graph, id, node.phase, &node.keys));
            format!("aggregate [{}] by [{keys}] → {columns}", names(&node.aggregates))
        }
        _ => format!("{} → {columns}", graph.describe(id)),
    }
}

/// The keys as they are over the rows, which in two phases only the first one knows.
fn first_keys<'a>(graph: &'a Graph, id: NodeId, phase: Phase, keys: &'a [PhysicalExprRef]) -> &'a [PhysicalExprRef] {
    let before = graph.inputs(id).next().map(|edge| &graph.nodes[edge.from].kind);
    match before {
        Some(NodeKind::WindowAggregate(first)) if phase == Phase::Final => &first.keys,
        Some(NodeKind::GroupAggregate(first)) if phase == Phase::Final => &first.keys,
        _ => keys,
    }
}

/// The least time at which a source may go on, for a log line.
pub(crate) fn restored_watermark(manifest: &Manifest) -> Option<EventTime> {
    manifest.nodes.iter().filter_map(NodeState::watermark).min()
}
