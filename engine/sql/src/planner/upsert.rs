//! Tables whose connector reads upserts: behind the source stands what keeps the last row of each key, and only behind
//! that is the table what SQL says it is.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use headwater_core::StreamSchema;
use headwater_plan::{NodeKind, UpsertNode};

use super::stream::Stream;
use super::{GraphBuilder, Result};
use crate::diagnostic::Diagnostic;
use crate::statement::CreateTable;

impl GraphBuilder {
    /// The rows of a table, in its columns, from the stream of its upserts.
    ///
    /// # Errors
    /// When the table has no primary key.
    pub(super) fn upserted(&mut self, upserts: &Stream, create: &CreateTable, columns: &Schema) -> Result<Stream> {
        if create.primary_key.is_empty() {
            let option = create.options.iter().find(|option| option.key.text == "format");
            let span = option.and_then(|option| option.value_span).or(create.name.span);
            let error = Diagnostic::new("upserts say which row is meant by its key, and the table has none").at(span);
            return Err(error.hint("declare it: id BIGINT PRIMARY KEY, or PRIMARY KEY (a, b)"));
        }
        let in_key = |(_, field): &(usize, &Arc<Field>)| is_in_key(create, field.name());
        let key: Vec<usize> = columns.fields().iter().enumerate().filter(in_key).map(|(index, _)| index).collect();
        let schema = StreamSchema::updating(columns);
        let node = NodeKind::Upsert(UpsertNode { key: key.clone(), ttl: Some(self.updating_ttl) });
        let node = self.graph.add(node, schema.clone(), true);
        let partitioning = self.exchange(key);
        self.graph.connect(upserts.node, node, 0, partitioning);
        Ok(Stream { node, schema, ..upserts.clone() })
    }
}

/// The columns as they are in upserts: of a row that goes only the key is known.
pub(super) fn upsert_columns(create: &CreateTable, columns: &Schema) -> Schema {
    let field = |field: &Arc<Field>| match is_in_key(create, field.name()) {
        true => field.as_ref().clone(),
        false => field.as_ref().clone().with_nullable(true),
    };
    Schema::new(columns.fields().iter().map(field).collect::<Vec<_>>())
}

fn is_in_key(create: &CreateTable, column: &str) -> bool {
    create.primary_key.iter().any(|name| name.text == column)
}
