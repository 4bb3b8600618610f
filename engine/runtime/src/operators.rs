//! The operators of a dataflow: what each node of a graph does to the rows that pass it.
//!
//! All of them are plain state machines after [`headwater_core::Operator`]: they take a batch, a watermark or a
//! barrier and hand what they make to their output. There is no task, no channel, no clock and no file here. State is
//! columnar: batches of keys and of aggregate states, merged by DataFusion's own vectorised grouping.
//!
//! [`build`] makes the operator of a node; what a source's task does to a connector's rows is [`SourceColumns`].

use headwater_core::{Operator, OperatorError, StreamSchema};
use headwater_plan::{Graph, JoinTime, NodeId, NodeKind, Partitioning, Phase, Window, WindowAggregateNode};

mod aggregation;
mod assign_windows;
mod chunk;
mod delay;
mod equality;
pub(crate) mod evaluate;
mod fold;
mod group_aggregate;
mod group_table;
mod held_rows;
mod hold;
mod join;
mod keyed_rows;
mod keyed_window_function;
mod late_rows;
mod map;
mod order;
mod ordered_accumulator;
mod retention;
mod row_table;
mod session_aggregate;
mod settle;
mod slice_aggregate;
mod source_columns;
mod state_log;
mod storage;
mod union;
mod unnest;
mod upsert;
mod window_function;
mod window_rows;

pub use source_columns::{SourceColumns, SourceRows};
pub use storage::{SpillSpace, Storage};

use assign_windows::AssignWindows;
use delay::Delay;
use fold::FoldOperator;
use group_aggregate::{GroupAggregate, GroupPartial, Recompute};
use hold::Hold;
use join::{AsOfJoin, JoinInputs, JoinOperator};
use keyed_window_function::KeyedWindowFunction;
use late_rows::LateRows;
use map::MapOperator;
use order::Order;
use session_aggregate::{SessionAggregate, SessionPartial};
use settle::Settle;
use slice_aggregate::{SliceAggregate, SlicePartial};
use union::UnionOperator;
use unnest::Unnest;
use upsert::Upsert;
use window_function::WindowFunctionOperator;

/// How many rows an emitted batch has at most, and how many groups a partial aggregation holds before it lets go.
const BATCH_ROWS: usize = 8192;

/// The operator of a node that is neither a source nor a sink, and waits for nothing; it keeps its state as `storage`
/// says.
///
/// # Errors
/// When the node is none of an operator, has no input, or holds expressions that do not fit together.
pub fn build(graph: &Graph, node: NodeId, storage: &Storage) -> Result<Box<dyn Operator>, OperatorError> {
    let found = graph.nodes.get(node).ok_or_else(|| OperatorError::plan(format!("there is no node {node}")))?;
    let schema = found.schema.clone();
    let input = |number: usize| input_schema(graph, node, number);
    let hash = |number: usize| hash_columns(graph, node, number);
    Ok(match &found.kind {
        NodeKind::Map(map) => Box::new(MapOperator::new(map, schema)),
        NodeKind::GroupAggregate(group) if group.phase == Phase::Partial => Box::new(GroupPartial::new(group, schema)?),
        NodeKind::GroupAggregate(group) if group.phase == Phase::Single && input(0)?.is_updating() => {
            Box::new(Recompute::new(group, &input(0)?, schema, hash(0), storage)?)
        }
        NodeKind::GroupAggregate(group) => Box::new(GroupAggregate::new(group, schema, storage)?),
        NodeKind::WindowAggregate(aggregate) => window_aggregate(aggregate, found)?,
        NodeKind::WindowFunction(function) => Box::new(WindowFunctionOperator::new(function, schema, hash(0))?),
        NodeKind::KeyedWindowFunction(function) => {
            Box::new(KeyedWindowFunction::new(function, &input(0)?, schema, hash(0), storage)?)
        }
        NodeKind::Upsert(upsert) => Box::new(Upsert::new(upsert, &input(0)?, schema, hash(0), storage)),
        NodeKind::Join(join) => {
            let inputs = JoinInputs { schemas: [input(0)?, input(1)?], hash_columns: [hash(0), hash(1)] };
            match join.time {
                JoinTime::AsOf => Box::new(AsOfJoin::new(join, inputs, schema, storage)?),
                _ => Box::new(JoinOperator::new(join, inputs, schema, storage)?),
            }
        }
        NodeKind::Unnest(unnest) => Box::new(Unnest::new(unnest, schema)),
        NodeKind::Delay(by) => Box::new(Delay::new(*by)),
        NodeKind::Settle => Box::new(Settle::new(&input(0)?, schema, hash(0))),
        NodeKind::AssignWindows(assign) => Box::new(AssignWindows::new(assign, schema)),
        NodeKind::Hold(keys) => Box::new(Hold::new(&schema, keys.clone())),
        NodeKind::LateRows(late) => Box::new(LateRows::new(late)),
        NodeKind::Fold { .. } => Box::new(FoldOperator::new(schema)),
        NodeKind::Order(order) => Box::new(Order::new(order, &input(0)?, schema)),
        NodeKind::Union | NodeKind::BadRecords => Box::new(UnionOperator),
        NodeKind::Source(_) | NodeKind::Sink(_) | NodeKind::Lookup(_) | NodeKind::Call(_) => {
            return Err(OperatorError::plan(format!("node {node} is a source, a sink or waits: it is no operator")));
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

/// The schema of an input.
fn input_schema(graph: &Graph, node: NodeId, number: usize) -> Result<StreamSchema, OperatorError> {
    let edge = graph.inputs(node).find(|edge| edge.input == number);
    let edge = edge.ok_or_else(|| OperatorError::plan(format!("node {node} has no input {number}")))?;
    Ok(graph.nodes[edge.from].schema.clone())
}

/// The columns by whose hash rows of an input find the node's instances; none where they are not exchanged.
fn hash_columns(graph: &Graph, node: NodeId, number: usize) -> Vec<usize> {
    graph
        .inputs(node)
        .filter(|edge| edge.input == number)
        .find_map(|edge| match &edge.partitioning {
            Partitioning::Hash(columns) => Some(columns.clone()),
            Partitioning::Forward => None,
        })
        .unwrap_or_default()
}
