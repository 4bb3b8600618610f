//! `GROUP BY`, with a window or without: one node, or a partial one before the exchange and a final one behind it.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use datafusion::execution::context::ExecutionProps;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, LoweredAggregateBuilder};
use datafusion::physical_expr::expressions::Column;
use headwater_core::{EVENT_TIME, StreamSchema};
use headwater_plan::{Aggregate, GroupAggregateNode, NodeKind, Partitioning, Phase, Window, WindowAggregateNode};

use super::expression::Scope;
use super::select::{Streams, unaliased};
use super::stream::{Role, Stream, Windowed};
use super::window::window_call;
use super::{GraphBuilder, Result};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// What rows are grouped by.
enum Grouping {
    /// Keys alone: results are corrected for ever.
    Keys { keys: Vec<Arc<dyn PhysicalExpr>>, key_fields: Vec<FieldRef> },
    /// A window: results are final when it closes.
    Windowed(WindowGrouping),
}

/// Keys, and how long their groups are kept.
pub(super) struct Groups {
    /// The keys.
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Their fields.
    pub(super) key_fields: Vec<FieldRef>,
    /// How long a group is kept that does not change; `None` for as long as the query runs.
    pub(super) ttl: Option<Duration>,
    /// Whether a window is among the keys.
    pub(super) windowed: bool,
}

/// A window, and keys beside it.
pub(super) struct WindowGrouping {
    pub(super) window: Window,
    pub(super) window_index: Option<usize>,
    pub(super) windowed: Windowed,
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) key_fields: Vec<FieldRef>,
    pub(super) roles: Vec<Role>,
}

impl Streams<'_> {
    pub(super) fn aggregate(&mut self, plan: &logical_expr::Aggregate) -> Result<Stream> {
        if let [Expr::GroupingSet(sets)] = plan.group_expr.as_slice() {
            return self.grouping_sets(plan, sets);
        }
        let input = self.stream(&plan.input)?;
        let calls_window = plan.group_expr.iter().any(|expr| window_call(expr).is_some());
        let tells_windows =
            plan.group_expr.iter().any(|expr| input.tells_windows(input.role(expr, plan.input.schema())));
        // Early results of windows are changes like any other: their window is a key.
        let as_changes = self.early && input.is_updating() && !calls_window;
        let windowed = calls_window || tells_windows && !as_changes;
        let input = if windowed { self.builder.settled(input) } else { input };
        let scope = self.scope(plan.input.schema(), &input)?;
        let output = plan.schema.as_arrow();
        let grouping = grouping(plan, &scope, windowed)?;
        let names = output.fields().iter().skip(plan.group_expr.len());
        let aggregates = plan
            .aggr_expr
            .iter()
            .zip(names)
            .map(|(expr, field)| scope.aggregate(expr, field.name()))
            .collect::<Result<Vec<_>>>()?;
        let stream = match grouping {
            Grouping::Windowed(grouping) => {
                let window = grouping.window;
                let stream = match self.corrected(&input, &grouping)? {
                    Some(corrected) => self.corrected_windows(&input, grouping, corrected, aggregates, output),
                    None => {
                        let schema = StreamSchema::append_only(output);
                        let punctual = self.builder.punctual(input.clone());
                        self.builder.window_aggregate(&punctual, grouping, aggregates, schema)
                    }
                };
                stream.inspect(|stream| self.builder.windows_over(&input, window, stream.node))
            }
            Grouping::Keys { keys, key_fields } => {
                // Everything is one group, of which there is nothing to forget.
                let ttl = (!keys.is_empty()).then_some(self.builder.updating_ttl);
                let groups = Groups { keys, key_fields, ttl, windowed: false };
                self.builder.group_aggregate(&input, groups, aggregates, output)
            }
        };
        stream.map_err(|error| error.at(self.place.start()))
    }
}

