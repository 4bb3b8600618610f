//! How the planner learns what a table is without knowing any connector: it declares the table, and the connectors
//! answer with factories.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef};
use headwater_core::StreamSchema;
use headwater_core::lookup::LookupFactoryRef;
use headwater_core::sink::SinkFactoryRef;
use headwater_core::source::SourceFactoryRef;

use crate::options::Options;

/// What the planner asks of whoever knows the connectors.
pub trait Connectors: Debug + Send + Sync {
    /// The names of the connectors, for messages.
    fn names(&self) -> Vec<String>;

    /// Makes a table of what SQL declared. No I/O: everything that can be checked without it is checked here.
    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError>;

    /// Makes a table that is looked up by its primary key, which is one column. As [`Connectors::table`].
    fn lookup(&self, declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
        Err(no_lookup(&declaration.connector))
    }
}

/// Says that a connector has no tables to be looked up.
pub fn no_lookup(connector: &str) -> TableError {
    let error = TableError::new(format!("a table of connector '{connector}' cannot be looked up"));
    error.with_option("connector").with_hint("leave TEMPORARY out to read it as a stream")
}

/// `CREATE TABLE name (columns) WITH (connector = …, options)`.
#[derive(Debug)]
pub struct TableDeclaration {
    /// The table's name.
    pub name: String,
    /// The connector's name.
    pub connector: String,
    /// The declared columns, without the virtual ones. Empty where the table leaves them to the connector or, for a
    /// sink, to the query.
    pub columns: Vec<ColumnDeclaration>,
    /// The columns of the primary key.
    pub primary_key: Vec<String>,
    /// The remaining options: the planner has taken those that are its own.
    pub options: Options,
}

/// A declared column that the connector fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDeclaration {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it may be null.
    pub nullable: bool,
    /// `METADATA FROM 'offset'`: filled from the record's surroundings, not its content.
    pub metadata: Option<String>,
}

/// What a connector makes of a declaration.
#[derive(Debug)]
pub struct ConnectorTable {
    /// The columns that the connector fills, in the declared order; its own where none were declared. `None` for a
    /// sink that takes its columns from the query.
    pub columns: Option<SchemaRef>,
    /// The event time and the watermark's lag where the connector knows them and SQL does not say otherwise.
    pub event_time: Option<(String, Duration)>,
    /// How long a partition may be silent before it stops holding the others back, where the connector knows better
    /// than the 30 seconds of the dialect and SQL does not say otherwise.
    pub idle_after: Option<Duration>,
    /// Reads the table.
    pub source: Option<SourceFactoryRef>,
    /// Writes the table.
    pub sink: Option<Arc<dyn SinkSpec>>,
}

/// A sink that still has to learn the columns it will get.
pub trait SinkSpec: Debug + Send + Sync {
    /// Binds the sink to the query's result.
    ///
    /// # Errors
    /// When the sink cannot write these columns, or is given a changelog that it cannot take.
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError>;
}

/// A declaration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TableError {
    /// What is wrong.
    pub message: String,
    /// The option that it is about, so that the place can be shown.
    pub option: Option<String>,
    /// The column that it is about.
    pub column: Option<String>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl TableError {
    /// An error about the table as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        TableError { message: message.into(), option: None, column: None, hint: None }
    }

    /// Says which option it is about.
    pub fn with_option(mut self, option: impl Into<String>) -> Self {
        self.option = Some(option.into());
        self
    }

    /// Says which column it is about.
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// Says what to write instead.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
