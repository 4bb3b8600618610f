//! Declared columns: which a connector fills from a record's content and which from its surroundings, and whether it
//! is asked to read or to write. Shared by the declarations of all connectors.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use headwater_plan::{ColumnDeclaration, Options, TableError};

/// A partition of a bounded source is not idle because nobody has read it yet: ten years, which a clock can still add
/// to now.
pub(crate) const NEVER_IDLE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Which sides of a table are wanted: `type = 'source' | 'sink'`, both where unsaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    /// The table may be read.
    pub(crate) source: bool,
    /// The table may be written.
    pub(crate) sink: bool,
}

impl Sides {
    /// Reads the option `type`.
    pub(crate) fn of(options: &Options) -> Result<Self, TableError> {
        let both = Sides { source: true, sink: true };
        let choices = [("source", Sides { sink: false, ..both }), ("sink", Sides { source: false, ..both })];
        Ok(options.choice("type", &choices)?.unwrap_or(both))
    }

    /// The same for a connector that has only a source.
    pub(crate) fn source_only(connector: &str, options: &Options) -> Result<(), TableError> {
        match Sides::of(options)?.source {
            true => Ok(()),
            false => Err(TableError::new(format!("connector '{connector}' cannot be written")).with_option("type")),
        }
    }

    /// The same for a connector that has only a sink.
    pub(crate) fn sink_only(connector: &str, options: &Options) -> Result<(), TableError> {
        match Sides::of(options)?.sink {
            true => Ok(()),
            false => Err(TableError::new(format!("connector '{connector}' cannot be read")).with_option("type")),
        }
    }
}

/// The schema of declared columns, or `None` where none are declared.
pub(crate) fn declared_schema(columns: &[ColumnDeclaration]) -> Option<SchemaRef> {
    let field = |column: &ColumnDeclaration| Field::new(&column.name, column.data_type.clone(), column.nullable);
    (!columns.is_empty()).then(|| Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>())))
}

/// The schema of declared columns for a source that cannot know them by itself.
pub(crate) fn required_schema(table: &str, columns: &[ColumnDeclaration]) -> Result<SchemaRef, TableError> {
    declared_schema(columns).ok_or_else(|| {
        TableError::new(format!("table '{table}' is read, so its columns must be declared"))
            .with_hint("write CREATE TABLE name (column TYPE, …), or type = 'sink' for a table that is only written")
    })
}

/// Refuses `METADATA FROM` where a connector has none.
pub(crate) fn no_metadata(connector: &str, columns: &[ColumnDeclaration]) -> Result<(), TableError> {
    match columns.iter().find(|column| column.metadata.is_some()) {
        None => Ok(()),
        Some(column) => {
            Err(TableError::new(format!("connector '{connector}' has no metadata columns")).with_column(&column.name))
        }
    }
}

/// The declared ones among a connector's own columns, in the declared order; all of them where none are declared.
/// A text column may be declared for what is text, and NOT NULL only for what never is null.
pub(crate) fn choose_own(
    connector: &str,
    own: &SchemaRef,
    declared: &[ColumnDeclaration],
) -> Result<SchemaRef, TableError> {
    if declared.is_empty() {
        return Ok(Arc::clone(own));
    }
    no_metadata(connector, declared)?;
    let choose = |column: &ColumnDeclaration| {
        let names: Vec<&str> = own.fields().iter().map(|field| field.name().as_str()).collect();
        let field = own.field_with_name(&column.name).map_err(|_| {
            TableError::new(format!("connector '{connector}' has no column '{}'", column.name))
                .with_column(&column.name)
                .with_hint(format!("its columns: {}", names.join(", ")))
        })?;
        if *field.data_type() != column.data_type || (field.is_nullable() && !column.nullable) {
            let null = if field.is_nullable() { "" } else { " NOT NULL" };
            return Err(TableError::new(format!("column '{}' is of type {}{null}", column.name, field.data_type()))
                .with_column(&column.name)
                .with_hint("leave the columns out to have them declared by the connector"));
        }
        Ok(field.clone())
    };
    Ok(Arc::new(Schema::new(declared.iter().map(choose).collect::<Result<Vec<_>, _>>()?)))
}
