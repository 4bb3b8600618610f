//! The graph while it grows: nodes for streams, one for equal plans, and none that nobody reads.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use headwater_plan::{Graph, NodeId, NodeKind, Window};

use super::stream::Stream;
use crate::functions::is_replaced;

/// How long state is kept that has not changed, where the file does not say.
const UPDATING_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A window over the rows of sources.
#[derive(Clone, Debug)]
pub(super) struct WindowOver {
    /// The window.
    pub(super) window: Window,
    /// The node that gives its results.
    pub(super) node: NodeId,
    /// The sources.
    pub(super) sources: Vec<NodeId>,
}

/// The graph so far, and which plans are in it.
#[derive(Clone, Default)]
pub(super) struct GraphBuilder {
    /// The nodes and edges.
    pub(super) graph: Graph,
    /// How many instances share the work of a node.
    pub(super) parallelism: usize,
    /// How long state is kept that has not changed, in event time.
    pub(super) updating_ttl: Duration,
    planned: HashMap<LogicalPlan, Stream>,
    /// The windows over sources.
    windows: Vec<WindowOver>,
}

impl GraphBuilder {
    /// A graph without nodes, for up to `parallelism` instances a node.
    pub(super) fn new(parallelism: usize) -> Self {
        GraphBuilder { parallelism, updating_ttl: UPDATING_TTL, ..GraphBuilder::default() }
    }

    /// The stream that a plan has already.
    pub(super) fn planned(&self, plan: &LogicalPlan) -> Option<Stream> {
        self.planned.get(plan).cloned()
    }

    /// Remembers that `node` windows a stream, for the late rows of its sources.
    pub(super) fn windows_over(&mut self, stream: &Stream, window: Window, node: NodeId) {
        let mut sources = Vec::new();
        let mut waiting = vec![stream.node];
        while let Some(node) = waiting.pop() {
            match self.graph.nodes[node].kind {
                NodeKind::Source(_) if !sources.contains(&node) => sources.push(node),
                // What leaves rows their event time.
                NodeKind::Map(_)
                | NodeKind::Union
                | NodeKind::Unnest(_)
                | NodeKind::Lookup(_)
                | NodeKind::Call(_)
                | NodeKind::Delay(_) => waiting.extend(self.graph.inputs(node).map(|edge| edge.from)),
                _ => {}
            }
        }
        self.windows.push(WindowOver { window, node, sources });
    }

    /// The windows over a source that one of these nodes reads.
    pub(super) fn windows_of(&self, source: NodeId, readers: &[NodeId]) -> Vec<WindowOver> {
        let over = |over: &&WindowOver| over.sources.contains(&source) && self.is_read_by(over.node, readers.to_vec());
        self.windows.iter().filter(over).cloned().collect()
    }

    /// Lets the same plan be the same stream from now on, unless each evaluation may give something else.
    pub(super) fn remember(&mut self, plan: &LogicalPlan, stream: &Stream) {
        let mut volatile = false;
        let _ = plan.apply_with_subqueries(|node| {
            volatile |= node.expressions().iter().any(|expr| expr.is_volatile() && !only_stream_functions(expr));
            Ok(if volatile { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        if !volatile {
            self.planned.insert(plan.clone(), stream.clone());
        }
    }

    /// Whether one of these nodes reads what `source` gives, at however many removes.
    pub(super) fn is_read_by(&self, source: NodeId, readers: Vec<NodeId>) -> bool {
        let mut waiting = readers;
        let mut seen = HashSet::new();
        while let Some(node) = waiting.pop() {
            if seen.insert(node) {
                waiting.extend(self.graph.inputs(node).map(|edge| edge.from));
            }
        }
        seen.contains(&source)
    }

    /// Takes out the nodes that no sink reads.
    pub(super) fn prune(&mut self) {
        let mut needed = vec![false; self.graph.nodes.len()];
        for id in (0..self.graph.nodes.len()).rev() {
            let is_sink = matches!(self.graph.nodes[id].kind, NodeKind::Sink(_));
            needed[id] = is_sink || self.graph.outputs(id).any(|edge| needed[edge.to]);
        }
        let mut numbers: Vec<Option<NodeId>> = Vec::with_capacity(needed.len());
        let mut next = 0;
        for keep in &needed {
            numbers.push(keep.then_some(next));
            next += usize::from(*keep);
        }
        let old = std::mem::take(&mut self.graph);
        self.graph.nodes =
            old.nodes.into_iter().zip(&needed).filter(|(_, keep)| **keep).map(|(node, _)| node).collect();
        for mut edge in old.edges {
            if let (Some(from), Some(to)) = (numbers[edge.from], numbers[edge.to]) {
                (edge.from, edge.to) = (from, to);
                self.graph.edges.push(edge);
            }
        }
    }
}

/// Whether nothing in an expression is volatile but the functions that the planner replaces.
fn only_stream_functions(expr: &Expr) -> bool {
    let mut only = true;
    let _ = expr.apply(|part| {
        if let Expr::ScalarFunction(call) = part {
            let name = call.name();
            only &= is_replaced(name) || call.func.signature().volatility != Volatility::Volatile;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    only
}
