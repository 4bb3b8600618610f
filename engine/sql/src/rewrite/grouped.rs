//! `GROUP BY window_start, window_end` over a window table is grouping by the window, and so it is planned: rows are
//! aggregated once, however many windows they fall in. What reads the window in any other way keeps the table.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Select, SelectItem, Visit, Visitor, visit_expressions_mut,
};

use super::folded;
use super::window_table::{WindowTable, parsed_expression, relation};
use crate::functions::{Functions, SESSION};

const START: &str = "window_start";
const END: &str = "window_end";
const TIME: &str = "window_time";

/// Turns a select from a window table into one that groups by the call, where it groups by both bounds.
pub(super) fn group_by_call(select: &mut Select, table: &WindowTable, functions: &Functions) {
    let GroupByExpr::Expressions(groups, modifiers) = &select.group_by else { return };
    let names = Names { alias: table.alias.as_ref().map(|alias| folded(&alias.name)) };
    let is = |expr: &Expr, name: &str| names.bound(expr).is_some_and(|bound| bound == name);
    let both = [START, END].iter().all(|name| groups.iter().any(|expr| is(expr, name)));
    if !both || !modifiers.is_empty() || has_column_names(table) {
        return;
    }
    let keys: Vec<Expr> = groups.iter().filter(|expr| names.bound(expr).is_none()).cloned().collect();
    if table.function == SESSION && !same(&keys, &table.partition_by) || names.elsewhere(select, &keys, functions) {
        return;
    }
    let alias = table.alias.as_ref().map(|alias| format!(" AS {}", alias.name)).unwrap_or_default();
    let (Some(relation), Some(call)) = (relation(&format!("{}{alias}", table.table)), parsed_expression(&table.call()))
    else {
        return;
    };
    let bounds = ["start", "end"].map(|bound| parsed_expression(&format!("{}['{bound}']", table.call())));
    let [Some(start), Some(end)] = bounds else { return };
    let mut changed = select.clone();
    if let Some(from) = changed.from.first_mut() {
        from.relation = relation;
    }
    changed.group_by = GroupByExpr::Expressions(std::iter::once(call).chain(keys).collect(), Vec::new());
    for item in &mut changed.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(name) = names.bound(expr)
        {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(name) };
        }
    }
    let replace = |part: &mut Expr| {
        match names.bound(part) {
            Some(START) => *part = start.clone(),
            Some(END) => *part = end.clone(),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    };
    let _ = visit_expressions_mut(&mut changed.projection, replace);
    let _ = visit_expressions_mut(&mut changed.having, replace);
    let _ = visit_expressions_mut(&mut changed.qualify, replace);
    *select = changed;
}

/// How the table's window columns are named.
struct Names {
    alias: Option<String>,
}

impl Names {
    /// The window column that an expression is.
    fn bound(&self, expr: &Expr) -> Option<&'static str> {
        let name = match expr {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] if Some(folded(table)) == self.alias => name,
                _ => return None,
            },
            _ => return None,
        };
        let name = folded(name);
        [START, END, TIME].into_iter().find(|known| *known == name)
    }

    /// Whether a window column is read anywhere but as a group: before the grouping, within a key or an aggregate, in a
    /// query within the query, or as the window's time.
    fn elsewhere(&self, select: &Select, keys: &[Expr], functions: &Functions) -> bool {
        let mut readers = Readers { names: self, found: false };
        let _ = select.selection.visit(&mut readers);
        let _ = keys.to_vec().visit(&mut readers);
        let _ = select.named_window.visit(&mut readers);
        let _ = select.distinct.visit(&mut readers);
        let mut within = Within { readers: &mut readers, functions };
        let _ = select.projection.visit(&mut within);
        let _ = select.having.visit(&mut within);
        let _ = select.qualify.visit(&mut within);
        readers.found
    }
}

/// Looks for window columns.
struct Readers<'a> {
    names: &'a Names,
    found: bool,
}

impl Visitor for Readers<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.found |= self.names.bound(expr).is_some();
        ControlFlow::Continue(())
    }
}

/// Looks for window columns within aggregates, and for what stops the rewrite by itself.
struct Within<'a, 'b> {
    readers: &'a mut Readers<'b>,
    functions: &'a Functions,
}

impl Visitor for Within<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &datafusion::sql::sqlparser::ast::Query) -> ControlFlow<()> {
        self.readers.found = true;
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.readers.found |= self.readers.names.bound(expr) == Some(TIME);
        if let Expr::Function(call) = expr
            && call.over.is_none()
            && self.functions.aggregate.contains_key(&call.name.to_string().to_lowercase())
        {
            let _ = call.args.visit(self.readers);
            let _ = call.filter.visit(self.readers);
            let _ = call.within_group.visit(self.readers);
        }
        ControlFlow::Continue(())
    }
}

/// Whether the table's columns are named anew: `AS t (a, b)`.
fn has_column_names(table: &WindowTable) -> bool {
    table.alias.as_ref().is_some_and(|alias| !alias.columns.is_empty())
}

/// Whether two lists hold the same expressions, as they are written.
fn same(a: &[Expr], b: &[Expr]) -> bool {
    let texts = |exprs: &[Expr]| {
        let mut texts: Vec<String> = exprs.iter().map(|expr| expr.to_string().to_lowercase()).collect();
        texts.sort();
        texts.dedup();
        texts
    };
    texts(a) == texts(b)
}
