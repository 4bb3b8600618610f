//! The operators of a dataflow: what each node of a graph does to the rows that pass it.
//!
//! All of them are plain state machines after [`headwater_core::Operator`]: they take a batch, a watermark or a
//! barrier and hand what they make to their output. There is no task, no channel, no clock and no file here. State is
//! columnar: batches of keys and of aggregate states, merged by DataFusion's own vectorised grouping.
//!
//! [`build`] makes the operator of a node; what a source's task does to a connector's rows is [`SourceColumns`].

use headwater_core::{Operator, OperatorError};
use headwater_plan::{Graph, NodeId, NodeKind, Partitioning, Phase, Window, WindowAggregateNode};

mod aggregation;
mod chunk;
mod evaluate;
mod group_table;
mod map;
mod ordered_accumulator;
mod session_aggregate;
mod slice_aggregate;
mod source_columns;
mod union;
mod window_function;
mod window_rows;

pub use source_columns::{SourceColumns, SourceRows};

use map::MapOperator;
use session_aggregate::{SessionAggregate, SessionPartial};
use slice_aggregate::{SliceAggregate, SlicePartial};
use union::UnionOperator;
use window_function::WindowFunctionOperator;

/// How many rows an emitted batch has at most, and how many groups a partial aggregation holds before it lets go.
const BATCH_ROWS: usize = 8192;

/// The operator of a node that is neither a source nor a sink.
///
/// # Errors
/// When the node is a source or a sink, has no input, or holds expressions that do not fit together.
pub fn build(graph: &Graph, node: NodeId) -> Result<Box<dyn Operator>, OperatorError> {
    let found = graph.nodes.get(node).ok_or_else(|| OperatorError::plan(format!("there is no node {node}")))?;
    Ok(match &found.kind {
        NodeKind::Map(map) => Box::new(MapOperator::new(map, found.schema.clone())),
        NodeKind::WindowAggregate(aggregate) => window_aggregate(aggregate, found)?,
        NodeKind::WindowFunction(function) => {
            Box::new(WindowFunctionOperator::new(function, found.schema.clone(), hash_columns(graph, node))?)
        }
        NodeKind::Union => Box::new(UnionOperator),
        NodeKind::Source(_) | NodeKind::Sink(_) => {
            return Err(OperatorError::plan(format!("node {node} is a source or a sink, not an operator")));
        }
    })
}

fn window_aggregate(
    aggregate: &WindowAggregateNode,
    node: &headwater_plan::Node,
) -> Result<Box<dyn Operator>, OperatorError> {
    let schema = node.schema.clone();
    Ok(match (aggregate.window, aggregate.phase) {
        (Window::Sliced(slicing), Phase::Partial) => Box::new(SlicePartial::new(aggregate, slicing, schema)?),
        (Window::Sliced(slicing), _) => Box::new(SliceAggregate::new(aggregate, slicing, schema)?),
        (Window::Session { gap }, Phase::Partial) => Box::new(SessionPartial::new(aggregate, gap, schema)?),
        (Window::Session { gap }, _) => Box::new(SessionAggregate::new(aggregate, gap, schema)?),
    })
}

/// The columns by whose hash rows find the node's instances; none where they are not exchanged.
fn hash_columns(graph: &Graph, node: NodeId) -> Vec<usize> {
    graph
        .inputs(node)
        .find_map(|edge| match &edge.partitioning {
            Partitioning::Hash(columns) => Some(columns.clone()),
            Partitioning::Forward => None,
        })
        .unwrap_or_default()
}
