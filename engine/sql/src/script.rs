//! What a query file comes to: one dataflow, the tables it speaks of, and the answers that need no data.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use headwater_plan::{ByteSize, Graph};

/// A planned query file. Statements are numbered from 0.
#[derive(Clone, Debug)]
pub struct Script {
    /// All inserts, materialized views and bare selects as one job; `None` where there are none of them.
    pub graph: Option<Graph>,
    /// The tables and views in the order of their creation.
    pub tables: Vec<TableInfo>,
    /// What the job writes, in the order of the statements.
    pub outputs: Vec<OutputInfo>,
    /// What `EXPLAIN`, `SHOW TABLES` and `DESCRIBE` ask for, in the order of the statements.
    pub answers: Vec<Answer>,
    /// What `SET` set.
    pub settings: ScriptSettings,
}

/// What a file says of how its job runs; `None` leaves it to who runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptSettings {
    /// How many instances share the work of a step. The graph is made for them, so that it has to run with no other
    /// number.
    pub parallelism: Option<usize>,
    /// How long changes are folded before they are sent on.
    pub flush_interval: Option<Duration>,
    /// How much memory the state may take.
    pub state_memory_max: Option<ByteSize>,
}

/// A table of the file.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its connector; `None` for a view, a named query and a memory table.
    pub connector: Option<String>,
    /// Its options but for the connector, with their values as text (a text without its quotes).
    pub options: Vec<(String, String)>,
    /// Its visible columns; for a sink that takes them from its query, those. Empty for one that nothing is written to.
    pub columns: SchemaRef,
    /// What can be done with it.
    pub kind: TableKind,
}

/// What can be done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Read.
    Source,
    /// Written.
    Sink,
    /// Read and written.
    Both,
    /// A named query.
    View,
    /// A named query whose result is kept.
    MaterializedView,
    /// Looked up by its key.
    Lookup,
    /// Written by one INSERT and read by others of the same file.
    Memory,
}

/// Something that the job writes.
#[derive(Clone, Debug)]
pub struct OutputInfo {
    /// The statement.
    pub statement: usize,
    /// The table written: the sink's, the view's, or `select_0` for a bare select.
    pub table: String,
    /// What it is.
    pub kind: OutputKind,
    /// The columns written.
    pub columns: SchemaRef,
    /// What was bound, as a batch query: views and memory tables are put in where they are read, so that it scans
    /// nothing but tables of connectors, by their names in the file. Stream functions (`tumble`, `row_time`) stand as
    /// they were called and cannot be evaluated.
    pub query: Arc<LogicalPlan>,
}

/// What kind of statement writes an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// `INSERT INTO`
    Insert,
    /// `CREATE MATERIALIZED VIEW`
    MaterializedView,
    /// `SELECT`
    Select,
}

/// The answer to a statement that needs no data.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The statement.
    pub statement: usize,
    /// The answer.
    pub content: AnswerContent,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerContent {
    /// `EXPLAIN`: the dataflow as text.
    Plan(String),
    /// `SHOW TABLES`: the names of the tables so far.
    Tables(Vec<String>),
    /// `DESCRIBE t`: its columns with their types as SQL writes them, and whether they may be null.
    Columns {
        /// The table.
        table: String,
        /// Name, type, nullable.
        columns: Vec<(String, String, bool)>,
    },
}
