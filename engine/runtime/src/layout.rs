//! How a graph is laid out as tasks: which nodes share a task, and how many instances each task has. Pure.
//!
//! A node is chained onto the one before it when rows go straight from instance to instance: one reader, one input,
//! the same number of instances. A chain runs as plain function calls; only between chains are there channels. What
//! collects a source's bad records begins a chain of its own and leaves that of the rows whole.

use headwater_plan::{Edge, Graph, NodeId, NodeKind, Partitioning};

/// The tasks of a graph, in topological order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The tasks.
    pub(crate) tasks: Vec<TaskLayout>,
}

/// Nodes that run as one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskLayout {
    /// The nodes, in order of the flow.
    pub(crate) chain: Vec<NodeId>,
    /// How many instances run.
    pub(crate) parallelism: usize,
}

impl TaskLayout {
    /// The first node: it has the task's inputs, or is a source.
    pub(crate) fn head(&self) -> NodeId {
        self.chain[0]
    }

    /// The last node: it has the task's outputs, or is a sink.
    pub(crate) fn last(&self) -> NodeId {
        self.chain[self.chain.len() - 1]
    }
}

impl Layout {
    /// Lays out a graph with up to `parallelism` instances a node.
    pub(crate) fn new(graph: &Graph, parallelism: usize) -> Layout {
        let mut tasks: Vec<TaskLayout> = Vec::new();
        for node in 0..graph.nodes.len() {
            let count = node_parallelism(graph, node, parallelism);
            let chained = chained_onto(graph, node)
                .and_then(|before| tasks.iter_mut().find(|task| task.last() == before && task.parallelism == count));
            match chained {
                Some(task) => task.chain.push(node),
                None => tasks.push(TaskLayout { chain: vec![node], parallelism: count }),
            }
        }
        Layout { tasks }
    }

    /// The task whose head is `node`. Every edge that is not within a chain goes to a head.
    pub(crate) fn headed_by(&self, node: NodeId) -> Option<usize> {
        self.tasks.iter().position(|task| task.head() == node)
    }

    /// Every instance of every node.
    pub(crate) fn instances(&self) -> Vec<(NodeId, usize)> {
        let of_task = |task: &TaskLayout| {
            let count = task.parallelism;
            task.chain.clone().into_iter().flat_map(move |node| (0..count).map(move |i| (node, i)))
        };
        self.tasks.iter().flat_map(of_task).collect()
    }
}

fn node_parallelism(graph: &Graph, node: NodeId, parallelism: usize) -> usize {
    let node = &graph.nodes[node];
    let can = match &node.kind {
        NodeKind::Source(source) => source.factory.parallel(),
        NodeKind::Sink(sink) => sink.factory.parallel(),
        _ => true,
    };
    if can && node.parallel { parallelism.max(1) } else { 1 }
}

/// The node that `node` could follow in a chain.
fn chained_onto(graph: &Graph, node: NodeId) -> Option<NodeId> {
    // What waits does so where messages come in, at the head of its task.
    if graph.nodes[node].kind.waits() {
        return None;
    }
    let mut inputs = graph.inputs(node);
    let only: &Edge = inputs.next()?;
    let single_input = inputs.next().is_none();
    let single_reader = graph.outputs(only.from).filter(|edge| !graph.carries_bad_records(edge)).count() == 1;
    (single_input && !graph.carries_bad_records(only) && single_reader && only.partitioning == Partitioning::Forward)
        .then_some(only.from)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use headwater_core::StreamSchema;

    use super::*;

    /// Four unions: 0 → 1 by hash, 1 → 2 forward, 2 → 3 forward and not parallel.
    fn graph() -> Graph {
        let mut graph = Graph::default();
        let schema = StreamSchema::append_only(&Schema::empty());
        for parallel in [true, true, true, false] {
            graph.add(NodeKind::Union, schema.clone(), parallel);
        }
        graph.connect(0, 1, 0, Partitioning::Hash(vec![]));
        graph.connect(1, 2, 0, Partitioning::Forward);
        graph.connect(2, 3, 0, Partitioning::Forward);
        graph
    }

    fn chains(parallelism: usize) -> Vec<(Vec<NodeId>, usize)> {
        Layout::new(&graph(), parallelism).tasks.into_iter().map(|t| (t.chain, t.parallelism)).collect()
    }

    #[test]
    fn an_exchange_and_a_change_of_parallelism_cut_the_chain() {
        assert_eq!(chains(2), [(vec![0], 2), (vec![1, 2], 2), (vec![3], 1)]);
    }

    #[test]
    fn with_one_instance_only_the_exchange_cuts() {
        assert_eq!(chains(1), [(vec![0], 1), (vec![1, 2, 3], 1)]);
    }

    #[test]
    fn two_readers_cut_the_chain() {
        let mut graph = graph();
        let schema = graph.nodes[0].schema.clone();
        let other = graph.add(NodeKind::Union, schema, true);
        graph.connect(1, other, 0, Partitioning::Forward);
        let layout = Layout::new(&graph, 1);
        assert_eq!(layout.headed_by(2), Some(2));
        assert_eq!(layout.instances().len(), 5);
    }
}
