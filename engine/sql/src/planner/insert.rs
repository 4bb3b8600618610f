//! `INSERT INTO`: a query into a sink, or into a memory table that others read.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::sink::{Fit, PendingSink};
use super::{Planner, Result, output};
use crate::catalog::{Read, Write};
use crate::diagnostic::Diagnostic;
use crate::script::OutputKind;
use crate::statement::{Insert, Statement};

impl Planner<'_> {
    pub(super) fn insert(&mut self, insert: &Insert, statement: &Statement) -> Result<()> {
        let place = statement.place();
        let name = &insert.table;
        let table = self.catalog.expect(&name.text).map_err(|error| error.at(name.span))?.clone();
        let read_only = || Diagnostic::new(format!("'{}' can only be read", name.text)).at(name.span);
        let columns: Option<SchemaRef> = match (&table.write, &table.read) {
            (Write::Never, _) => return Err(read_only()),
            (Write::Memory, Read::Stream(_)) => {
                let error = Diagnostic::new(format!("'{}' is a memory table, and has its INSERT already", name.text));
                return Err(error.at(name.span).hint("put both queries into one INSERT with UNION ALL"));
            }
            (Write::Memory, _) => Some(table.info.columns.clone()),
            (Write::Sink { columns, .. }, _) => columns.clone(),
        };
        let mut plan = self.bind(&insert.query, place)?;
        match &columns {
            Some(columns) => plan = Fit { table: name, columns, named: &insert.columns, place }.apply(plan)?,
            None => {
                if let Some(first) = insert.columns.first() {
                    let error = Diagnostic::new(format!("'{}' takes its columns from the query", name.text));
                    return Err(error
                        .at(first.span)
                        .hint("leave the list out, and name the columns in SELECT with AS"));
                }
            }
        }
        let stream = self.stream(&plan, insert.query.emit.as_ref(), place)?;
        let query = self.batch_query(&plan, place)?;
        match &table.write {
            Write::Sink { spec, .. } => {
                let (spec, declaration, written_at) = (spec.clone(), table.declaration.clone(), name.span);
                let table = table.info.name;
                self.outputs.push(output(statement, &table, OutputKind::Insert, &stream, query));
                self.insert_into_sink(PendingSink { table, declaration, written_at, spec, inputs: vec![stream] });
            }
            _ => {
                let schema = stream.schema_of(&table.info.columns);
                let stream = self.builder.conform(stream, &schema);
                if let Some(table) = self.catalog.get_mut(&name.text) {
                    table.read = Read::Stream(stream);
                    table.query = Some(query);
                }
            }
        }
        Ok(())
    }

    fn insert_into_sink(&mut self, new: PendingSink) {
        let name = new.table.clone();
        let visible = new.inputs.first().map(|stream| stream.schema.visible());
        match self.sinks.iter_mut().find(|sink| sink.table == name) {
            Some(sink) => sink.inputs.extend(new.inputs),
            None => self.sinks.push(new),
        }
        // A sink without columns has the first query's from now on.
        if let (Some(table), Some(visible)) = (self.catalog.get_mut(&name), visible)
            && let Write::Sink { columns: columns @ None, .. } = &mut table.write
        {
            let nullable = visible.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
            *columns = Some(Arc::new(Schema::new(nullable.collect::<Vec<_>>())));
            table.info.columns = visible;
        }
    }
}
