//! Nodes from SQL text, so that the operators run the very expressions that the oracle runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_planner::create_window_expr;
use datafusion::prelude::SessionContext;
use headwater_core::{Operator, StreamSchema};
use headwater_plan::{
    Aggregate, Graph, NodeKind, Partitioning, Phase, Window, WindowAggregateNode, WindowFunctionNode,
};
use headwater_runtime::operators::{Storage, build};

pub(crate) const TIME: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// A window aggregate in its three phases. The window stands after the keys.
pub(crate) struct Planned {
    pub(crate) keys: usize,
    single: WindowAggregateNode,
    partial_schema: StreamSchema,
    final_schema: StreamSchema,
}

impl Planned {
    /// Of `SELECT <keys>, <aggregates> FROM t GROUP BY <keys>`, where `t` is a table of `context`.
    pub(crate) async fn new(context: &SessionContext, window: Window, keys: &str, aggregates: &str) -> Planned {
        let sql = match keys {
            "" => format!("SELECT {aggregates} FROM t"),
            _ => format!("SELECT {keys}, {aggregates} FROM t GROUP BY {keys}"),
        };
        let plan = analyzed(context, &sql).await;
        let aggregate = find(&plan, &|plan| match plan {
            LogicalPlan::Aggregate(aggregate) => Some(aggregate.clone()),
            _ => None,
        });
        let input = aggregate.input.schema();
        let (state, planning) = (context.state(), PhysicalPlanningContext::default());
        let keys: Vec<_> = aggregate
            .group_expr
            .iter()
            .map(|key| create_physical_expr(key, input, state.execution_props(), &planning).unwrap())
            .collect();
        let key_fields: Vec<_> = keys.iter().map(|key| key.return_field(input.as_arrow()).unwrap()).collect();
        let lower = |expression: &Expr| {
            let props = state.execution_props();
            let lowered = LoweredAggregateBuilder::new(expression, input, input.as_arrow(), props, &planning);
            let lowered = lowered.build().unwrap();
            Aggregate { function: lowered.aggregate, filter: lowered.filter }
        };
        let aggregates: Vec<_> = aggregate.aggr_expr.iter().map(lower).collect();
        let window_index = Some(keys.len());
        let node = WindowAggregateNode { window, phase: Phase::Single, window_index, keys, key_fields, aggregates };
        Planned {
            keys: node.keys.len(),
            partial_schema: partial_schema(&node),
            final_schema: final_schema(&node),
            single: node,
        }
    }

    /// A new operator of this phase.
    pub(crate) fn operator(&self, phase: Phase) -> Box<dyn Operator> {
        let mut node = self.single.clone();
        node.phase = phase;
        let mut graph = Graph::default();
        let schema = if phase == Phase::Partial { &self.partial_schema } else { &self.final_schema };
        let id = graph.add(NodeKind::WindowAggregate(node), schema.clone(), true);
        build(&graph, id, &Storage::new(true)).unwrap()
    }
}

fn partial_schema(node: &WindowAggregateNode) -> StreamSchema {
    let mut fields = node.key_fields.clone();
    for aggregate in &node.aggregates {
        fields.extend(aggregate.function.state_fields().unwrap());
    }
    if matches!(node.window, Window::Session { .. }) {
        fields.push(Arc::new(Field::new("_session_last", TIME, false)));
    }
    StreamSchema::append_only(&Schema::new(fields))
}

fn final_schema(node: &WindowAggregateNode) -> StreamSchema {
    let times = [Field::new("start", TIME, false), Field::new("end", TIME, false)];
    let window = Field::new("window", DataType::Struct(Fields::from(times.to_vec())), false);
    let mut fields = node.key_fields.clone();
    fields.push(Arc::new(window));
    fields.extend(node.aggregates.iter().map(|aggregate| aggregate.function.field()));
    StreamSchema::append_only(&Schema::new(fields))
}

/// The window functions of `SELECT <functions> FROM w`, over rows of `input`, exchanged by `hash_columns`.
pub(crate) async fn window_functions(
    context: &SessionContext,
    input: &StreamSchema,
    functions: &str,
    hash_columns: Vec<usize>,
) -> impl Fn() -> Box<dyn Operator> + use<> {
    let plan = analyzed(context, &format!("SELECT {functions} FROM w")).await;
    let window = find(&plan, &|plan| match plan {
        LogicalPlan::Window(window) => Some(window.clone()),
        _ => None,
    });
    let (state, planning) = (context.state(), PhysicalPlanningContext::default());
    let make =
        |function| create_window_expr(function, window.input.schema(), state.execution_props(), &planning).unwrap();
    let functions: Vec<_> = window.window_expr.iter().map(make).collect();
    let mut fields: Vec<_> = input.visible().fields().iter().cloned().collect();
    fields.extend(functions.iter().map(|function| function.field().unwrap()));
    let output = StreamSchema::append_only(&Schema::new(fields));
    let mut graph = Graph::default();
    let from = graph.add(NodeKind::Union, input.clone(), true);
    let id = graph.add(NodeKind::WindowFunction(WindowFunctionNode { ranks: Vec::new(), functions }), output, true);
    graph.connect(from, id, 0, Partitioning::Hash(hash_columns));
    move || build(&graph, id, &Storage::new(true)).unwrap()
}

async fn analyzed(context: &SessionContext, sql: &str) -> LogicalPlan {
    let state = context.state();
    let plan = state.create_logical_plan(sql).await.unwrap();
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| ()).unwrap()
}

fn find<T>(plan: &LogicalPlan, pick: &dyn Fn(&LogicalPlan) -> Option<T>) -> T {
    pick(plan).unwrap_or_else(|| find(plan.inputs()[0], pick))
}
