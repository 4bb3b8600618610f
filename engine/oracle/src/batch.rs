//! The batch answer: a bound query over tables in memory, with everything that only a stream knows spelt out.
//!
//! The engine's event time becomes an ordinary column behind the others, and only where something above needs it.
//! `row_time()` is that column. A window in GROUP BY is a column computed below the aggregation: a row is repeated for
//! every window that holds it, and a session is found by looking at the row before ([`windows`]). What comes out is a
//! plan that plain DataFusion runs, and nothing of the engine's planner or operators has a part in it.
//!
//! The event time of what is derived is what the dialect says it is: of a window's result the last instant of the
//! window, of a join's the later of both rows', of a union's, a filter's or a projection's the row's own.

mod aggregate;
mod functions;
mod version;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, not_impl_err};
use datafusion::datasource::provider_as_source;
use datafusion::functions::core::expr_fn::greatest;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::logical_plan::{Join, Projection, SubqueryAlias};
use datafusion::logical_expr::{
    self, Distinct, Expr, Filter, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, TableScan, Union, Unnest,
};
use datafusion::prelude::{SessionConfig, SessionContext};
use headwater_core::EVENT_TIME;
use headwater_core::schema::event_time_field;

type Result<T, E = DataFusionError> = std::result::Result<T, E>;

/// The rows of each table as SQL sees them, with the hidden event time.
pub(crate) type Tables = BTreeMap<String, RecordBatch>;

/// The function that gives a row's event time.
const ROW_TIME: &str = "row_time";

/// Answers a bound query.
///
/// # Errors
/// When it has a part that has no batch form, or DataFusion cannot run it.
pub(crate) async fn answer(query: &LogicalPlan, tables: &Tables) -> Result<Vec<RecordBatch>> {
    let plan = Rewriter { tables }.plan(query, false)?;
    let mut config = SessionConfig::new().with_target_partitions(1);
    // The rule takes the event time behind a table's name and the one without for the same column.
    config.options_mut().optimizer.enable_leaf_expression_pushdown = false;
    SessionContext::new_with_config(config).execute_logical_plan(plan).await?.collect().await
}

/// Rewrites bound queries into ones that batch DataFusion can run.
struct Rewriter<'a> {
    tables: &'a Tables,
}

