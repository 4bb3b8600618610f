//! Temporal joins in the batch answer: every version that a row could have, numbered from the latest.

use std::sync::Arc;

use datafusion::common::{Column, plan_err};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::logical_plan::{Filter, Join, Projection};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExprFunctionExt, JoinType, LogicalPlan, lit, when};

use super::{Result, Rewriter, columns, event_time, named_as, select, windows};

/// The function that marks the condition of a temporal join.
const AS_OF: &str = "as_of";
/// The row on the left that a version is for.
const ROW: &str = "_left_row";
/// Its event time.
const LEFT_TIME: &str = "_left_time";
/// The event time of a version.
const RIGHT_TIME: &str = "_right_time";
/// Which version it is, from the latest.
const VERSION: &str = "_version";

/// Whether a join is a temporal one.
pub(super) fn is_temporal(join: &Join) -> bool {
    let conditions = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
    conditions.iter().any(is_mark)
}

fn is_mark(condition: &Expr) -> bool {
    matches!(condition, Expr::ScalarFunction(call) if call.name() == AS_OF)
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

impl Rewriter<'_> {
    pub(super) fn temporal_join(&self, join: &Join, timed: bool) -> Result<LogicalPlan> {
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            return plan_err!("a temporal {} join", join.join_type);
        }
        let left = select(self.plan(&join.left, true)?, join.left.schema(), Some(event_time().alias(LEFT_TIME)))?;
        let left = windows::over(left, row_number().alias(ROW))?;
        let right = self.plan(&join.right, true)?;
        let right = select(right, join.right.schema(), Some(event_time().alias(RIGHT_TIME)))?;
        let joined = LogicalPlan::Join(Join::try_new(
            Arc::new(left),
            Arc::new(right),
            join.on.clone(),
            Some(named(RIGHT_TIME).lt_eq(named(LEFT_TIME))),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            false,
        )?);
        // Of versions of the same time the one with the greatest columns, from left to right.
        let mut latest = vec![named(RIGHT_TIME)];
        latest.extend(columns(join.right.schema()));
        let latest = latest.into_iter().map(|column| column.sort(false, false)).collect();
        let number = row_number().partition_by(vec![named(ROW)]).order_by(latest).build()?;
        let numbered = windows::over(joined, number.alias(VERSION))?;
        let chosen = LogicalPlan::Filter(Filter::try_new(named(VERSION).eq(lit(1_u64)), Arc::new(numbered))?);
        let asked = self.asked_of_versions(join)?;
        let mut kept = columns(join.left.schema());
        for (column, (qualifier, field)) in columns(join.right.schema()).into_iter().zip(join.right.schema().iter()) {
            kept.push(match &asked {
                // A version that does not meet the condition is as good as none.
                Some(asked) if join.join_type == JoinType::Left => {
                    let version = when(asked.clone(), column).end()?;
                    named_as(version, qualifier, field.name())
                }
                _ => column,
            });
        }
        let chosen = match &asked {
            Some(asked) if join.join_type == JoinType::Inner => {
                LogicalPlan::Filter(Filter::try_new(asked.clone(), Arc::new(chosen))?)
            }
            _ => chosen,
        };
        kept.extend(timed.then(|| named(LEFT_TIME).alias(super::EVENT_TIME)));
        Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(chosen))?))
    }

    /// What the condition asks beside the mark.
    fn asked_of_versions(&self, join: &Join) -> Result<Option<Expr>> {
        let conditions = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
        let asked = conditions.into_iter().filter(|condition| !is_mark(condition));
        conjunction(asked).map(|asked| self.expression(&asked)).transpose()
    }
}
