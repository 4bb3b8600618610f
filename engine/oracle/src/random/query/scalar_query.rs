//! Queries in the place of a value: one for all rows, or one for each, by what it is equal in.

use super::super::expression::{aggregate, predicate};
use super::super::relation::{Column, Kind, Relation, of_kind};
use super::Generator;

impl Generator {
    /// Rows beside a single value, or compared with it.
    pub(super) fn scalar_query(&mut self, depth: usize) -> Relation {
        let (input, inner) = (self.relation(depth - 1), self.relation(self.shallower(depth)));
        let alias = self.name("q");
        let seen = input.seen_as(&alias);
        let (value, kind) = self.single_value(&inner, &seen);
        let (mut items, mut columns) = self.renamed(&seen);
        let compared = if kind.is_exact() { of_kind(&seen, kind) } else { Vec::new() };
        let mut filter = String::new();
        if compared.is_empty() || self.rng.chance(50) {
            let name = self.name("c");
            items.push(format!("{value} AS {name}"));
            columns.push(Column { name, kind });
        } else {
            let operator = *self.rng.pick(&["=", "<>", "<", "<=", ">", ">="]);
            filter = format!(" WHERE {} {operator} {value}", self.rng.pick(&compared).name);
        }
        let sql = format!("SELECT {} FROM ({}) AS {alias}{filter}", items.join(", "), input.sql);
        Relation { sql, columns, window: None, window_call: None, updating: true }
    }

    /// A query for an aggregate, of all rows or of those that are equal to the row outside in one column.
    fn single_value(&mut self, inner: &Relation, outside: &[Column]) -> (String, Kind) {
        let other = self.name("s");
        let seen = inner.seen_as(&other);
        let mut asked = Vec::new();
        if self.rng.chance(60) {
            let kind = *self.rng.pick(&[Kind::Int, Kind::Int, Kind::Text]);
            let (inside, outside) = (of_kind(&seen, kind), of_kind(outside, kind));
            if !inside.is_empty() && !outside.is_empty() {
                asked.push(format!("{} = {}", self.rng.pick(&inside).name, self.rng.pick(&outside).name));
            }
        }
        if self.rng.chance(30) {
            asked.push(predicate(&mut self.rng, &seen, 1));
        }
        let filter = if asked.is_empty() { String::new() } else { format!(" WHERE {}", asked.join(" AND ")) };
        let (call, kind) = aggregate(&mut self.rng, &seen);
        (format!("(SELECT {call} FROM ({}) AS {other}{filter})", inner.sql), kind)
    }
}
