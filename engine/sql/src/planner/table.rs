//! `CREATE TABLE`: a connector's table, or a memory table where no connector is named.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use headwater_plan::options::nearest;
use headwater_plan::{ConnectorTable, OptionValue, TableDeclaration};

use super::dead_letter::DeadLetter;
use super::late::LateSink;
use super::option::{self, Direction, OwnOptions, table_error};
use super::source::{SourceTable, declared_fields, filled_columns};
use super::{Planner, Result};
use crate::binder::Binder;
use crate::catalog::{Declaration, Read, Table, Write};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;
use crate::script::{TableInfo, TableKind};
use crate::statement::{Column, ColumnContent, CreateTable};

/// A declared table with what its connector made of it.
struct Declared<'a> {
    create: &'a CreateTable,
    fields: Vec<(Field, &'a Column)>,
    own: OwnOptions,
    made: ConnectorTable,
}

impl Planner<'_> {
    pub(super) fn table(&mut self, create: &CreateTable, place: Place<'_>) -> Result<()> {
        if let Some(other) = self.catalog.get(&create.name.text) {
            return Err(Diagnostic::new(format!("there is a table '{}' already", other.info.name)).at(create.name.span));
        }
        let fields = declared_fields(create)?;
        for name in &create.primary_key {
            if !fields.iter().any(|(field, _)| *field.name() == name.text) {
                let near = nearest(&name.text, fields.iter().map(|(field, _)| field.name().as_str()));
                let error = Diagnostic::new(format!("there is no column '{}' for the primary key", name.text));
                return Err(error.at(name.span).hint_opt(near.map(|near| format!("did you mean '{near}'?"))));
            }
        }
        let declaration = Arc::new(Declaration {
            name: Some(create.name.clone()),
            columns: create.columns.clone(),
            options: create.options.clone(),
        });
        let values = option::values(&create.options, &Binder::new(&self.catalog, place))?;
        let shown = values.iter().filter(|(key, _)| key != "connector");
        let shown = shown.map(|(key, value)| (key.clone(), option::plain_text(value))).collect();
        let table = if create.options.is_empty() {
            memory_table(create, &fields, declaration)?
        } else if create.temporary {
            self.lookup_table(create, &fields, values, shown, declaration)?
        } else {
            self.connector_table(create, fields, values, shown, declaration, place)?
        };
        self.catalog.add(table)
    }

    fn connector_table(
        &mut self,
        create: &CreateTable,
        fields: Vec<(Field, &Column)>,
        values: Vec<(String, OptionValue)>,
        shown: Vec<(String, String)>,
        declaration: Arc<Declaration>,
        place: Place<'_>,
    ) -> Result<Table> {
        let (own, options) = option::split(values).map_err(|error| table_error(error, &declaration))?;
        let connector = self.connector(create, &own)?;
        if own.direction == Some(Direction::Lookup) {
            let option = create.options.iter().find(|option| option.key.text == "type");
            let error = Diagnostic::new("a table that is looked up is declared as one");
            let error = error.at(option.and_then(|option| option.value_span));
            return Err(error.hint(format!("write CREATE TEMPORARY TABLE {}", create.name.text)));
        }
        let made = self.connectors.table(TableDeclaration {
            name: create.name.text.clone(),
            connector: connector.clone(),
            columns: filled_columns(&fields),
            primary_key: create.primary_key.iter().map(|name| name.text.clone()).collect(),
            options,
        });
        let made = made.map_err(|error| table_error(error, &declaration))?;
        let table = Declared { create, fields, own, made };
        let written = table.written_columns();
        let write = match (&table.made.sink, table.own.direction) {
            (Some(spec), None | Some(Direction::Sink)) => Write::Sink { spec: spec.clone(), columns: written.clone() },
            (None, Some(Direction::Sink)) => return Err(table.cannot("written", &connector)),
            _ => Write::Never,
        };
        let mut columns = written.unwrap_or_else(|| Arc::new(Schema::empty()));
        let read = match (&table.made.source, table.own.direction) {
            (Some(factory), None | Some(Direction::Source)) => {
                let binder = Binder::new(&self.catalog, place);
                let Declared { create, fields, own, made } = &table;
                let (known_time, known_idle) = (made.event_time.clone(), made.idle_after);
                let source =
                    SourceTable { create, fields: fields.clone(), own, known_time, known_idle, binder: &binder, place };
                let (read, visible) = source.add(&mut self.builder, factory.clone())?;
                columns = visible;
                let stream = match factory.upserts() {
                    true => self.builder.upserted(&read, create, &columns)?,
                    false => read.clone(),
                };
                if let Some(table) = &own.late_sink {
                    self.late_sinks.push(LateSink::new(create, table, &stream)?);
                }
                self.dead_letters.extend(DeadLetter::of(create, own, &read, &**factory)?);
                Read::Stream(stream)
            }
            (None, Some(Direction::Source)) => return Err(table.cannot("read", &connector)),
            _ => Read::Never,
        };
        let kind = match (&read, &write) {
            (Read::Stream(_), Write::Sink { .. }) => TableKind::Both,
            (Read::Stream(_), _) => TableKind::Source,
            _ => TableKind::Sink,
        };
        let name = create.name.text.clone();
        let info = TableInfo { name, connector: Some(connector), options: shown, columns, kind };
        Ok(Table { info, declaration, read, write, query: None })
    }

    pub(super) fn connector(&self, create: &CreateTable, own: &OwnOptions) -> Result<String> {
        let names = self.connectors.names();
        let known = || format!("connectors: {}", names.join(", "));
        let Some(connector) = &own.connector else {
            let error = Diagnostic::new(format!("table '{}' has options, but no connector", create.name.text));
            return Err(error.at(create.name.span).hint(format!("add connector = '…'; {}", known())));
        };
        if names.contains(connector) {
            return Ok(connector.clone());
        }
        let entry = create.options.iter().find(|option| option.key.text == "connector");
        let error = Diagnostic::new(format!("there is no connector '{connector}'"));
        let hint = nearest(connector, names.iter().map(String::as_str)).map(|near| format!("did you mean '{near}'?"));
        Err(error.at(entry.and_then(|entry| entry.value_span)).hint(hint.unwrap_or_else(known)))
    }
}

