//! GROUP BY in the batch answer, with its window as a column below.

use std::sync::Arc;

use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::logical_plan::{Aggregate, Projection};
use datafusion::logical_expr::{Expr, LogicalPlan, cast, lit};

use super::functions::TIMESTAMP;
use super::{EVENT_TIME, Result, Rewriter, column_at, event_time, named_as, needs_time, windows};
use arrow::datatypes::DataType;

/// What the event time is called among the aggregates.
const LATEST: &str = "_latest";

impl Rewriter<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, timed: bool) -> Result<LogicalPlan> {
        let expressions = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
        let input = self.plan(&aggregate.input, timed || needs_time(expressions))?;
        let rewritten = |exprs: &[Expr]| exprs.iter().map(|expr| self.expression(expr)).collect::<Result<Vec<_>>>();
        let (input, grouping) = windows::below(input, &rewritten(&aggregate.group_expr)?)?;
        let mut aggregates = rewritten(&aggregate.aggr_expr)?;
        let window = grouping.iter().position(windows::is_window_column);
        if timed && window.is_none() {
            aggregates.push(max(event_time()).alias(LATEST));
        }
        let grouped = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), grouping, aggregates)?);
        // Expressions that were rewritten have other names now; their places are the same.
        let mut named = Vec::new();
        for (index, (qualifier, field)) in aggregate.schema.iter().enumerate() {
            named.push(named_as(column_at(grouped.schema(), index), qualifier, field.name()));
        }
        if timed {
            let last = grouped.schema().fields().len() - 1;
            let time = window.map_or_else(
                || column_at(grouped.schema(), last),
                |index| window_time(column_at(grouped.schema(), index)),
            );
            named.push(time.alias(EVENT_TIME));
        }
        Ok(LogicalPlan::Projection(Projection::try_new(named, Arc::new(grouped))?))
    }
}

/// The last instant of a window.
pub(super) fn window_time(window: Expr) -> Expr {
    let end = cast(get_field(window, "end"), DataType::Int64);
    cast(end - lit(1_i64), TIMESTAMP)
}
