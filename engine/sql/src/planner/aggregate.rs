//! `GROUP BY` with a window: one node, or a partial one before the exchange and a final one behind it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::expressions::Column;
use headwater_core::StreamSchema;
use headwater_plan::{Aggregate, NodeKind, Partitioning, Phase, Window, WindowAggregateNode};

use super::expression::Scope;
use super::select::{Streams, unaliased};
use super::stream::{Role, Stream, Windowed};
use super::window::window_call;
use super::{GraphBuilder, Result};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// What rows are grouped by.
struct Grouping {
    window: Window,
    window_index: Option<usize>,
    windowed: Windowed,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    key_fields: Vec<FieldRef>,
    roles: Vec<Role>,
}

impl Streams<'_> {
    pub(super) fn aggregate(&mut self, plan: &logical_expr::Aggregate) -> Result<Stream> {
        let input = self.stream(&plan.input)?;
        let scope = self.scope(plan.input.schema(), &input)?;
        let output = plan.schema.as_arrow();
        let grouping = grouping(plan, &scope)?;
        let names = output.fields().iter().skip(plan.group_expr.len());
        let aggregates = plan
            .aggr_expr
            .iter()
            .zip(names)
            .map(|(expr, field)| scope.aggregate(expr, field.name()))
            .collect::<Result<Vec<_>>>()?;
        let schema = StreamSchema::append_only(output);
        self.builder.window_aggregate(&input, grouping, aggregates, schema).map_err(|e| e.at(self.place.start()))
    }
}

fn grouping(plan: &logical_expr::Aggregate, scope: &Scope<'_>) -> Result<Grouping> {
    let names = plan.input.schema();
    let input = scope.stream;
    let mut window: Option<(usize, Window)> = None;
    let (mut keys, mut key_fields, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (expr, field)) in plan.group_expr.iter().zip(plan.schema.fields()).enumerate() {
        if let Expr::GroupingSet(_) = expr {
            let error = Diagnostic::new("GROUPING SETS, ROLLUP and CUBE cannot be computed over a stream");
            let span = scope.place.any(&["GROUPING", "ROLLUP", "CUBE"]);
            return Err(error.at(span).hint("write a query for each grouping, and put them together with UNION ALL"));
        }
        if let Some(call) = window_call(expr) {
            if window.replace((index, scope.window(call)?)).is_some() {
                let error = Diagnostic::new("rows are grouped by one window, and there are two");
                return Err(error
                    .at(scope.place.word(call.name()))
                    .hint("group by the wider one in a query around this"));
            }
            roles.push(Role::Window);
        } else {
            keys.push(scope.physical(expr)?);
            key_fields.push(field.clone());
            roles.push(input.role(expr, names));
        }
    }
    let windowed_input = roles.iter().any(|role| input.tells_windows(*role));
    // The result's event time is its window's; a new window makes the input's one an ordinary value.
    let new = window.map(|(index, _)| index);
    for (index, role) in roles.iter_mut().enumerate() {
        let outlived = *role == Role::EventTime || (new.is_some() && new != Some(index));
        *role = if outlived { Role::Plain } else { *role };
    }
    roles.resize(plan.schema.fields().len(), Role::Plain);
    let (window_index, window, windowed) = match window {
        Some((index, window @ Window::Sliced(_))) => (Some(index), window, Windowed::Fixed),
        Some((index, window)) => (Some(index), window, Windowed::Varying),
        None if windowed_input => (None, Window::instant(), input.windowed),
        None => return Err(no_window(plan, scope)),
    };
    Ok(Grouping { window, window_index, windowed, keys, key_fields, roles })
}

