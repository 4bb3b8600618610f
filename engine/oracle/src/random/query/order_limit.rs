//! `ORDER BY … LIMIT` at the top, by a total order.

use super::super::relation::{Relation, comparable};
use super::Generator;

impl Generator {
    /// The first rows of a relation. They are ordered by all the columns that are shown, so that of two rows in the same
    /// place it does not matter which one is left out.
    pub(super) fn first_rows(&mut self, relation: Relation) -> String {
        let alias = self.name("q");
        let mut shown = comparable(&relation.seen_as(&alias));
        if shown.is_empty() {
            return relation.sql;
        }
        let items: Vec<String> = shown.iter().map(|column| column.name.clone()).collect();
        self.rng.shuffle(&mut shown);
        let order: Vec<String> = shown.iter().map(|column| format!("{}{}", column.name, self.direction())).collect();
        let mut sql =
            format!("SELECT {} FROM ({}) AS {alias} ORDER BY {}", items.join(", "), relation.sql, order.join(", "));
        if self.rng.chance(85) {
            sql += &format!(" LIMIT {}", self.rng.between(0, 12));
        }
        if self.rng.chance(25) {
            sql += &format!(" OFFSET {}", self.rng.between(0, 4));
        }
        sql
    }
}
