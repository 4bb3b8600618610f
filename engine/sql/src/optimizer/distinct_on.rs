//! `SELECT DISTINCT ON (k) …` as the first row of each key: the row numbered 1 among those of its key.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Replaces `DISTINCT ON`. The rows that are left have no order, as those of a stream have none.
#[derive(Debug)]
pub(super) struct FirstOfEachKey;

impl OptimizerRule for FirstOfEachKey {
    fn name(&self) -> &str {
        "first_of_each_key"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Distinct(Distinct::On(distinct)) => first_of_each(distinct).map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        }
    }
}

fn first_of_each(distinct: DistinctOn) -> Result<LogicalPlan> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = distinct;
    let numbered = row_number().partition_by(on_expr).order_by(sort_expr.unwrap_or_default()).build()?;
    let number = Expr::Column(Column::from_name(numbered.schema_name().to_string()));
    LogicalPlanBuilder::from(input.as_ref().clone())
        .window([numbered])?
        .filter(number.eq(lit(1_u64)))?
        .project(select_expr)?
        .build()
}