impl Rewriter<'_> {
    /// The plan over tables in memory. It has the same columns under the same names, and where it is asked to be
    /// `timed` the event time behind them.
    fn plan(&self, plan: &LogicalPlan, timed: bool) -> Result<LogicalPlan> {
        let schema = plan.schema();
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, timed),
            LogicalPlan::SubqueryAlias(alias) => {
                let input = self.plan(&alias.input, timed)?;
                let aliased = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?);
                let time = timed.then(|| column_at(aliased.schema(), schema.fields().len()));
                select(aliased, schema, time)
            }
            LogicalPlan::Projection(projection) => self.projection(projection, timed),
            LogicalPlan::Filter(filter) => {
                let predicate = self.expression(&filter.predicate)?;
                let input = self.plan(&filter.input, timed || needs_time(std::iter::once(&filter.predicate)))?;
                let filter = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
                select(filter, schema, timed.then(event_time))
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, timed),
            LogicalPlan::Window(window) => self.window(window, timed),
            LogicalPlan::Union(union) => self.union(union, timed),
            LogicalPlan::Join(join) if version::is_temporal(join) => self.temporal_join(join, timed),
            LogicalPlan::Join(join) => self.join(join, timed),
            LogicalPlan::Unnest(unnest) => self.unnest(plan, unnest, timed),
            LogicalPlan::Distinct(Distinct::All(input)) if timed => {
                let input = self.plan(input, true)?;
                let columns = columns(schema);
                let latest = datafusion::functions_aggregate::expr_fn::max(event_time()).alias(EVENT_TIME);
                LogicalPlanBuilder::from(input).aggregate(columns, [latest])?.build()
            }
            other => self.other(other, timed),
        }
    }

    /// Whatever passes rows on as they are, or needs no event time.
    fn other(&self, plan: &LogicalPlan, timed: bool) -> Result<LogicalPlan> {
        if timed && !matches!(plan, LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::EmptyRelation(_)) {
            return not_impl_err!("the event time of {}", plan.display());
        }
        if let (LogicalPlan::EmptyRelation(_), true) = (plan, timed) {
            let at_start = datafusion::common::ScalarValue::TimestampNanosecond(Some(0), None);
            return select(plan.clone(), plan.schema(), Some(Expr::Literal(at_start, None)));
        }
        let inputs = plan.inputs().into_iter().map(|input| self.plan(input, timed)).collect::<Result<Vec<_>>>()?;
        let expressions = plan.expressions().iter().map(|expr| self.expression(expr)).collect::<Result<Vec<_>>>()?;
        plan.with_new_exprs(expressions, inputs)
    }

    fn scan(&self, scan: &TableScan, timed: bool) -> Result<LogicalPlan> {
        let name = scan.table_name.table();
        let Some(rows) = self.tables.get(name) else { return not_impl_err!("table '{name}' has no rows") };
        let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
        let source = provider_as_source(Arc::new(table));
        let plan = LogicalPlanBuilder::scan(scan.table_name.clone(), source, None)?.build()?;
        let time = timed.then(|| Expr::Column(Column::new(Some(scan.table_name.clone()), EVENT_TIME)));
        select(plan, &scan.projected_schema, time)
    }

    fn projection(&self, projection: &Projection, timed: bool) -> Result<LogicalPlan> {
        let input = self.plan(&projection.input, timed || needs_time(projection.expr.iter()))?;
        let (input, expressions) = windows::below(input, &projection.expr)?;
        let mut named = Vec::new();
        for (expr, (qualifier, field)) in expressions.iter().zip(projection.schema.iter()) {
            named.push(named_as(self.expression(expr)?, qualifier, field.name()));
        }
        named.extend(timed.then(event_time));
        Ok(LogicalPlan::Projection(Projection::try_new(named, Arc::new(input))?))
    }

    fn window(&self, window: &logical_expr::Window, timed: bool) -> Result<LogicalPlan> {
        let input = self.plan(&window.input, timed || needs_time(window.window_expr.iter()))?;
        let functions = window.window_expr.iter().map(|expr| self.expression(expr)).collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlan::Window(logical_expr::Window::try_new(functions, Arc::new(input))?);
        select(plan, &window.schema, timed.then(event_time))
    }

    fn union(&self, union: &Union, timed: bool) -> Result<LogicalPlan> {
        let inputs = union.inputs.iter().map(|input| self.plan(input, timed).map(Arc::new)).collect::<Result<_>>()?;
        let schema = if timed { Arc::new(with_event_time(&union.schema)?) } else { union.schema.clone() };
        Ok(LogicalPlan::Union(Union { inputs, schema }))
    }

    /// Rows of lists. Those of a list of windows have the times of their windows' results.
    fn unnest(&self, plan: &LogicalPlan, unnest: &Unnest, timed: bool) -> Result<LogicalPlan> {
        let input = self.plan(&unnest.input, timed)?;
        let list = windows::list_column(&unnest.input);
        let unnested = plan.with_new_exprs(plan.expressions(), vec![input])?;
        let window = list.and_then(|list| unnest.dependency_indices.iter().position(|column| *column == list));
        let time = match window {
            Some(window) => aggregate::window_time(column_at(plan.schema(), window)),
            None => event_time(),
        };
        select(unnested, plan.schema(), timed.then_some(time))
    }

    fn join(&self, join: &Join, timed: bool) -> Result<LogicalPlan> {
        let side = |plan: &LogicalPlan, name: &str| -> Result<LogicalPlan> {
            let input = self.plan(plan, timed)?;
            if timed { select(input, plan.schema(), Some(event_time().alias(name))) } else { Ok(input) }
        };
        let (left, right) = (side(&join.left, "_left_time")?, side(&join.right, "_right_time")?);
        let filter = join.filter.as_ref().map(|filter| self.expression(filter)).transpose()?;
        let joined = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            join.on.clone(),
            filter,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        let of = |name: &str| Expr::Column(Column::new_unqualified(name));
        let time = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => of("_left_time"),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => of("_right_time"),
            // The side that is not there has no say.
            _ => greatest(vec![of("_left_time"), of("_right_time")]),
        };
        select(LogicalPlan::Join(joined), &join.schema, timed.then(|| time.alias(EVENT_TIME)))
    }

    /// The expression with the event time as a column, and over rewritten subqueries.
    fn expression(&self, expr: &Expr) -> Result<Expr> {
        let rewritten = expr.clone().transform_up(|part| {
            Ok(match part {
                Expr::ScalarFunction(call) if call.name() == ROW_TIME => Transformed::yes(event_time()),
                Expr::ScalarFunction(call) if windows::is_list(&call) => Transformed::yes(windows::list(&call)?),
                Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(self.subquery(&subquery)?)),
                Expr::Exists(exists) => {
                    let subquery = self.subquery(&exists.subquery)?;
                    Transformed::yes(Expr::Exists(Exists { subquery, ..exists }))
                }
                Expr::InSubquery(within) => {
                    let subquery = self.subquery(&within.subquery)?;
                    Transformed::yes(Expr::InSubquery(InSubquery { subquery, ..within }))
                }
                other => Transformed::no(other),
            })
        });
        rewritten.map(|rewritten| rewritten.data)
    }

    fn subquery(&self, subquery: &Subquery) -> Result<Subquery> {
        Ok(subquery.with_plan(Arc::new(self.plan(&subquery.subquery, false)?)))
    }
}

