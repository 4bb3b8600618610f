//! `JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON …`: the mark that makes a join a temporal one is put into its condition.
//!
//! The mark names a column of each side, so that no rule moves it to one of them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator, Query, Select,
    TableFactor, VisitMut, VisitorMut,
};

use super::window_table::{named_queries, parsed_expression};
use super::{AS_OF, folded};
use crate::catalog::{Catalog, Read};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Marks the temporal joins of a query.
///
/// # Errors
/// When a version is asked for where nothing says of when, or of what is no table.
pub(super) fn mark(query: &mut Query, catalog: &Catalog, place: Place<'_>) -> Result<()> {
    match query.visit(&mut Versions { catalog, place, queries: Vec::new() }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Versions<'a> {
    catalog: &'a Catalog,
    place: Place<'a>,
    /// The names of WITH.
    queries: Vec<String>,
}

impl VisitorMut for Versions<'_> {
    type Break = Diagnostic;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Diagnostic> {
        self.queries.extend(named_queries(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Diagnostic> {
        let joins = select.from.iter_mut().flat_map(|from| &mut from.joins);
        for join in joins {
            let Some(time) = take_version(&mut join.relation) else { continue };
            if let Err(error) = self.mark(&join.relation, &mut join.join_operator, time) {
                return ControlFlow::Break(error);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Diagnostic> {
        if take_version(factor).is_none() {
            return ControlFlow::Continue(());
        }
        let error = self.error("a version of a table is looked up for the rows of another");
        ControlFlow::Break(error.hint("write it on the right of a JOIN: o JOIN rates FOR SYSTEM_TIME AS OF o.ts ON …"))
    }
}

impl Versions<'_> {
    fn error(&self, message: &str) -> Diagnostic {
        Diagnostic::new(message).at(self.place.word("SYSTEM_TIME"))
    }

    fn mark(&self, relation: &TableFactor, operator: &mut JoinOperator, time: Expr) -> Result<()> {
        let TableFactor::Table { name, alias, .. } = relation else { return Ok(()) };
        let own = name.0.last().and_then(|part| part.as_ident()).cloned();
        let own = own.filter(|name| !self.queries.contains(&folded(name))).ok_or_else(|| {
            self.error("versions are those of a table or a view").hint("put the query into a CREATE VIEW")
        })?;
        let table = self.catalog.readable(&folded(&own)).map_err(|error| error.at(self.place.word(&own.value)))?;
        let time_column = match &table.read {
            Read::Stream(stream) => stream.time_column(),
            Read::Lookup(_) => {
                let error = self.error("a table that is looked up has no versions: it is asked for what holds now");
                return Err(error.hint("leave FOR SYSTEM_TIME AS OF out"));
            }
            Read::Never | Read::Unfilled => None,
        };
        let column = time_column.ok_or_else(|| {
            let error = self.error("versions have a time, and no column of this table tells it");
            error.hint("add WATERMARK FOR its time column to CREATE TABLE; a view has to select that column")
        })?;
        let qualifier = alias.as_ref().map_or(own, |alias| alias.name.clone());
        let mark = format!("{AS_OF}({time}, {qualifier}.{})", Ident::with_quote('"', column));
        let mark = parsed_expression(&mark).ok_or_else(|| {
            self.error("versions are those of a time")
                .hint("write FOR SYSTEM_TIME AS OF and the left table's event time")
        })?;
        let condition = match operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint) => constraint,
            _ => return Err(self.error("a temporal join is a JOIN or a LEFT JOIN")),
        };
        let JoinConstraint::On(on) = condition else {
            let error = self.error("a temporal join says with ON by which key versions are found");
            return Err(error.hint("write ON o.key = r.key"));
        };
        let (left, right) = (Box::new(Expr::Nested(Box::new(on.clone()))), Box::new(mark));
        *on = Expr::BinaryOp { left, op: BinaryOperator::And, right };
        Ok(())
    }
}

/// Takes `(as_of => time)` from behind a table.
fn take_version(factor: &mut TableFactor) -> Option<Expr> {
    let TableFactor::Table { args, .. } = factor else { return None };
    let time = match args.as_ref()?.args.as_slice() {
        [FunctionArg::Named { name, arg: FunctionArgExpr::Expr(time), .. }] if name.value == AS_OF => time.clone(),
        _ => return None,
    };
    *args = None;
    Some(time)
}