/// What a plan groups by; `windowed` says whether a window among it is to be one.
fn grouping(plan: &logical_expr::Aggregate, scope: &Scope<'_>, windowed: bool) -> Result<Grouping> {
    let names = plan.input.schema();
    let input = scope.stream;
    let mut window: Option<(usize, Window)> = None;
    let (mut keys, mut key_fields, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (expr, field)) in plan.group_expr.iter().zip(plan.schema.fields()).enumerate() {
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
    let windowed_input = windowed && roles.iter().any(|role| input.tells_windows(*role));
    // The result's event time is its window's; a new window makes the input's one an ordinary value.
    let new = window.map(|(index, _)| index);
    for (index, role) in roles.iter_mut().enumerate() {
        let outlived = *role == Role::EventTime || (new.is_some() && new != Some(index));
        *role = if outlived { Role::Plain } else { *role };
    }
    roles.resize(plan.schema.fields().len(), Role::Plain);
    let (window_index, window, windowed) = match window {
        Some((index, window)) => (Some(index), window, Windowed::by(&window)),
        None if windowed_input => (None, Window::instant(), input.windowed),
        None => return Ok(Grouping::Keys { keys, key_fields }),
    };
    Ok(Grouping::Windowed(WindowGrouping { window, window_index, windowed, keys, key_fields, roles }))
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
        grouping: WindowGrouping,
        aggregates: Vec<Aggregate>,
        schema: StreamSchema,
    ) -> Result<Stream> {
        let WindowGrouping { window, window_index, windowed, keys, key_fields, roles } = grouping;
        let node = |phase, keys| WindowAggregateNode {
            window,
            phase,
            window_index,
            keys,
            key_fields: key_fields.clone(),
            aggregates: aggregates.clone(),
        };
        let last = if self.parallelism > 1 {
            let partial_schema = partial_schema(Some(&window), &key_fields, &aggregates)?;
            let partial = NodeKind::WindowAggregate(node(Phase::Partial, keys));
            let partial = self.graph.add(partial, partial_schema, true);
            self.graph.connect(input.node, partial, 0, Partitioning::Forward);
            let last = NodeKind::WindowAggregate(node(Phase::Final, first_columns(&key_fields)));
            let last = self.graph.add(last, schema.clone(), !key_fields.is_empty());
            self.graph.connect(partial, last, 0, Partitioning::Hash((0..key_fields.len()).collect()));
            last
        } else {
            let single = self.graph.add(NodeKind::WindowAggregate(node(Phase::Single, keys)), schema.clone(), true);
            self.graph.connect(input.node, single, 0, Partitioning::Forward);
            single
        };
        Ok(Stream {
            node: last,
            schema,
            roles,
            windowed,
            timed: true,
            bounded: input.bounded,
            lateness: Duration::ZERO,
            ordered: false,
        })
    }

    /// A group aggregate; over an append-only stream in two phases where there are several instances.
    pub(super) fn group_aggregate(
        &mut self,
        input: &Stream,
        groups: Groups,
        mut aggregates: Vec<Aggregate>,
        output: &Schema,
    ) -> Result<Stream> {
        let Groups { keys, key_fields, ttl, windowed } = groups;
        let updating = input.is_updating() || !aggregates.is_empty();
        let schema = StreamSchema::with_hidden(output, updating);
        let (input, places) = match input.is_updating() {
            true => self.with_keys(input, &keys)?,
            false => (input.clone(), Vec::new()),
        };
        aggregates.push(latest_event_time(&input.schema)?);
        let parallel = !keys.is_empty();
        let node = |phase, keys| GroupAggregateNode {
            phase,
            keys,
            key_fields: key_fields.clone(),
            aggregates: aggregates.clone(),
            ttl,
            windowed,
        };
        let last = if input.is_updating() {
            let keys = columns(&input.schema, &places);
            let single = self.graph.add(NodeKind::GroupAggregate(node(Phase::Single, keys)), schema.clone(), parallel);
            let partitioning = self.exchange(places);
            self.graph.connect(input.node, single, 0, partitioning);
            single
        } else if self.parallelism > 1 {
            let partial_schema = partial_schema(None, &key_fields, &aggregates)?;
            let partial =
                self.graph.add(NodeKind::GroupAggregate(node(Phase::Partial, keys)), partial_schema, !input.ordered);
            self.graph.connect(input.node, partial, 0, Partitioning::Forward);
            let last = NodeKind::GroupAggregate(node(Phase::Final, first_columns(&key_fields)));
            let last = self.graph.add(last, schema.clone(), parallel);
            self.graph.connect(partial, last, 0, Partitioning::Hash((0..key_fields.len()).collect()));
            last
        } else {
            let single = self.graph.add(NodeKind::GroupAggregate(node(Phase::Single, keys)), schema.clone(), parallel);
            self.graph.connect(input.node, single, 0, Partitioning::Forward);
            single
        };
        let roles = vec![Role::Plain; schema.visible_count()];
        let (windowed, bounded) = (Windowed::No, input.bounded);
        Ok(Stream {
            node: last,
            schema,
            roles,
            windowed,
            timed: false,
            bounded,
            lateness: Duration::ZERO,
            ordered: false,
        })
    }
}

/// The greatest event time of a group's rows: what its result is as old as.
fn latest_event_time(input: &StreamSchema) -> Result<Aggregate> {
    let time = Arc::new(Column::new(EVENT_TIME, input.event_time_index())) as Arc<dyn PhysicalExpr>;
    let function = AggregateExprBuilder::new(max_udaf(), vec![time]).schema(input.full().clone()).alias(EVENT_TIME);
    let function = function.build().map_err(|error| Diagnostic::new(error.message().into_owned()))?;
    Ok(Aggregate { function: Arc::new(function), filter: None })
}

/// The columns at these places.
fn columns(schema: &StreamSchema, places: &[usize]) -> Vec<Arc<dyn PhysicalExpr>> {
    let column = |index: &usize| Arc::new(Column::new(schema.full().field(*index).name(), *index)) as _;
    places.iter().map(column).collect()
}

/// The first columns, as these fields.
fn first_columns(fields: &[FieldRef]) -> Vec<Arc<dyn PhysicalExpr>> {
    fields.iter().enumerate().map(|(i, field)| Arc::new(Column::new(field.name(), i)) as _).collect()
}

/// The keys, the state of each aggregate, and for a session when its last row was.
fn partial_schema(window: Option<&Window>, keys: &[FieldRef], aggregates: &[Aggregate]) -> Result<StreamSchema> {
    let mut fields: Vec<FieldRef> = keys.to_vec();
    for aggregate in aggregates {
        let states = aggregate.function.state_fields();
        fields.extend(states.map_err(|error| Diagnostic::new(error.message().into_owned()))?);
    }
    if let Some(Window::Session { .. }) = window {
        fields.push(Arc::new(Field::new("_session_last", DataType::Timestamp(TimeUnit::Nanosecond, None), false)));
    }
    Ok(StreamSchema::append_only(&Schema::new(fields)))
}
