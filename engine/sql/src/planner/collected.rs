//! Rows beside a source's own, late or bad ones, into a table that one of its options names.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};

use super::{Planner, Result, Stream};
use crate::catalog::Table;
use crate::diagnostic::clean::clean;
use crate::diagnostic::place::Place;
use crate::diagnostic::{Diagnostic, Span};
use crate::parser;
use crate::script::TableKind;
use crate::statement::Name;

/// What is collected.
pub(super) struct Collected<'a> {
    /// What the rows are, as `late rows`.
    pub(super) what: &'static str,
    /// The source that they are of.
    pub(super) source: &'a str,
    pub(super) stream: Stream,
    /// Which of their columns the table takes, as SQL.
    pub(super) columns: &'a str,
}

impl Planner<'_> {
    /// Inserts rows that are there while a query runs, and never for a batch query.
    ///
    /// # Errors
    /// At `span`, where `table` cannot take them.
    pub(super) fn collect(&mut self, collected: Collected<'_>, table: &str, span: Option<Span>) -> Result<()> {
        let Collected { what, source, stream, columns } = collected;
        let view = Name { text: format!("{what} of {source}"), span: None };
        let schema = DFSchema::try_from(stream.schema.visible()).map_err(|error| clean(error, Place::new(&[])))?;
        let none = EmptyRelation { produce_one_row: false, schema: Arc::new(schema) };
        let query = Arc::new(LogicalPlan::EmptyRelation(none));
        self.catalog.add(Table::view(&view, TableKind::View, stream, query))?;
        let text = format!("INSERT INTO {} SELECT {columns} FROM {}", quoted(table), quoted(&view.text));
        for statement in &parser::parse(&text)? {
            self.statement(&statement.kind, statement).map_err(|error| {
                let message = format!("the {what} of '{source}' cannot go to '{table}': {}", error.message);
                Diagnostic { span, ..Diagnostic::new(message) }.hint_opt(error.hint)
            })?;
        }
        Ok(())
    }
}

/// A name as SQL, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
