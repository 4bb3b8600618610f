//! Small rewrites of a query before it is bound: window tables and temporal joins become what they stand for, and windows
//! are as easy to write as they are to say.

mod grouped;
mod version;
mod window_table;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Select, SelectItem, SetExpr, Subscript, Value, VisitMut, VisitorMut,
    visit_expressions_mut,
};

use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;
use crate::functions::is_window;

/// The argument by which a respelt table names the time of its version.
pub(crate) use crate::functions::AS_OF;

/// The argument by which a respelt window table names the columns that each have sessions of their own.
pub(crate) const PARTITION_BY: &str = "partition_by";

/// Replaces what only this dialect has by what it stands for.
///
/// # Errors
/// When it is not written as it has to be.
pub(crate) fn expand_tables(query: &mut Query, catalog: &Catalog, place: Place<'_>) -> Result<(), Diagnostic> {
    version::mark(query, catalog, place)?;
    window_table::expand(query, catalog, place)
}

/// Gives the columns of a result the names that one would expect: `tumble(…)` without an alias is `window`, `w.start` is
/// `start`, and any other expression is called what was written.
pub(crate) fn name_columns(query: &mut Query) {
    each_select(query, |select| {
        let mut taken: Vec<String> = select.projection.iter().filter_map(item_name).collect();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let Some(name) = expression_name(expr) else { continue };
            if !taken.contains(&name) {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', &name) };
                taken.push(name);
            }
        }
    });
}

/// What to call an expression; `None` where its name is right already.
fn expression_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(_) => None,
        // Only a window's bounds: the last word of any other may be a column behind its table.
        Expr::CompoundIdentifier(parts) => {
            let last = folded(parts.last()?);
            ["start", "end"].contains(&last.as_str()).then_some(last)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => match expr.as_ref() {
            Expr::Identifier(name) => Some(folded(name)),
            other => expression_name(other),
        },
        window if is_window_call(window) => Some("window".to_owned()),
        other => Some(other.to_string()),
    }
}

/// Replaces the alias of a window by the window wherever it stands beside it: in `SELECT tumble(…) AS w, w.start`, and
/// in `OVER (PARTITION BY w …)`. Gives back the aliases, if any of them was replaced.
pub(crate) fn expand_windows(query: &mut Query) -> Option<Vec<String>> {
    let mut aliases = Vec::new();
    let mut changed = false;
    each_select(query, |select| {
        let windows: Vec<(String, Expr)> = select.projection.iter().filter_map(named_window).collect();
        changed |= expand_select(select, &windows);
        aliases.extend(windows.into_iter().map(|(alias, _)| alias));
    });
    changed.then_some(aliases)
}

fn expand_select(select: &mut Select, windows: &[(String, Expr)]) -> bool {
    let mut changed = false;
    for clause in [&mut select.having, &mut select.qualify].into_iter().flatten() {
        changed |= expand(clause, windows);
    }
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => changed |= expand(expr, windows),
            _ => {}
        }
    }
    changed
}

fn expand(expr: &mut Expr, windows: &[(String, Expr)]) -> bool {
    let mut changed = false;
    let _ = visit_expressions_mut(expr, |part| {
        let replaced = match part {
            Expr::Identifier(name) => find(name, windows).cloned(),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [name, field] => find(name, windows).map(|window| Expr::CompoundFieldAccess {
                    root: Box::new(window.clone()),
                    access_chain: vec![AccessExpr::Subscript(Subscript::Index {
                        index: Expr::Value(Value::SingleQuotedString(folded(field)).into()),
                    })],
                }),
                _ => None,
            },
            _ => None,
        };
        if let Some(replaced) = replaced {
            *part = replaced;
            changed = true;
        }
        ControlFlow::<()>::Continue(())
    });
    changed
}

fn find<'a>(name: &Ident, windows: &'a [(String, Expr)]) -> Option<&'a Expr> {
    let name = folded(name);
    windows.iter().find(|(alias, _)| *alias == name).map(|(_, window)| window)
}

fn named_window(item: &SelectItem) -> Option<(String, Expr)> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } if is_window_call(expr) => Some((folded(alias), expr.clone())),
        _ => None,
    }
}

fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        _ => None,
    }
}

fn is_window_call(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let [part] = function.name.0.as_slice() else { return false };
    function.over.is_none() && part.as_ident().is_some_and(|name| is_window(&folded(name)))
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn each_select(query: &mut Query, change: impl FnMut(&mut Select)) {
    struct Selects<F>(F);
    impl<F: FnMut(&mut Select)> VisitorMut for Selects<F> {
        type Break = ();
        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            set_expr(&mut query.body, &mut self.0);
            ControlFlow::Continue(())
        }
    }
    // Selects on both sides of a UNION are no queries of their own to the visitor.
    fn set_expr(body: &mut SetExpr, change: &mut impl FnMut(&mut Select)) {
        match body {
            SetExpr::Select(select) => change(select),
            SetExpr::SetOperation { left, right, .. } => {
                set_expr(left, change);
                set_expr(right, change);
            }
            _ => {}
        }
    }
    let _ = query.visit(&mut Selects(change));
}
