//! `NOT IN (SELECT …)` where there may be nulls: it is true of no row once the query has given one, and of a null only
//! as long as the query has given nothing.
//!
//! An ordinary anti join says what has no match; one row about the whole query says whether the others hold at all. Both
//! are kept up to date by what keeps any join and any aggregate so.

use datafusion::common::{DFSchema, DataFusionError, JoinType};
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::logical_expr::{self, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, col};

use super::Result;
use super::select::Streams;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// The row about the whole query.
const WHOLE: &str = "_not_in";
/// Whether it has given a null; null where it has given nothing.
const HAS_NULL: &str = "_has_null";

impl Streams<'_> {
    /// The joins that a null-aware anti join is; `None` for any other, and where no null can come.
    pub(super) fn not_in(&self, join: &logical_expr::Join) -> Result<Option<LogicalPlan>> {
        if !join.null_aware {
            return Ok(None);
        }
        let nullable = |expr: &Expr, names: &DFSchema| expr.nullable(names).unwrap_or(true);
        let mut pairs = join.on.iter();
        let plain = || LogicalPlan::Join(logical_expr::Join { null_aware: false, ..join.clone() });
        if pairs.all(|(l, r)| !nullable(l, join.left.schema()) && !nullable(r, join.right.schema())) {
            return Ok(Some(plain()));
        }
        let ([(value, given)], None) = (join.on.as_slice(), &join.filter) else {
            let error = Diagnostic::new("this NOT IN asks another question of each row, and its columns may be null");
            let hint = "write NOT EXISTS (SELECT … WHERE …), or leave the nulls out with coalesce on both sides";
            return Err(error.at(self.place.words(&["NOT", "IN"])).hint(hint));
        };
        let rewritten = rewritten(plain(), join, value, given);
        rewritten.map(Some).map_err(|error| clean(error, self.place))
    }
}

fn rewritten(
    unmatched: LogicalPlan,
    join: &logical_expr::Join,
    value: &Expr,
    given: &Expr,
) -> Result<LogicalPlan, DataFusionError> {
    let whole = LogicalPlanBuilder::new_from_arc(join.right.clone())
        .aggregate(Vec::<Expr>::new(), [bool_or(given.clone().is_null()).alias(HAS_NULL)])?
        .alias(WHOLE)?
        .build()?;
    let has_null = || col(format!("{WHOLE}.{HAS_NULL}"));
    let holds = has_null().is_null().or(has_null().is_false().and(value.clone().is_not_null()));
    let columns: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    LogicalPlanBuilder::from(unmatched).join_on(whole, JoinType::Inner, [holds])?.project(columns)?.build()
}
