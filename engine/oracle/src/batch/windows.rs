//! `tumble`, `hop`, `cumulate` and `session` as columns of a plan below the expressions that call them.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue, not_impl_err, plan_err};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::expr_fn::lag;
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction};
use datafusion::logical_expr::logical_plan::{Projection, Window};
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, ScalarUDF, WindowFrame, WindowFrameBound,
    WindowFrameUnits, cast, lit, when,
};

use super::functions::{SessionWindow, TIMESTAMP, Windows};
use super::{Result, columns, event_time};

/// What the window is called below the expressions that use it.
const WINDOW: &str = "_window";

/// Whether a function makes windows.
pub(super) fn is_window(name: &str) -> bool {
    matches!(name, "tumble" | "hop" | "cumulate" | "session")
}

/// Whether a call makes the list of a row's windows.
pub(super) fn is_list(call: &ScalarFunction) -> bool {
    call.name() == "windows_of"
}

/// The list of a row's windows.
pub(super) fn list(call: &ScalarFunction) -> Result<Expr> {
    let windows = match call.args.as_slice() {
        [Expr::ScalarFunction(window)] => Windows::of(window)?,
        _ => None,
    };
    match windows {
        Some(windows) => Ok(ScalarUDF::from(windows).call(vec![event_time()])),
        None => not_impl_err!("a list of other windows than fixed ones"),
    }
}

/// The column of a plan that is the list of a row's windows.
pub(super) fn list_column(plan: &LogicalPlan) -> Option<usize> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let is_list = |expr: &Expr| matches!(expr.clone().unalias(), Expr::ScalarFunction(call) if is_list(&call));
    projection.expr.iter().position(is_list)
}

/// Whether an expression is the window that [`below`] put there.
pub(super) fn is_window_column(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_window_column(&alias.expr),
        Expr::Column(column) => column.relation.is_none() && column.name == WINDOW,
        _ => false,
    }
}

/// The plan with the window that these expressions call as one more column, and the expressions with that column for
/// the call. Both are as they were where nothing is called.
pub(super) fn below(input: LogicalPlan, expressions: &[Expr]) -> Result<(LogicalPlan, Vec<Expr>)> {
    let mut calls: Vec<ScalarFunction> = Vec::new();
    for expr in expressions {
        expr.apply(|part| {
            if let Expr::ScalarFunction(call) = part
                && is_list(call)
            {
                return Ok(TreeNodeRecursion::Jump);
            }
            if let Expr::ScalarFunction(call) = part
                && is_window(call.name())
                && !calls.contains(call)
            {
                calls.push(call.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let call = match calls.as_slice() {
        [] => return Ok((input, expressions.to_vec())),
        [call] => call,
        _ => return not_impl_err!("several windows in one place"),
    };
    let input = match Windows::of(call)? {
        Some(windows) => repeated(input, windows)?,
        None => {
            let keys: Vec<Expr> = expressions.iter().filter(|expr| !calls_window(expr)).cloned().collect();
            in_sessions(input, keys, gap(call)?)?
        }
    };
    let replace = |expr: &Expr| {
        let replaced = expr.clone().transform_up(|part| match &part {
            Expr::ScalarFunction(call) if is_window(call.name()) => Ok(Transformed::yes(named(WINDOW))),
            _ => Ok(Transformed::no(part)),
        });
        replaced.map(|replaced| replaced.data)
    };
    Ok((input, expressions.iter().map(replace).collect::<Result<_>>()?))
}

fn calls_window(expr: &Expr) -> bool {
    expr.exists(|part| Ok(matches!(part, Expr::ScalarFunction(call) if is_window(call.name())))).unwrap_or(false)
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// Every row once for each window that holds it.
fn repeated(input: LogicalPlan, windows: Windows) -> Result<LogicalPlan> {
    let mut kept = columns(input.schema());
    kept.push(ScalarUDF::from(windows).call(vec![event_time()]).alias(WINDOW));
    let listed = LogicalPlan::Projection(Projection::try_new(kept, Arc::new(input))?);
    LogicalPlanBuilder::from(listed).unnest_column(Column::new_unqualified(WINDOW))?.build()
}

/// Every row with the session of its keys that it is in: a row at least the gap after the one before it opens one.
fn in_sessions(input: LogicalPlan, keys: Vec<Expr>, gap: i64) -> Result<LogicalPlan> {
    let original = columns(input.schema());
    let at = || cast(event_time(), DataType::Int64);
    let by_time = || vec![event_time().sort(true, false)];
    let before = lag(at(), Some(1), None).partition_by(keys.clone()).order_by(by_time()).build()?;
    let plan = over(input, before.alias("_before"))?;
    let opens = when((at() - named("_before")).lt(lit(gap)), lit(0_i64)).otherwise(lit(1_i64))?;
    let plan = with_column(plan, opens.alias("_opens"))?;
    // A range, so that rows of the same time are counted together whatever their order.
    let so_far = WindowFrame::new_bounds(
        WindowFrameUnits::Range,
        WindowFrameBound::Preceding(ScalarValue::Null),
        WindowFrameBound::CurrentRow,
    );
    let number = running(sum_udaf(), named("_opens")).partition_by(keys.clone()).order_by(by_time());
    let plan = over(plan, number.window_frame(so_far).build()?.alias("_session"))?;
    let mut session = keys;
    session.push(named("_session"));
    let first = running(min_udaf(), event_time()).partition_by(session.clone()).build()?;
    let last = running(max_udaf(), event_time()).partition_by(session).build()?;
    let plan = over(over(plan, first.alias("_first"))?, last.alias("_last"))?;
    let end = cast(cast(named("_last"), DataType::Int64) + lit(gap), TIMESTAMP);
    let window = ScalarUDF::from(SessionWindow::default()).call(vec![named("_first"), end]);
    let mut kept = original;
    kept.push(window.alias(WINDOW));
    Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(plan))?))
}

/// An aggregate over the rows of a frame.
fn running(function: Arc<AggregateUDF>, of: Expr) -> Expr {
    Expr::from(WindowFunction::new(function, vec![of]))
}

/// The plan with the result of a window function under its alias.
pub(super) fn over(plan: LogicalPlan, function: Expr) -> Result<LogicalPlan> {
    let width = plan.schema().fields().len();
    let Expr::Alias(alias) = function else { return plan_err!("a window function without a name") };
    let plan = LogicalPlan::Window(Window::try_new(vec![*alias.expr], Arc::new(plan))?);
    let mut kept = columns(plan.schema());
    if let Some(result) = kept.get_mut(width) {
        *result = result.clone().alias(&alias.name);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(plan))?))
}

fn with_column(plan: LogicalPlan, column: Expr) -> Result<LogicalPlan> {
    let mut kept = columns(plan.schema());
    kept.push(column);
    Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(plan))?))
}

fn gap(call: &ScalarFunction) -> Result<i64> {
    match super::functions::lengths(call)?.as_slice() {
        [gap] => Ok(*gap),
        _ => plan_err!("session() takes one length"),
    }
}