/// Whether an expression speaks of the event time.
fn needs_time<'e>(mut expressions: impl Iterator<Item = &'e Expr>) -> bool {
    expressions.any(|expr| {
        let mut needs = false;
        // The visit itself cannot fail.
        let _ = expr.apply(|part| {
            needs |= matches!(part, Expr::ScalarFunction(call)
                if call.name() == ROW_TIME || windows::is_window(call.name()));
            Ok(if needs { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        needs
    })
}

/// The event time of the plan below.
fn event_time() -> Expr {
    Expr::Column(Column::new_unqualified(EVENT_TIME))
}

/// The column at this place.
fn column_at(schema: &DFSchema, index: usize) -> Expr {
    let (qualifier, field) = schema.qualified_field(index);
    Expr::Column(Column::from((qualifier, field)))
}

/// Every column of a schema.
fn columns(schema: &DFSchema) -> Vec<Expr> {
    (0..schema.fields().len()).map(|index| column_at(schema, index)).collect()
}

/// The columns of `schema`, which the plan has under the same names, and the event time where it is given.
fn select(plan: LogicalPlan, schema: &DFSchema, time: Option<Expr>) -> Result<LogicalPlan> {
    let mut kept = columns(schema);
    kept.extend(time.map(|time| match time {
        alias @ Expr::Alias(_) => alias,
        other => other.alias(EVENT_TIME),
    }));
    Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(plan))?))
}

/// The expression under this name, whatever it would be called by itself.
fn named_as(expr: Expr, qualifier: Option<&datafusion::common::TableReference>, name: &str) -> Expr {
    let own = expr.qualified_name();
    if own.0.as_ref() == qualifier && own.1 == name { expr } else { expr.alias_qualified(qualifier.cloned(), name) }
}

fn with_event_time(schema: &DFSchema) -> Result<DFSchema> {
    let time = DFSchema::from_unqualified_fields(vec![event_time_field()].into(), Default::default())?;
    schema.join(&time)
}
