//! Tables whose rows stand once for every window that they fall in: `FROM HOP(TABLE t, …)`, which is bound as a list of
//! windows that is unnested. Rows come out at once, each with the event time that its window's result would have, so
//! that what groups, ranks or joins them by the window waits for the window to close.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{self, Expr, LogicalPlan, Projection};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::StreamSchema;
use headwater_plan::window::window_type;
use headwater_plan::{AssignWindowsNode, MapNode, NodeKind, Partitioning, Slicing, Window};

use super::Result;
use super::select::{Streams, unaliased};
use super::stream::{Role, Stream, Windowed};
use super::window::window_call;
use crate::diagnostic::Diagnostic;
use crate::functions::WINDOWS_OF;

/// The list of windows that a query unnests.
pub(super) struct WindowList<'a> {
    /// What computes it.
    projection: &'a Projection,
    /// Its column.
    column: usize,
    /// The window function.
    call: &'a ScalarFunction,
}

/// The list of windows that is unnested here, if it is one.
pub(super) fn window_list(plan: &logical_expr::Unnest) -> Option<WindowList<'_>> {
    let LogicalPlan::Projection(projection) = plan.input.as_ref() else { return None };
    let list = |(column, expr): (usize, &'_ Expr)| match unaliased(expr) {
        Expr::ScalarFunction(list) if list.name() == WINDOWS_OF => Some(column),
        _ => None,
    };
    let column = projection.expr.iter().enumerate().find_map(list)?;
    let Expr::ScalarFunction(list) = unaliased(&projection.expr[column]) else { return None };
    Some(WindowList { projection, column, call: window_call(list.args.first()?)? })
}

impl Streams<'_> {
    /// The rows of a projection with each of their windows.
    pub(super) fn window_table(&mut self, plan: &logical_expr::Unnest, list: &WindowList<'_>) -> Result<Stream> {
        let WindowList { projection, column, call } = list;
        let input = self.stream(&projection.input)?;
        if input.is_updating() && !input.timed {
            let error = Diagnostic::new("the rows of this table can still change, and have no event time to window by");
            return Err(error.at(self.place.word(call.name())));
        }
        let input = self.builder.in_time(input);
        let names = projection.input.schema();
        let window = self.scope(names, &input)?.window(call)?;
        let Window::Sliced(slicing) = window else {
            return Err(Diagnostic::new("the rows of a session are not known before it ends").at(self.place.start()));
        };
        let assigned = self.assigned(&input, slicing, Duration::ZERO);
        self.builder.windows_over(&input, window, assigned.node);
        let scope = self.scope(names, &input)?;
        let windows = assigned.schema.visible_count() - 1;
        let (mut columns, mut roles) = (Vec::new(), Vec::new());
        for source in &plan.dependency_indices {
            if source == column {
                let name = assigned.schema.full().field(windows).name();
                columns.push(Arc::new(Column::new(name, windows)) as Arc<dyn PhysicalExpr>);
                roles.push(Role::Window);
            } else {
                columns.push(scope.physical(&projection.expr[*source])?);
                roles.push(Role::Plain);
            }
        }
        let schema = StreamSchema::append_only(plan.schema.as_arrow());
        let rows = Stream { windowed: Windowed::by(&window), timed: true, ..assigned };
        Ok(self.builder.map(&rows, MapNode { predicate: None, columns }, schema, roles))
    }

    /// The rows of a stream with each of their windows behind their own columns.
    pub(super) fn assigned(&mut self, input: &Stream, slicing: Slicing, lateness: Duration) -> Stream {
        let visible = input.schema.visible();
        let mut fields: Vec<FieldRef> = visible.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("_window", window_type(), false)));
        let schema = StreamSchema::append_only(&Schema::new(fields));
        let kind = NodeKind::AssignWindows(AssignWindowsNode { slicing, lateness });
        let node = self.builder.graph.add(kind, schema.clone(), !input.ordered);
        self.builder.graph.connect(input.node, node, 0, Partitioning::Forward);
        let mut roles = input.roles.clone();
        roles.push(Role::Window);
        Stream { node, schema, roles, ..input.clone() }
    }
}