impl Declared<'_> {
    /// The columns that an INSERT gives: the record's own. `None` where the query decides them.
    fn written_columns(&self) -> Option<SchemaRef> {
        if self.fields.is_empty() {
            return self.made.columns.clone();
        }
        let record = self.fields.iter().filter(|(_, column)| matches!(column.content, ColumnContent::Record));
        Some(Arc::new(Schema::new(record.map(|(field, _)| field.clone()).collect::<Vec<_>>())))
    }

    fn cannot(&self, what: &str, connector: &str) -> Diagnostic {
        let option = self.create.options.iter().find(|option| option.key.text == "type");
        let error = Diagnostic::new(format!("a table of connector '{connector}' cannot be {what}"));
        error.at(option.and_then(|option| option.value_span))
    }
}

fn memory_table(create: &CreateTable, fields: &[(Field, &Column)], declaration: Arc<Declaration>) -> Result<Table> {
    let name = &create.name;
    if fields.is_empty() {
        let error = Diagnostic::new(format!("table '{}' has neither columns nor a connector", name.text));
        return Err(error.at(name.span).hint("write its columns, or WITH (connector = '…')"));
    }
    let filled = fields.iter().find(|(_, column)| !matches!(column.content, ColumnContent::Record));
    if let Some((_, column)) = filled {
        let error = Diagnostic::new(format!("column '{}' cannot be filled without a connector", column.name.text));
        return Err(error.at(column.name.span).hint("add WITH (connector = '…'), or compute it in the INSERT"));
    }
    if let Some(clause) = &create.watermark {
        let error = Diagnostic::new("a table without a connector has the event time of what is inserted into it");
        return Err(error.at(clause.column.span).hint("leave WATERMARK FOR out, or add WITH (connector = '…')"));
    }
    let columns = fields.iter().map(|(field, _)| field.clone()).collect::<Vec<_>>();
    let info = TableInfo {
        name: name.text.clone(),
        connector: None,
        options: Vec::new(),
        columns: Arc::new(Schema::new(columns)),
        kind: TableKind::Memory,
    };
    Ok(Table { info, declaration, read: Read::Unfilled, write: Write::Memory, query: None })
}
