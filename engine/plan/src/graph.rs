//! Nodes and edges, and the checks that make a graph one that can run.

use std::time::Duration;

use headwater_core::StreamSchema;

use crate::node::NodeKind;

/// A node's number in its graph: an index into [`Graph::nodes`], stable for the same query text.
pub type NodeId = usize;

/// A dataflow: nodes in topological order (an edge always goes to a later node).
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The edges.
    pub edges: Vec<Edge>,
}

/// One step of the dataflow.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub kind: NodeKind,
    /// What comes out of it (for a sink: what goes in).
    pub schema: StreamSchema,
    /// Whether several instances may share its work. A node that is not parallel has one.
    pub parallel: bool,
}

/// A stream from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// Which of the receiver's inputs this is; several edges may share one.
    pub input: usize,
    /// How a row finds its instance.
    pub partitioning: Partitioning,
}

/// How rows find the instances of the receiving node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Each instance sends to the one with its own number; where the counts differ, rows are dealt out evenly.
    Forward,
    /// By the hash of these columns of the sender's output; no columns means that all rows go to one instance.
    Hash(Vec<usize>),
}

/// A graph that cannot run, which is a mistake of whoever built it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum GraphError {
    /// An edge names a node that is not there, or goes backwards.
    #[error("edge {from} → {to} does not go to a later node")]
    Edge {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
    },
    /// A node that should have inputs has none, or the other way round.
    #[error("node {0} has no input, or a source has one")]
    Inputs(NodeId),
    /// Nothing reads what a node makes.
    #[error("node {0} has no reader, or a sink has one")]
    Readers(NodeId),
    /// Only a source has records that it cannot read.
    #[error("node {0} asks for records that cannot be read, and does not ask a source")]
    BadRecords(NodeId),
}

impl Graph {
    /// Adds a node that reads nothing, or whose edges are added by [`Graph::connect`].
    pub fn add(&mut self, kind: NodeKind, schema: StreamSchema, parallel: bool) -> NodeId {
        self.nodes.push(Node { kind, schema, parallel });
        self.nodes.len() - 1
    }

    /// Lets `to` read from `from` as its input number `input`.
    pub fn connect(&mut self, from: NodeId, to: NodeId, input: usize, partitioning: Partitioning) {
        self.edges.push(Edge { from, to, input, partitioning });
    }

    /// The edges into a node.
    pub fn inputs(&self, node: NodeId) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.to == node)
    }

    /// The edges out of a node.
    pub fn outputs(&self, node: NodeId) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.from == node)
    }

    /// Whether an edge carries the records that a source could not read, and not its rows.
    pub fn carries_bad_records(&self, edge: &Edge) -> bool {
        matches!(self.nodes[edge.to].kind, NodeKind::BadRecords)
    }

    /// Whether every source ends by itself.
    pub fn bounded(&self) -> bool {
        self.nodes.iter().all(|node| match &node.kind {
            NodeKind::Source(source) => source.factory.bounded(),
            _ => true,
        })
    }

    /// The shortest time after which a query wants to see changes, where one says so.
    pub fn flush_interval(&self) -> Option<Duration> {
        let said = self.nodes.iter().filter_map(|node| match node.kind {
            NodeKind::Fold { every } => every,
            _ => None,
        });
        said.min()
    }

    /// Checks that the graph can run.
    pub fn validate(&self) -> Result<(), GraphError> {
        for edge in &self.edges {
            if edge.from >= edge.to || edge.to >= self.nodes.len() {
                return Err(GraphError::Edge { from: edge.from, to: edge.to });
            }
            if self.carries_bad_records(edge) && !matches!(self.nodes[edge.from].kind, NodeKind::Source(_)) {
                return Err(GraphError::BadRecords(edge.to));
            }
        }
        for (id, node) in self.nodes.iter().enumerate() {
            let is_source = matches!(node.kind, NodeKind::Source(_));
            let is_sink = matches!(node.kind, NodeKind::Sink(_));
            if is_source == self.inputs(id).next().is_some() {
                return Err(GraphError::Inputs(id));
            }
            if is_sink == self.outputs(id).next().is_some() {
                return Err(GraphError::Readers(id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;

    use super::*;

    #[test]
    fn a_graph_without_source_or_sink_cannot_run() {
        let schema = StreamSchema::append_only(&Schema::empty());
        let mut graph = Graph::default();
        let a = graph.add(NodeKind::Union, schema.clone(), true);
        assert_eq!(graph.validate(), Err(GraphError::Inputs(a)));
        let b = graph.add(NodeKind::Union, schema, true);
        graph.connect(b, a, 0, Partitioning::Forward);
        assert_eq!(graph.validate(), Err(GraphError::Edge { from: b, to: a }));
    }
}
