//! The kinds of nodes, each with what its operator needs.
//!
//! Every stream's columns are those of its [`StreamSchema`]: the visible ones, then the hidden event time. Expressions
//! refer to columns by index, over the full schema of the node's input.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::FieldRef;
use datafusion::common::JoinType;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use headwater_core::sink::SinkFactoryRef;
use headwater_core::source::SourceFactoryRef;

use crate::awaited::{CallNode, LookupNode};
use crate::window::{Slicing, Window};

/// What a node does.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Reads a table and gives its rows their event time and the stream its watermark.
    Source(SourceNode),
    /// Filters rows and computes columns.
    Map(MapNode),
    /// Aggregates by key, without a window: every result is a change of an earlier one.
    GroupAggregate(GroupAggregateNode),
    /// Aggregates by window and key.
    WindowAggregate(WindowAggregateNode),
    /// Evaluates SQL window functions over the rows of each closed window.
    WindowFunction(WindowFunctionNode),
    /// Evaluates SQL window functions over all rows of a partition, anew whenever the partition changes.
    KeyedWindowFunction(KeyedWindowFunctionNode),
    /// Keeps the last row of each key, and makes a changelog of upserts.
    Upsert(UpsertNode),
    /// Joins two inputs: input 0 is the left one, input 1 the right one.
    Join(JoinNode),
    /// Joins rows with those of a table that is looked up by its key.
    Lookup(LookupNode),
    /// Calls functions that wait for their answers.
    Call(CallNode),
    /// Makes a row of each element of a list.
    Unnest(UnnestNode),
    /// Turns a changelog with event times into an append-only stream: a row comes out once the watermark has passed its
    /// event time, if it has not been taken back by then. A change of a row that is out already is late.
    Settle,
    /// Holds the watermark back by so much, for rows that come late by no more.
    Delay(Duration),
    /// Gives each row once for every window that it falls in.
    AssignWindows(AssignWindowsNode),
    /// Holds changes back until the watermark has passed their event time; rows find their instance by these columns.
    Hold(Vec<usize>),
    /// Lets only rows through that come too late.
    LateRows(LateRowsNode),
    /// The records that a source could not read. Its one input is the source, of which it gets these and no rows.
    BadRecords,
    /// Folds the changes between two flushes.
    Fold {
        /// How long at least, where it is longer than the job's own interval; the job's is no longer than this.
        every: Option<Duration>,
    },
    /// Keeps all rows to the end of a bounded input, and emits them in order.
    Order(OrderNode),
    /// Rows of several inputs with the same columns; all are input 0.
    Union,
    /// Writes a table.
    Sink(SinkNode),
}

