//! The kinds of nodes, each with what its operator needs.
//!
//! Every stream's columns are those of its [`StreamSchema`]: the visible ones, then the hidden event time. Expressions
//! refer to columns by index, over the full schema of the node's input.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::FieldRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::WindowExpr;
use headwater_core::sink::SinkFactoryRef;
use headwater_core::source::SourceFactoryRef;

use crate::window::Window;

/// What a node does.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Reads a table and gives its rows their event time and the stream its watermark.
    Source(SourceNode),
    /// Filters rows and computes columns.
    Map(MapNode),
    /// Aggregates by window and key.
    WindowAggregate(WindowAggregateNode),
    /// Evaluates SQL window functions over the rows of each closed window.
    WindowFunction(WindowFunctionNode),
    /// Rows of several inputs with the same columns; all are input 0.
    Union,
    /// Writes a table.
    Sink(SinkNode),
}

/// A source and the virtual columns over it.
#[derive(Clone, Debug)]
pub struct SourceNode {
    /// The table's name in SQL.
    pub table: String,
    /// Opens the source; its schema is what the expressions below are over.
    pub factory: SourceFactoryRef,
    /// The visible columns, over the connector's schema.
    pub columns: Vec<Arc<dyn PhysicalExpr>>,
    /// A row's event time, over the node's visible columns, as a timestamp in nanoseconds. `None` for a table without
    /// time: its rows are all at the epoch and it cannot be windowed.
    pub event_time: Option<Arc<dyn PhysicalExpr>>,
    /// The watermark that a row allows, over the node's visible columns, as a timestamp in nanoseconds: for a lag of a
    /// second, `ts - INTERVAL '1 second'`.
    pub watermark: Option<Arc<dyn PhysicalExpr>>,
    /// How long a partition may be silent before it stops holding the others back; `None` is for ever.
    pub idle_after: Option<Duration>,
}

/// A filter and a projection in one. The event time goes through.
#[derive(Clone, Debug)]
pub struct MapNode {
    /// Rows for which this is true go on; all where there is none.
    pub predicate: Option<Arc<dyn PhysicalExpr>>,
    /// The visible output columns.
    pub columns: Vec<Arc<dyn PhysicalExpr>>,
}

/// Which half of an aggregation a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Rows in, results out: no exchange between.
    Single,
    /// Rows in, partial states out. Keeps nothing over a watermark or a barrier.
    ///
    /// Output: the keys, then the state columns of each aggregate in order, then for a session its last event time
    /// as `_session_last`. The event time is the start of the slice, or the first event time of the session.
    Partial,
    /// Partial states in, results out.
    Final,
}

/// An aggregation by window and key.
///
/// Output of [`Phase::Single`] and [`Phase::Final`]: the keys with the window, a struct of `start` and `end`, put in
/// at `window_index`; then the aggregates. The event time is the window's end less a nanosecond, so that a second
/// window over the result falls where the first did.
#[derive(Clone, Debug)]
pub struct WindowAggregateNode {
    /// The window.
    pub window: Window,
    /// Which half this is.
    pub phase: Phase,
    /// Where the window stands among the output's grouping columns; `None` leaves it out.
    pub window_index: Option<usize>,
    /// The grouping keys other than the window, over the input. In [`Phase::Final`] the input's first columns.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The keys' fields.
    pub key_fields: Vec<FieldRef>,
    /// The aggregates. Their arguments are over the input of the first phase.
    pub aggregates: Vec<Aggregate>,
}

/// One aggregate with its `FILTER (WHERE …)`.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The function with its arguments.
    pub function: Arc<AggregateFunctionExpr>,
    /// Only rows for which this is true count.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

/// SQL window functions (`ROW_NUMBER() OVER …`) over the rows of each closed event-time window.
///
/// Input rows of one window share one event time, as a window aggregate gives them; when the watermark passes it, the
/// rows are sorted and the functions evaluated. Output: the input's visible columns, then a column a function.
#[derive(Clone, Debug)]
pub struct WindowFunctionNode {
    /// The functions. All have the same `PARTITION BY` and `ORDER BY`.
    pub functions: Vec<Arc<dyn WindowExpr>>,
}

/// A sink.
#[derive(Clone, Debug)]
pub struct SinkNode {
    /// The table's name in SQL.
    pub table: String,
    /// Opens the sink.
    pub factory: SinkFactoryRef,
}
