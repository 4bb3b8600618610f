//! `FROM TUMBLE(TABLE t, DESCRIPTOR(ts), interval '1 minute')` and its like: a table whose rows stand once for every
//! window that they fall in, with `window_start`, `window_end` and `window_time` behind their own columns.
//!
//! Fixed windows are a list that is unnested; a session is known when it closes, and its rows are collected until then.
//! Where the query does nothing but group by the window, it becomes the [same](super::grouped) as with the function.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem, SetExpr,
    TableAlias, TableFactor, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::{PARTITION_BY, folded, grouped};
use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;
use crate::functions::{CUMULATE, HOP, SESSION, TUMBLE, WINDOWS_OF, is_window};
use crate::lexer::{DIALECT, tokens};

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// A table with its windows.
pub(super) struct WindowTable {
    /// `tumble`, `hop`, `cumulate` or `session`.
    pub(super) function: String,
    /// What stands behind FROM: the table's name, or a query in parentheses.
    pub(super) table: String,
    /// What the table is called.
    pub(super) alias: Option<TableAlias>,
    /// The columns that each have sessions of their own.
    pub(super) partition_by: Vec<Expr>,
    /// The table, where it is one and no query.
    name: Option<ObjectName>,
    /// The column that DESCRIPTOR names.
    time: Expr,
    /// The lengths, in the order of the function.
    lengths: Vec<Expr>,
}

/// Replaces the window tables of a query by what they stand for.
///
/// # Errors
/// When a call has other arguments than it takes.
pub(super) fn expand(query: &mut Query, catalog: &Catalog, place: Place<'_>) -> Result<()> {
    let mut tables = Tables { catalog, place, queries: Vec::new() };
    match query.visit(&mut tables) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Tables<'a> {
    catalog: &'a Catalog,
    place: Place<'a>,
    /// The names of WITH.
    queries: Vec<String>,
}

