//! What the planner knows of a stream: the node that makes it, its columns, and what they have to do with time.

use std::time::Duration;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::logical_expr::Expr;
use headwater_core::StreamSchema;
use headwater_core::schema::event_time_field;
use headwater_plan::{NodeId, Slicing, Window};

use crate::functions::ROW_TIME;

/// A stream of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// The node that makes it.
    pub(crate) node: NodeId,
    /// Its columns.
    pub(crate) schema: StreamSchema,
    /// What each visible column has to do with time.
    pub(crate) roles: Vec<Role>,
    /// Whether its rows are the results of windows.
    pub(crate) windowed: Windowed,
    /// Whether its rows have an event time that time can be told by: a source's rows with a watermark, the results of
    /// windows, and pairs of such rows, but no result that may still change.
    pub(crate) timed: bool,
    /// Whether it ends by itself.
    pub(crate) bounded: bool,
    /// How far behind the watermark rows may come and still count.
    pub(crate) lateness: Duration,
    /// Whether its rows have an order to be kept, so that one instance makes them.
    pub(crate) ordered: bool,
}

/// What a column has to do with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Plain,
    /// It is the event time.
    EventTime,
    /// It is the window that the row is the result of.
    Window,
    /// It is that window's start.
    WindowStart,
    /// It is that window's end.
    WindowEnd,
}

/// Whether rows are the results of windows. All rows of one window have the same event time: its end, less a
/// nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Windowed {
    /// They are not.
    No,
    /// All windows are of the same width, in nanoseconds, so that a start says which one.
    Fixed(i64),
    /// Windows of different widths: sessions, windows that grow, or several windows in one stream.
    Varying,
}

impl Windowed {
    /// What the results of a window are.
    pub(crate) fn by(window: &Window) -> Self {
        match window {
            Window::Sliced(Slicing { width, step: None, .. }) => Windowed::Fixed(*width),
            Window::Sliced(_) | Window::Session { .. } => Windowed::Varying,
        }
    }
}

impl Stream {
    /// Whether a grouping by a column of this role keeps windows apart: all its rows have the same event time.
    pub(crate) fn tells_windows(&self, role: Role) -> bool {
        match role {
            Role::Window | Role::WindowEnd => self.windowed != Windowed::No,
            Role::WindowStart => matches!(self.windowed, Windowed::Fixed(_)),
            Role::Plain | Role::EventTime => false,
        }
    }

    /// The role of what an expression over `columns`, the names of this stream's columns, comes to.
    pub(crate) fn role(&self, expr: &Expr, columns: &DFSchema) -> Role {
        match expr {
            Expr::Alias(alias) => self.role(&alias.expr, columns),
            Expr::Column(column) => self.column_role(column, columns),
            Expr::ScalarFunction(call) if call.name() == ROW_TIME => Role::EventTime,
            Expr::ScalarFunction(call) if call.name() == "get_field" => match call.args.as_slice() {
                [window, Expr::Literal(ScalarValue::Utf8(Some(field)), _)]
                    if self.role(window, columns) == Role::Window =>
                {
                    match field.as_str() {
                        "start" => Role::WindowStart,
                        "end" => Role::WindowEnd,
                        _ => Role::Plain,
                    }
                }
                _ => Role::Plain,
            },
            _ => Role::Plain,
        }
    }

    fn column_role(&self, column: &Column, columns: &DFSchema) -> Role {
        let index = columns.maybe_index_of_column(column);
        index.and_then(|index| self.roles.get(index).copied()).unwrap_or(Role::Plain)
    }

    /// Whether rows can be taken back.
    pub(crate) fn is_updating(&self) -> bool {
        self.schema.is_updating()
    }

    /// The same stream of other columns: a changelog stays one.
    pub(crate) fn schema_of(&self, visible: &Schema) -> StreamSchema {
        StreamSchema::with_hidden(visible, self.is_updating())
    }

    /// The name of a column that tells the event time: itself, or the window that a row is the result of.
    pub(crate) fn time_column(&self) -> Option<&str> {
        let index = self.roles.iter().position(|role| *role != Role::Plain).filter(|_| self.timed)?;
        Some(self.schema.full().field(index).name())
    }

    /// The name of the event-time column, where SQL sees it.
    pub(crate) fn event_time_column(&self) -> Option<&str> {
        let index = self.roles.iter().position(|role| *role == Role::EventTime)?;
        Some(self.schema.full().field(index).name())
    }
}

/// The names of a plan's columns with the hidden event time behind them, as physical expressions count them.
pub(super) fn with_event_time(columns: &DFSchema) -> Result<DFSchema, datafusion::error::DataFusionError> {
    let mut fields: Vec<(Option<TableReference>, _)> =
        columns.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
    fields.push((None, std::sync::Arc::new(event_time_field())));
    DFSchema::new_with_metadata(fields, columns.metadata().clone())
}

/// Whether two streams can share a schema without their rows being rewritten.
pub(super) fn same_columns(a: &SchemaRef, b: &SchemaRef) -> bool {
    let pairs = a.fields().iter().zip(b.fields());
    a.fields().len() == b.fields().len()
        && pairs
            .into_iter()
            .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type() && a.is_nullable() == b.is_nullable())
}

/// Whether values of the type are points in time.
pub(super) fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}