fn no_window(plan: &logical_expr::Aggregate, scope: &Scope<'_>) -> Diagnostic {
    let place = scope.place;
    let aggregate = plan.aggr_expr.first().and_then(|expr| match unaliased(expr) {
        Expr::AggregateFunction(call) => Some(call.func.name().to_owned()),
        _ => None,
    });
    let span = place.words(&["GROUP", "BY"]).or_else(|| aggregate.and_then(|name| place.word(&name)));
    let error = Diagnostic::new("an aggregate over a stream needs a window").at(span);
    if scope.stream.windowed != Windowed::No {
        return error.hint("the table is windowed already: group by its window as well");
    }
    let keys: Vec<String> = plan
        .group_expr
        .iter()
        .filter_map(|expr| match unaliased(expr) {
            Expr::Column(column) => Some(format!(", {}", column.name)),
            _ => None,
        })
        .collect();
    error.hint(format!("GROUP BY tumble(interval '1 minute'){}", keys.concat()))
}

impl Scope<'_> {
    /// The physical form of an aggregate.
    fn aggregate(&self, expr: &Expr, name: &str) -> Result<Aggregate> {
        let expr = self.prepare(expr)?;
        let physical = self.columns.as_arrow();
        let (execution, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let lower = LoweredAggregateBuilder::new(&expr, &self.columns, physical, &execution, &planning).with_name(name);
        let build = || {
            let lowered = lower.build()?;
            // Some aggregates only say here that they do not know a type, or DISTINCT.
            lowered.aggregate.create_accumulator()?;
            lowered.aggregate.state_fields()?;
            Ok(Aggregate { function: lowered.aggregate, filter: lowered.filter })
        };
        build().map_err(|error| {
            let function = match unaliased(&expr) {
                Expr::AggregateFunction(call) => self.place.word(call.func.name()),
                _ => None,
            };
            let cleaned = clean(error, self.place);
            Diagnostic { span: function.or(cleaned.span), ..cleaned }
        })
    }
}

impl GraphBuilder {
    fn window_aggregate(
        &mut self,
        input: &Stream,
        grouping: Grouping,
        aggregates: Vec<Aggregate>,
        schema: StreamSchema,
    ) -> Result<Stream> {
        let Grouping { window, window_index, windowed, keys, key_fields, roles } = grouping;
        let node = |phase, keys| WindowAggregateNode {
            window,
            phase,
            window_index,
            keys,
            key_fields: key_fields.clone(),
            aggregates: aggregates.clone(),
        };
        let last = if self.parallelism > 1 {
            let partial_schema = partial_schema(&window, &key_fields, &aggregates)?;
            let partial = NodeKind::WindowAggregate(node(Phase::Partial, keys));
            let partial = self.graph.add(partial, partial_schema, true);
            self.graph.connect(input.node, partial, 0, Partitioning::Forward);
            let keys = key_fields.iter().enumerate();
            let keys = keys.map(|(i, field)| Arc::new(Column::new(field.name(), i)) as Arc<dyn PhysicalExpr>).collect();
            let last = NodeKind::WindowAggregate(node(Phase::Final, keys));
            let last = self.graph.add(last, schema.clone(), !key_fields.is_empty());
            self.graph.connect(partial, last, 0, Partitioning::Hash((0..key_fields.len()).collect()));
            last
        } else {
            let single = self.graph.add(NodeKind::WindowAggregate(node(Phase::Single, keys)), schema.clone(), true);
            self.graph.connect(input.node, single, 0, Partitioning::Forward);
            single
        };
        Ok(Stream { node: last, schema, roles, windowed, timed: true })
    }
}

/// The keys, the state of each aggregate, and for a session when its last row was.
fn partial_schema(window: &Window, keys: &[FieldRef], aggregates: &[Aggregate]) -> Result<StreamSchema> {
    let mut fields: Vec<FieldRef> = keys.to_vec();
    for aggregate in aggregates {
        let states = aggregate.function.state_fields();
        fields.extend(states.map_err(|error| Diagnostic::new(error.message().into_owned()))?);
    }
    if let Window::Session { .. } = window {
        fields.push(Arc::new(Field::new("_session_last", DataType::Timestamp(TimeUnit::Nanosecond, None), false)));
    }
    Ok(StreamSchema::append_only(&Schema::new(fields)))
}
