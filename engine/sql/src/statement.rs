//! Statements as they were written, before any name in them means anything.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Query};
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

use crate::diagnostic::Span;
use crate::diagnostic::place::Place;

/// One statement of a file.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// Its number in the file, from 0.
    pub(crate) number: usize,
    /// What it was read from.
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// What it says.
    pub(crate) kind: StatementKind,
}

impl Statement {
    /// Places within the statement.
    pub(crate) fn place(&self) -> Place<'_> {
        Place::new(&self.tokens)
    }
}

/// What a statement says.
#[derive(Clone, Debug)]
pub(crate) enum StatementKind {
    /// `CREATE TABLE t (…) WITH (…)`, `CREATE TABLE t AS SELECT …`
    CreateTable(CreateTable),
    /// `CREATE [MATERIALIZED] VIEW v AS SELECT …`
    CreateView(CreateView),
    /// `INSERT INTO t [(a, b)] SELECT …`
    Insert(Insert),
    /// `SELECT …`
    Select(ContinuousQuery),
    /// `SET name = value`
    Set(OptionEntry),
    /// `EXPLAIN` of a query or an INSERT.
    Explain(Box<StatementKind>, ExplainFormat),
    /// `SHOW TABLES`
    ShowTables,
    /// `DESCRIBE t`
    Describe(Name),
}

/// A name, folded to lower case unless it was quoted.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// The name.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Option<Span>,
}

/// A query, and when it gives its results.
#[derive(Clone, Debug)]
pub(crate) struct ContinuousQuery {
    /// The query.
    pub(crate) sql: Box<Query>,
    /// `EMIT …`, where it is said.
    pub(crate) emit: Option<Emit>,
}

/// `EMIT …` at the end of a query.
#[derive(Clone, Debug)]
pub(crate) struct Emit {
    /// What it says.
    pub(crate) kind: EmitKind,
    /// Where it stands.
    pub(crate) span: Option<Span>,
}

/// When results are given.
#[derive(Clone, Debug)]
pub(crate) enum EmitKind {
    /// `EMIT ON WINDOW CLOSE`: once, when they are final.
    OnWindowClose,
    /// `EMIT CHANGES [EVERY interval '…']`: early, and taken back when they change.
    Changes {
        /// How long changes are folded.
        every: Option<Box<Expr>>,
    },
}

/// How a dataflow is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExplainFormat {
    /// As an indented text.
    #[default]
    Text,
    /// As a diagram.
    Mermaid,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug)]
pub(crate) struct CreateTable {
    /// The table.
    pub(crate) name: Name,
    /// `TEMPORARY`: with a connector, a table that is looked up.
    pub(crate) temporary: bool,
    /// Its columns in the order written.
    pub(crate) columns: Vec<Column>,
    /// `WATERMARK FOR …`
    pub(crate) watermark: Option<WatermarkClause>,
    /// The columns of the primary key.
    pub(crate) primary_key: Vec<Name>,
    /// `WITH (…)`
    pub(crate) options: Vec<OptionEntry>,
    /// `AS SELECT …`
    pub(crate) query: Option<ContinuousQuery>,
}

/// `CREATE VIEW`.
#[derive(Clone, Debug)]
pub(crate) struct CreateView {
    /// The view.
    pub(crate) name: Name,
    /// Whether its result is kept.
    pub(crate) materialized: bool,
    /// `WITH (…)`
    pub(crate) options: Vec<OptionEntry>,
    /// The query.
    pub(crate) query: ContinuousQuery,
}

/// `INSERT INTO`.
#[derive(Clone, Debug)]
pub(crate) struct Insert {
    /// The table written to.
    pub(crate) table: Name,
    /// The columns that the query gives, where they are named.
    pub(crate) columns: Vec<Name>,
    /// The query.
    pub(crate) query: ContinuousQuery,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: Name,
    /// Its type.
    pub(crate) data_type: DataType,
    /// Where the type stands.
    pub(crate) type_span: Option<Span>,
    /// Whether it may be null.
    pub(crate) nullable: bool,
    /// What fills it.
    pub(crate) content: ColumnContent,
}

/// What fills a column.
#[allow(clippy::large_enum_variant)] // a handful a file, read once: boxing would only cost words
#[derive(Clone, Debug)]
pub(crate) enum ColumnContent {
    /// The record's content.
    Record,
    /// The record's surroundings: `METADATA FROM 'offset'`.
    Metadata(String),
    /// Other columns: `GENERATED ALWAYS AS (…)`.
    Generated(Expr),
}

/// `WATERMARK FOR column [AS (expression)]`.
#[derive(Clone, Debug)]
pub(crate) struct WatermarkClause {
    /// The event-time column.
    pub(crate) column: Name,
    /// The watermark that a row allows.
    pub(crate) expression: Option<Expr>,
}

/// One entry of `WITH (…)`.
#[derive(Clone, Debug)]
pub(crate) struct OptionEntry {
    /// Its key.
    pub(crate) key: Name,
    /// Its value.
    pub(crate) value: OptionSyntax,
    /// Where the value stands.
    pub(crate) value_span: Option<Span>,
}

/// An option's value as written.
#[allow(clippy::large_enum_variant)] // a handful a file, read once: boxing would only cost words
#[derive(Clone, Debug)]
pub(crate) enum OptionSyntax {
    /// `'text'`
    Text(String),
    /// `5`, `-1`
    Number(String),
    /// `true`
    Boolean(bool),
    /// `interval '5 seconds'`
    Interval(Expr),
    /// `[a, b]`
    List(Vec<String>),
}
