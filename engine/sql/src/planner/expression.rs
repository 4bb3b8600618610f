//! Bound expressions to physical ones, over the columns of a stream with its hidden event time.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use headwater_core::EVENT_TIME;

use super::stream::{Stream, with_event_time};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;
use crate::diagnostic::place::Place;
use crate::functions::{AS_OF, ROW_TIME, WINDOWS_OF, is_window, waits};

/// The columns that expressions of one node are over.
pub(super) struct Scope<'a> {
    /// The stream.
    pub(super) stream: &'a Stream,
    /// Its columns by their names in SQL, the hidden event time last.
    pub(super) columns: DFSchema,
    /// Where errors are looked for.
    pub(super) place: Place<'a>,
}

impl<'a> Scope<'a> {
    /// The columns of a stream under the names that a plan gives them.
    pub(super) fn new(names: &DFSchema, stream: &'a Stream, place: Place<'a>) -> Result<Self, Diagnostic> {
        let columns = with_event_time(names).map_err(|error| clean(error, place))?;
        Ok(Scope { stream, columns, place })
    }

    /// The physical form of an expression.
    pub(super) fn physical(&self, expr: &Expr) -> Result<Arc<dyn PhysicalExpr>, Diagnostic> {
        let expr = self.prepare(expr)?;
        physical(&expr, &self.columns).map_err(|error| clean(error, self.place))
    }

    /// The expression with `row_time()` replaced, once it is known that it can be computed row by row.
    pub(super) fn prepare(&self, expr: &Expr) -> Result<Expr, Diagnostic> {
        self.check(expr)?;
        let replaced = expr.clone().transform_up(|part| match &part {
            Expr::ScalarFunction(call) if call.name() == ROW_TIME => {
                Ok(Transformed::yes(Expr::Column(Column::new_unqualified(EVENT_TIME))))
            }
            _ => Ok(Transformed::no(part)),
        });
        Ok(replaced.map_err(|error| clean(error, self.place))?.data)
    }

    fn check(&self, expr: &Expr) -> Result<(), Diagnostic> {
        let mut wrong = None;
        // The visit itself cannot fail: what is wrong is carried out beside it.
        let _ = expr.apply(|part| {
            wrong = self.wrong(part);
            Ok(if wrong.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        wrong.map_or(Ok(()), Err)
    }

    fn wrong(&self, part: &Expr) -> Option<Diagnostic> {
        match part {
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                let error = Diagnostic::new("a query inside an expression cannot be computed over a stream");
                let error = error.at(self.place.nested_select());
                Some(error.hint("compare with a value, or with a column of the same table"))
            }
            Expr::ScalarFunction(call) if waits(call) => {
                let name = call.name();
                Some(misplaced(name).at(self.place.word(name)))
            }
            Expr::ScalarFunction(call) => self.wrong_call(call.name()),
            Expr::Placeholder(placeholder) => {
                Some(Diagnostic::new(format!("the placeholder {} stands for nothing here", placeholder.id)))
            }
            _ => None,
        }
    }

    fn wrong_call(&self, name: &str) -> Option<Diagnostic> {
        if is_window(name) {
            let error = Diagnostic::new(format!("{name}() makes groups, so it stands in GROUP BY by itself"));
            let hint = format!("GROUP BY {name}(…), and use the window's start and end in a query around it");
            return Some(error.at(self.place.word(name)).hint(hint));
        }
        if name == AS_OF || name == WINDOWS_OF {
            let error = Diagnostic::new(format!("{name}() is no function to be called")).at(self.place.word(name));
            return Some(error.hint("write JOIN t FOR SYSTEM_TIME AS OF …, or FROM HOP(TABLE t, …)"));
        }
        if name == ROW_TIME && !self.stream.timed {
            return Some(self.untimed("row_time()", ROW_TIME));
        }
        if WALL_CLOCK.contains(&name) {
            let error = Diagnostic::new(format!("{name}() depends on when the query runs"));
            return Some(error.at(self.place.word(name)).hint("use row_time(), the event time of the row"));
        }
        None
    }

    /// An error about something that needs an event time where there is none.
    pub(super) fn untimed(&self, what: &str, word: &str) -> Diagnostic {
        let error = Diagnostic::new(format!("{what} needs an event time, and this table has none"));
        error.at(self.place.word(word)).hint("add WATERMARK FOR its time column to CREATE TABLE")
    }
}

/// Functions whose result is the time of day.
const WALL_CLOCK: [&str; 5] = ["now", "current_date", "current_time", "current_timestamp", "today"];

/// An error about a function that waits where nobody can wait for it.
fn misplaced(name: &str) -> Diagnostic {
    let error = Diagnostic::new(format!("'{name}' waits for its answer, so it is called in SELECT or WHERE"));
    error.hint("call it in a query below, and use its column here")
}

/// The physical form of an expression without stream functions.
pub(super) fn physical(expr: &Expr, columns: &DFSchema) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    expr.apply(|part| match part {
        Expr::ScalarFunction(call) if waits(call) => Err(DataFusionError::External(Box::new(misplaced(call.name())))),
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    create_physical_expr(expr, columns, &ExecutionProps::new(), &PhysicalPlanningContext::default())
}
