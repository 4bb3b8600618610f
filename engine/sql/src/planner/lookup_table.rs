//! `CREATE TEMPORARY TABLE` over a connector: a table that is looked up by its primary key, and has no rows of its own.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use headwater_plan::{OptionValue, TableDeclaration};

use super::option::{self, Direction, OF_TIME, table_error};
use super::source::filled_columns;
use super::{Planner, Result};
use crate::catalog::{Declaration, LookupTable, Read, Table, Write};
use crate::diagnostic::Diagnostic;
use crate::script::{TableInfo, TableKind};
use crate::statement::{Column, ColumnContent, CreateTable, OptionEntry, OptionSyntax};

impl Planner<'_> {
    pub(super) fn lookup_table(
        &self,
        create: &CreateTable,
        fields: &[(Field, &Column)],
        values: Vec<(String, OptionValue)>,
        shown: Vec<(String, String)>,
        declaration: Arc<Declaration>,
    ) -> Result<Table> {
        let (own, options) = option::split(values).map_err(|error| table_error(error, &declaration))?;
        let connector = self.connector(create, &own)?;
        let key = check(create, fields, own.direction)?;
        let factory = self.connectors.lookup(TableDeclaration {
            name: create.name.text.clone(),
            connector: connector.clone(),
            columns: filled_columns(fields),
            primary_key: create.primary_key.iter().map(|name| name.text.clone()).collect(),
            options,
        });
        let factory = factory.map_err(|error| table_error(error, &declaration))?;
        let columns = Arc::new(Schema::new(fields.iter().map(|(field, _)| field.clone()).collect::<Vec<_>>()));
        let name = create.name.text.clone();
        let table = LookupTable { name: name.clone(), factory, columns: columns.clone(), key };
        let info = TableInfo { name, connector: Some(connector), options: shown, columns, kind: TableKind::Lookup };
        Ok(Table { info, declaration, read: Read::Lookup(Arc::new(table)), write: Write::Never, query: None })
    }
}

/// Refuses what makes no sense for a table that is looked up; gives the place of its key.
fn check(create: &CreateTable, fields: &[(Field, &Column)], direction: Option<Direction>) -> Result<usize> {
    let looked_up = |what: &str| Diagnostic::new(format!("a table that is looked up (TEMPORARY) {what}"));
    let option = |key: &str| create.options.iter().find(|option| option.key.text == key);
    let value = |entry: Option<&OptionEntry>| entry.and_then(|entry| entry.value_span.or(entry.key.span));
    if !matches!(direction, None | Some(Direction::Lookup)) {
        let error = looked_up("is neither a source nor a sink").at(value(option("type")));
        return Err(error.hint("leave TEMPORARY out, or write type = 'lookup'"));
    }
    let is_dead = |entry: &&OptionEntry| matches!(&entry.value, OptionSyntax::Text(text) if text == "dead_letter");
    if let Some(entry) = option("dead_letter").or_else(|| option("bad_data").filter(is_dead)) {
        let error = looked_up("has no table for what cannot be read").at(value(Some(entry)));
        return Err(error.hint("write bad_data = 'drop'"));
    }
    let clause = create.watermark.as_ref().and_then(|clause| clause.column.span);
    let said = OF_TIME.iter().find_map(|key| option(key)).and_then(|entry| entry.key.span);
    if let Some(span) = clause.or(said) {
        return Err(looked_up("has no event time").at(span));
    }
    if let Some((_, column)) = fields.iter().find(|(_, column)| matches!(column.content, ColumnContent::Generated(_))) {
        let error = looked_up("has no virtual columns").at(column.name.span);
        return Err(error.hint("compute it in the query that looks the table up"));
    }
    let key = match create.primary_key.as_slice() {
        [key] => fields.iter().position(|(field, _)| *field.name() == key.text),
        _ => None,
    };
    key.ok_or_else(|| {
        let error = looked_up("has one column as its primary key").at(create.name.span);
        error.hint("write PRIMARY KEY behind the column that it is looked up by")
    })
}
