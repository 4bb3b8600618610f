//! Which of DataFusion's rules a bound plan goes through: those that turn subqueries, set operations and comma joins into
//! joins by key, move filters towards their tables, and leave out what nobody reads. None that is only right for rows
//! that are all there, and none that computes while planning.

mod distinct_on;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{OptimizerConfig, OptimizerContext, OptimizerRule};

use distinct_on::FirstOfEachKey;

/// The rules, in order.
pub(crate) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(FirstOfEachKey),
        Arc::new(RewriteSetComparison::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(FiltersTowardsTables(PushDownFilter::new())),
        Arc::new(OptimizeProjections::new()),
    ]
}

/// How the rules are applied.
pub(crate) fn context() -> OptimizerContext {
    let mut options = ConfigOptions::default();
    options.optimizer.max_passes = 3;
    // A single value that other rows are compared with changes as rows come: it is a join like any other.
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    // `now()` must not become the time of planning.
    OptimizerContext::new_with_config_options(Arc::new(options)).without_query_execution_start_time()
}

/// Moves filters down, but not past windows: a filter on a window would become one on the function that makes it, and
/// windows exist only where rows are grouped.
#[derive(Debug)]
struct FiltersTowardsTables(PushDownFilter);

impl OptimizerRule for FiltersTowardsTables {
    fn name(&self) -> &str {
        "filters_towards_tables"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Filter(filter) if groups_by_window(&filter.input) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

fn groups_by_window(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().any(Expr::is_volatile),
        _ => false,
    }
}