impl NodeKind {
    /// Whether its answers come from elsewhere, so that a task has to wait for them.
    pub fn waits(&self) -> bool {
        matches!(self, NodeKind::Lookup(_) | NodeKind::Call(_))
    }
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
    /// How far a partition may be ahead of the slowest one that is awake, in event time; further ahead, it is not read.
    pub max_drift: Option<Duration>,
    /// How far behind the watermark rows may be and still count. The nodes that count them know it too: it is said here
    /// for who looks at the source alone.
    pub lateness: Duration,
    /// The visible columns that nobody looks at: they hold any value of their type.
    pub unread: Vec<usize>,
    /// The least by which the watermark advances.
    pub watermark_step: Duration,
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

/// An aggregation by key over all rows so far, whose result is a changelog.
///
/// In one phase the input may be a changelog itself. Output of [`Phase::Single`] and [`Phase::Final`]: the keys, then
/// the aggregates. Output of [`Phase::Partial`], which takes an append-only input only: the keys, then the state
/// columns of each aggregate in order. Without keys there is one group, and it has a result even without any row.
///
/// Without aggregates over an append-only input the result is append-only: each key once.
#[derive(Clone, Debug)]
pub struct GroupAggregateNode {
    /// Which half this is.
    pub phase: Phase,
    /// The grouping keys, over the input. In [`Phase::Final`] the input's first columns.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The keys' fields.
    pub key_fields: Vec<FieldRef>,
    /// The aggregates. Their arguments are over the input of the first phase.
    pub aggregates: Vec<Aggregate>,
    /// A group that has not changed for so long, in event time, is forgotten: its last result stands. `None` keeps all.
    pub ttl: Option<Duration>,
    /// Whether a window is among the keys, so that results have to be out before the watermark passes them on.
    pub windowed: bool,
}

/// Windows as a column: output is the input's visible columns, then the window, a struct of `start` and `end`. The event
/// time is the window's end less a nanosecond, as for the result of a window.
#[derive(Clone, Debug)]
pub struct AssignWindowsNode {
    /// The windows.
    pub slicing: Slicing,
    /// How long after its end a window still takes rows.
    pub lateness: Duration,
}

/// Which rows come too late: those for which every one of the windows over their source has closed.
#[derive(Clone, Debug)]
pub struct LateRowsNode {
    /// The windows; at least one. When a session is over is not known from the time of a row alone.
    pub windows: Vec<Slicing>,
    /// How long after its end a window still takes rows.
    pub lateness: Duration,
}

/// SQL window functions over all rows of a partition so far, whose result is a changelog.
///
/// The input may be a changelog. Output: the input's visible columns, then a column a function.
#[derive(Clone, Debug)]
pub struct KeyedWindowFunctionNode {
    /// The functions. All have the same `PARTITION BY` and `ORDER BY`.
    pub functions: Vec<Arc<dyn WindowExpr>>,
    /// What the functions are, where every one of them is a rank; empty otherwise.
    pub ranks: Vec<Rank>,
    /// Only rows whose rank (of whichever kind the functions are) is at most this matter to the reader, so others need
    /// not be kept or sent. Set only where every function is a rank.
    pub bound: Option<usize>,
    /// A row this old is forgotten.
    pub ttl: Option<Duration>,
}

/// The last row of each key.
///
/// Input: upserts. A row that comes takes the place of the last one of its key; of one that goes only the key matters.
/// Output: a changelog of the same columns, with each row whole that it takes back.
#[derive(Clone, Debug)]
pub struct UpsertNode {
    /// The columns of the key.
    pub key: Vec<usize>,
    /// A row this old is forgotten. `None` keeps all.
    pub ttl: Option<Duration>,
}

/// A join by equal keys, with a condition on what they pair.
///
/// Output: the left visible columns, then the right ones; for SEMI and ANTI those of the one side. The event time of a
/// pair is the greater of its rows' times.
#[derive(Clone, Debug)]
pub struct JoinNode {
    /// Which rows come out.
    pub join_type: JoinType,
    /// The keys over the left input; no keys means that all rows pair.
    pub left_keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The keys over the right input, of the same number and types.
    pub right_keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Whether a null key equals a null key.
    pub null_equal: bool,
    /// What else must be true of a pair, over the left visible columns, the right visible columns, and the pair's event
    /// time.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
    /// How long rows wait for their match.
    pub time: JoinTime,
    /// Whether the rows of the left and of the right side are never forgotten: where a side is one row at most, as the
    /// result of an aggregate over everything, it holds for as long as it is not changed.
    pub lasting: [bool; 2],
}

/// How long the rows of a join are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinTime {
    /// A row that is older than this, in event time, is forgotten; `None` keeps all. An outer join's result is a
    /// changelog.
    Updating(Option<Duration>),
    /// A pair's left event time less its right one is at least `least` and at most `most` nanoseconds, so that the
    /// watermark says when a row has had its last chance. The result is append-only. Zero and zero for rows of the same
    /// window.
    Interval {
        /// At least this.
        least: i64,
        /// At most this.
        most: i64,
    },
    /// Each left row with the latest right row of its key that is not younger, once the watermark has passed it.
    AsOf,
}

/// Lists, and structs of one row, as rows and columns of their own.
///
/// Output column number `i` is made of input column `columns[i].input`.
#[derive(Clone, Debug)]
pub struct UnnestNode {
    /// What each visible output column is.
    pub columns: Vec<UnnestColumn>,
    /// Whether a null list makes a row with null in its place.
    pub keep_null: bool,
    /// Whether an empty list makes a row with null in its place.
    pub keep_empty: bool,
}

/// A column of an [`UnnestNode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnnestColumn {
    /// The input column.
    pub input: usize,
    /// What is made of it.
    pub kind: UnnestKind,
}

/// What an output column of an [`UnnestNode`] is of its input column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnnestKind {
    /// The value, repeated for each row.
    Repeated,
    /// An element of the list.
    Element,
    /// The struct's field with this number.
    Field(usize),
}

/// `ORDER BY … LIMIT … OFFSET …` over a bounded input.
#[derive(Clone, Debug)]
pub struct OrderNode {
    /// The order; rows that it holds for equal come in any order that is the same each time.
    pub by: Vec<PhysicalSortExpr>,
    /// How many rows are left out at the front.
    pub skip: usize,
    /// How many rows come out at most.
    pub fetch: Option<usize>,
}

/// SQL window functions (`ROW_NUMBER() OVER …`) over the rows of each closed event-time window.
///
/// Input rows of one window share one event time, as a window aggregate gives them; when the watermark passes it, the
/// rows are sorted and the functions evaluated. Output: the input's visible columns, then a column a function.
#[derive(Clone, Debug)]
pub struct WindowFunctionNode {
    /// The functions. All have the same `PARTITION BY` and `ORDER BY`.
    pub functions: Vec<Arc<dyn WindowExpr>>,
    /// What the functions are, where every one of them is a rank; empty otherwise.
    pub ranks: Vec<Rank>,
}

/// A function that numbers the rows of a partition in its order, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// `ROW_NUMBER()`: every row its own.
    RowNumber,
    /// `RANK()`: rows that are equal in the order share the number of the first.
    Rank,
    /// `DENSE_RANK()`: the same, without gaps.
    DenseRank,
}

/// A sink.
#[derive(Clone, Debug)]
pub struct SinkNode {
    /// The table's name in SQL.
    pub table: String,
    /// Opens the sink.
    pub factory: SinkFactoryRef,
}
