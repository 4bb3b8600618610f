//! A query while it is put together: its text, and what can be done with its rows.

/// What values a column holds, as far as queries have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers.
    Int,
    /// Text.
    Text,
    /// Floating point with few binary digits: sums of it are the same in any order.
    Exact,
    /// Other floating point: never compared, grouped or ordered by.
    Inexact,
    /// True or false.
    Bool,
    /// A point in time.
    Time,
    /// A window.
    Window,
}

impl Kind {
    /// Whether two evaluations give the same value to the last digit.
    pub(super) fn is_exact(self) -> bool {
        self != Kind::Inexact
    }
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name, or how it is written in expressions.
    pub(super) name: String,
    /// Its values.
    pub(super) kind: Kind,
}

/// A query with the columns that it gives.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The text of the SELECT.
    pub(super) sql: String,
    /// Its columns; names are unique in the whole file.
    pub(super) columns: Vec<Column>,
    /// The column of the window that its rows are the results of.
    pub(super) window: Option<String>,
    /// How that window was written.
    pub(super) window_call: Option<String>,
    /// Whether rows can be taken back.
    pub(super) updating: bool,
}

impl Relation {
    /// Its columns as another query names them, behind an alias.
    pub(super) fn seen_as(&self, alias: &str) -> Vec<Column> {
        let seen = |column: &Column| Column { name: format!("{alias}.{}", column.name), kind: column.kind };
        self.columns.iter().map(seen).collect()
    }
}

/// The columns of some kind.
pub(super) fn of_kind(columns: &[Column], kind: Kind) -> Vec<Column> {
    columns.iter().filter(|column| column.kind == kind).cloned().collect()
}

/// The columns by which rows can be compared, but for windows.
pub(super) fn comparable(columns: &[Column]) -> Vec<Column> {
    columns.iter().filter(|column| column.kind.is_exact() && column.kind != Kind::Window).cloned().collect()
}
