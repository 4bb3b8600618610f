//! `bad_data = 'dead_letter'`: the records that a source cannot read, into the table that `dead_letter` names.

use std::time::Duration;

use headwater_core::source::BAD_RECORDS;
use headwater_core::{SourceFactory, StreamSchema};
use headwater_plan::options::nearest;
use headwater_plan::{NodeId, NodeKind, Partitioning};

use super::collected::Collected;
use super::option::OwnOptions;
use super::stream::{Role, Stream, Windowed};
use super::{GraphBuilder, Planner, Result};
use crate::catalog::Write;
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::{CreateTable, OptionSyntax};

/// A source that names a table for the records that it cannot read.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    source: String,
    table: String,
    span: Option<Span>,
    node: NodeId,
    parallel: bool,
    bounded: bool,
}

impl DeadLetter {
    /// Of a source that was just declared; `None` where it does not ask for it.
    ///
    /// # Errors
    /// When only one of the two options is there, or the connector has no such records.
    pub(super) fn of(
        create: &CreateTable,
        own: &OwnOptions,
        stream: &Stream,
        factory: &dyn SourceFactory,
    ) -> Result<Option<Self>> {
        let option = |key: &str| create.options.iter().find(|option| option.key.text == key);
        let bad_data = option("bad_data");
        let wanted = bad_data.is_some_and(|o| matches!(&o.value, OptionSyntax::Text(text) if text == "dead_letter"));
        let span = option("dead_letter").and_then(|option| option.value_span);
        let table = match (&own.dead_letter, wanted) {
            (None, false) => return Ok(None),
            (None, true) => {
                let error = Diagnostic::new("the table for records that cannot be read is not named");
                let error = error.at(bad_data.and_then(|option| option.value_span));
                return Err(error.hint("add dead_letter = 'table', a table with a connector"));
            }
            (Some(_), false) => {
                let error = Diagnostic::new("records that cannot be read do not go to a table here").at(span);
                return Err(error.hint("add bad_data = 'dead_letter'"));
            }
            (Some(table), true) => table.to_lowercase(),
        };
        if !factory.gives_bad_records() {
            let error = Diagnostic::new("this table has no records of which one alone cannot be read").at(span);
            return Err(error.hint("leave dead_letter out; a file of parquet or arrow is read whole or not at all"));
        }
        let (source, node, bounded) = (create.name.text.clone(), stream.node, stream.bounded);
        Ok(Some(DeadLetter { source, table, span, node, parallel: factory.parallel(), bounded }))
    }

    /// The stream of these records.
    fn stream(&self, builder: &mut GraphBuilder) -> Stream {
        let schema = StreamSchema::append_only(&BAD_RECORDS);
        let node = builder.graph.add(NodeKind::BadRecords, schema.clone(), self.parallel);
        builder.graph.connect(self.node, node, 0, Partitioning::Forward);
        let roles = vec![Role::Plain; schema.visible_count()];
        let (bounded, windowed) = (self.bounded, Windowed::No);
        Stream { node, schema, roles, windowed, timed: false, bounded, lateness: Duration::ZERO, ordered: false }
    }
}

impl Planner<'_> {
    /// Adds what collects bad records, now that all readers of a source are known. A source that nobody reads is not
    /// read for its bad records alone.
    pub(super) fn bad_records(&mut self) -> Result<()> {
        for letter in std::mem::take(&mut self.dead_letters) {
            let columns = self.dead_letter_columns(&letter)?;
            let readers = self.sinks.iter().flat_map(|sink| sink.inputs.iter().map(|input| input.node));
            if !self.builder.is_read_by(letter.node, readers.collect()) {
                continue;
            }
            let stream = letter.stream(&mut self.builder);
            // A batch query reads what can be read.
            let from = Collected { what: "bad records", source: &letter.source, stream, columns: &columns };
            self.collect(from, &letter.table, letter.span)?;
        }
        Ok(())
    }

    /// What is selected for the table: its columns by name, or all where it takes what comes.
    fn dead_letter_columns(&self, letter: &DeadLetter) -> Result<String> {
        let table = self.catalog.expect(&letter.table).map_err(|error| error.at(letter.span))?;
        let Write::Sink { columns, .. } = &table.write else {
            let error = Diagnostic::new(format!("'{}' has no connector that writes", letter.table)).at(letter.span);
            return Err(error.hint("bad records go to a table with a connector, as filesystem or kafka"));
        };
        let Some(columns) = columns else { return Ok("*".to_owned()) };
        let names = || BAD_RECORDS.fields().iter().map(|field| field.name().as_str());
        let column = |name: &str| match BAD_RECORDS.field_with_name(name) {
            Ok(_) => Ok(format!("\"{name}\"")),
            Err(_) => {
                let table = &letter.table;
                let error = Diagnostic::new(format!("'{table}' has a column '{name}', which bad records have not"));
                let near = nearest(name, names()).map(|near| format!("did you mean '{near}'?"));
                let known = || format!("their columns: {}", names().collect::<Vec<_>>().join(", "));
                Err(error.at(letter.span).hint(near.unwrap_or_else(known)))
            }
        };
        let chosen: Result<Vec<_>> = columns.fields().iter().map(|field| column(field.name())).collect();
        Ok(chosen?.join(", "))
    }
}
