//! Memory tables: written by one statement, read by those behind it.

use super::super::relation::{Column, Kind, Relation, comparable};
use super::Generator;

/// A table with its INSERT.
pub(super) struct MemoryTable {
    name: String,
    columns: Vec<Column>,
    updating: bool,
    statements: String,
}

impl Generator {
    /// The rows of a memory table; often one that another part of the query reads too.
    pub(super) fn memory_table(&mut self, depth: usize) -> Relation {
        if self.memory.is_empty() || self.rng.chance(60) {
            let input = self.relation(depth - 1);
            match self.written(&input) {
                Some(table) => self.memory.push(table),
                None => return input,
            }
        }
        let table = self.rng.pick(&self.memory);
        let (name, updating, all) = (table.name.clone(), table.updating, table.columns.clone());
        let alias = self.name("t");
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for column in all {
            let name = self.name("c");
            items.push(format!("{alias}.{} AS {name}", column.name));
            columns.push(Column { name, kind: column.kind });
        }
        let sql = format!("SELECT {} FROM {name} AS {alias}", items.join(", "));
        Relation { sql, columns, window: None, window_call: None, updating }
    }

    /// A table that gets the rows of a relation, if any of their columns can be declared.
    fn written(&mut self, input: &Relation) -> Option<MemoryTable> {
        let (alias, table) = (self.name("q"), self.name("m"));
        let (mut declared, mut items, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for column in comparable(&input.seen_as(&alias)) {
            let (name, data_type) = (self.name("c"), sql_type(column.kind)?);
            declared.push(format!("{name} {data_type}"));
            // A count of rows is a number that cannot be negative, which the table is not told.
            items.push(format!("CAST({} AS {data_type}) AS {name}", column.name));
            columns.push(Column { name, kind: column.kind });
        }
        if columns.is_empty() {
            return None;
        }
        let (declared, items) = (declared.join(", "), items.join(", "));
        let statements = format!(
            "CREATE TABLE {table} ({declared});\nINSERT INTO {table} SELECT {items} FROM ({}) AS {alias};\n",
            input.sql
        );
        Some(MemoryTable { name: table, columns, updating: input.updating, statements })
    }

    /// The statements of all memory tables that a select reads, and the select.
    pub(super) fn with_memory_tables(&self, select: String) -> String {
        // A table reads only those that were made before it.
        self.memory.iter().rev().fold(select, |statements, table| {
            match statements.contains(&format!("FROM {} ", table.name)) {
                true => format!("{}{statements}", table.statements),
                false => statements,
            }
        })
    }
}

/// The type by which such values are declared.
fn sql_type(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Int => Some("BIGINT"),
        Kind::Text => Some("TEXT"),
        Kind::Exact => Some("DOUBLE"),
        Kind::Bool => Some("BOOLEAN"),
        Kind::Time => Some("TIMESTAMP"),
        Kind::Inexact | Kind::Window => None,
    }
}