impl VisitorMut for Tables<'_> {
    type Break = Diagnostic;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Diagnostic> {
        self.queries.extend(named_queries(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Diagnostic> {
        let [from] = select.from.as_slice() else { return ControlFlow::Continue(()) };
        if !from.joins.is_empty() {
            return ControlFlow::Continue(());
        }
        match self.read(&from.relation) {
            Ok(Some(table)) => {
                grouped::group_by_call(select, &table, self.catalog.functions());
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Diagnostic> {
        let read = self.read(factor);
        let replaced = read.and_then(|table| table.map(|table| self.rows(&table)).transpose());
        match replaced {
            Ok(Some(replaced)) => {
                *factor = replaced;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Tables<'_> {
    /// The window table that stands here, if it is one.
    fn read(&self, factor: &TableFactor) -> Result<Option<WindowTable>> {
        let (name, arguments, alias) = match factor {
            TableFactor::Table { name, args: Some(arguments), alias, .. } => (name, arguments.args.as_slice(), alias),
            TableFactor::TableFunction { expr: Expr::Function(call), alias } => match &call.args {
                FunctionArguments::List(list) => (&call.name, list.args.as_slice(), alias),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let function = match name.0.as_slice() {
            [part] => part.as_ident().map(folded).filter(|name| is_window(name)),
            _ => None,
        };
        match function {
            Some(function) => self.arguments(&function, arguments, alias.clone()).map(Some),
            None => Ok(None),
        }
    }

    fn arguments(&self, function: &str, arguments: &[FunctionArg], alias: Option<TableAlias>) -> Result<WindowTable> {
        let wrong = || self.wrong_arguments(function);
        let mut given: Vec<(Option<String>, &Expr)> = Vec::new();
        for argument in arguments {
            given.push(match argument {
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } => (Some(folded(name)), expr),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => (None, expr),
                _ => return Err(wrong()),
            });
        }
        let partition_by = match given.iter().position(|(name, _)| name.as_deref() == Some(PARTITION_BY)) {
            Some(index) => match given.remove(index).1 {
                Expr::Tuple(keys) => keys.clone(),
                Expr::Nested(key) => vec![key.as_ref().clone()],
                key => vec![key.clone()],
            },
            None => Vec::new(),
        };
        if function != SESSION && !partition_by.is_empty() {
            let error = Diagnostic::new(format!("the windows of {function} are the same for all rows"));
            return Err(error
                .at(self.place.word("PARTITION"))
                .hint("leave PARTITION BY out, and GROUP BY the columns"));
        }
        // Arguments go by their order, or by their names in any.
        let named = given.iter().any(|(name, _)| name.is_some());
        let mut ordered = Vec::new();
        for name in argument_names(function) {
            let found = if named {
                given.iter().position(|(given, _)| given.as_deref() == Some(name))
            } else {
                (!given.is_empty()).then_some(0)
            };
            match found {
                Some(found) => ordered.push(given.remove(found).1.clone()),
                None => break,
            }
        }
        let wanted = argument_names(function).len() - usize::from(function != SESSION);
        if let Some(name) = given.iter().find_map(|(name, _)| name.as_ref()) {
            let error = Diagnostic::new(format!("the table function {} has no '{name}'", function.to_uppercase()));
            let known = argument_names(function).iter().map(|name| name.to_uppercase());
            let hint = format!("its arguments: {}", known.collect::<Vec<_>>().join(", "));
            return Err(error.at(self.place.word(name)).hint(hint));
        }
        if !given.is_empty() || ordered.len() < wanted {
            return Err(wrong());
        }
        let lengths = ordered.split_off(2);
        let [table, descriptor] = ordered.as_slice() else { return Err(wrong()) };
        let time = described(descriptor).ok_or_else(wrong)?;
        let (table, name) = match table {
            Expr::Identifier(name) => (name.to_string(), Some(ObjectName::from(vec![name.clone()]))),
            Expr::CompoundIdentifier(parts) => {
                let name = ObjectName::from(parts.clone());
                (name.to_string(), Some(name))
            }
            Expr::Subquery(query) => (format!("({query})"), None),
            _ => return Err(wrong()),
        };
        Ok(WindowTable { function: function.to_owned(), table, alias, partition_by, name, time, lengths })
    }

    fn wrong_arguments(&self, function: &str) -> Diagnostic {
        let name = function.to_uppercase();
        let lengths = match function {
            HOP => "interval '10 seconds', interval '1 minute'",
            CUMULATE => "interval '1 hour', interval '1 day'",
            _ => "interval '1 minute'",
        };
        let error =
            Diagnostic::new(format!("the table function {name} takes a table, its event time, and its lengths"));
        let hint = format!("write FROM {name}(TABLE t, DESCRIPTOR(ts), {lengths})");
        error.at(self.place.word(function)).hint(hint)
    }

    /// The rows with their windows, as a query.
    fn rows(&self, table: &WindowTable) -> Result<TableFactor> {
        let text = match table.function.as_str() {
            SESSION => self.session_rows(table)?,
            _ => format!(
                "SELECT * EXCLUDE (\"_window\"), \"_window\"['start'] AS \"window_start\", \
                 \"_window\"['end'] AS \"window_end\", row_time() AS \"window_time\" \
                 FROM (SELECT *, unnest({WINDOWS_OF}({})) AS \"_window\" FROM {}) AS \"_windows\"",
                table.call(),
                table.table,
            ),
        };
        let subquery = parsed(&text).map_err(|error| error.at(self.place.word(&table.function)))?;
        // Its columns can be called by the table's name.
        let own = table.name.as_ref().and_then(|name| name.0.last()?.as_ident().cloned());
        let alias = table.alias.clone().or(own.map(named));
        Ok(TableFactor::Derived { lateral: false, subquery, alias, sample: None })
    }

    /// The rows of each session, collected and laid out again.
    fn session_rows(&self, table: &WindowTable) -> Result<String> {
        let at = self.place.word(SESSION);
        let name = table.name.as_ref().and_then(|name| match name.0.as_slice() {
            [part] => part.as_ident().map(folded),
            _ => None,
        });
        let name = name.filter(|name| !self.queries.contains(name)).ok_or_else(|| {
            let error = Diagnostic::new("the rows of a session are those of a table or a view").at(at);
            error.hint("put the query into a CREATE VIEW, and write SESSION(TABLE the_view, …)")
        })?;
        let known = self.catalog.readable(&name).map_err(|error| error.at(self.place.word(&name)))?;
        let names: Vec<&String> = known.info.columns.fields().iter().map(|field| field.name()).collect();
        let text = |name: &str| format!("'{}'", name.replace('\'', "''"));
        let ident = |name: &str| Ident::with_quote('"', name).to_string();
        let fields: Vec<String> = names.iter().map(|name| format!("{}, {}", text(name), ident(name))).collect();
        let columns: Vec<String> =
            names.iter().map(|name| format!("\"_row\"[{}] AS {}", text(name), ident(name))).collect();
        let call = table.call();
        let keys: String = table.partition_by.iter().map(|key| format!(", {key}")).collect();
        Ok(format!(
            "SELECT {}, \"_window\"['start'] AS \"window_start\", \"_window\"['end'] AS \"window_end\", \
             row_time() AS \"window_time\" FROM (SELECT \"_window\", unnest(\"_rows\") AS \"_row\" FROM (\
             SELECT {call} AS \"_window\", array_agg(named_struct({})) AS \"_rows\" FROM {} \
             GROUP BY {call}{keys}) AS \"_sessions\") AS \"_windows\"",
            columns.join(", "),
            fields.join(", "),
            table.table,
        ))
    }
}

impl WindowTable {
    /// The window as a call of the function that GROUP BY takes.
    pub(super) fn call(&self) -> String {
        let lengths: String = self.lengths.iter().map(|length| format!(", {length}")).collect();
        format!("{}({}{lengths})", self.function, self.time)
    }
}

/// The queries that WITH names before a query.
pub(super) fn named_queries(query: &Query) -> impl Iterator<Item = String> {
    query.with.iter().flat_map(|with| &with.cte_tables).map(|named| folded(&named.alias.name))
}

/// The names of a function's arguments in their order; but for a session the last one can be left out.
fn argument_names(function: &str) -> &'static [&'static str] {
    match function {
        TUMBLE => &["data", "timecol", "size", "offset"],
        HOP => &["data", "timecol", "slide", "size", "offset"],
        CUMULATE => &["data", "timecol", "step", "size", "offset"],
        _ => &["data", "timecol", "gap"],
    }
}

/// The column in `DESCRIPTOR(column)`.
fn described(expr: &Expr) -> Option<Expr> {
    let Expr::Function(call) = expr else { return None };
    let [part] = call.name.0.as_slice() else { return None };
    if !folded(part.as_ident()?).eq("descriptor") {
        return None;
    }
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(column))] => Some(column.clone()),
        _ => None,
    }
}

fn named(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// A query that was written here.
fn parsed(text: &str) -> Result<Box<Query>> {
    let unread = || Diagnostic::new("this table function cannot be read").hint("use names and constants for arguments");
    // Without places: they would be those of this text.
    let tokens = tokens(text).map_err(|_| unread())?.into_iter().map(|token| token.token).collect();
    Parser::new(&DIALECT).with_tokens(tokens).parse_query().map_err(|_| unread())
}

/// What stands behind FROM in a query that was written here.
pub(super) fn relation(text: &str) -> Option<TableFactor> {
    let query = parsed(&format!("SELECT 1 FROM {text}")).ok()?;
    match *query.body {
        SetExpr::Select(mut select) => select.from.pop().map(|from| from.relation),
        _ => None,
    }
}

/// An expression that was written here.
pub(super) fn parsed_expression(text: &str) -> Option<Expr> {
    let query = parsed(&format!("SELECT {text}")).ok()?;
    let SetExpr::Select(mut select) = *query.body else { return None };
    match select.projection.pop()? {
        SelectItem::UnnamedExpr(expr) => Some(expr),
        _ => None,
    }
}
