//! SQL window functions: over the rows of a closed window, and over all rows of a key.

use super::super::relation::{Column, Kind, Relation, comparable, of_kind};
use super::Generator;

/// The ways to order by a column.
const DIRECTIONS: [&str; 4] = ["", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST"];

impl Generator {
    pub(super) fn window_ranking(&mut self, depth: usize) -> Relation {
        let input = self.windowed(depth - 1);
        let Some(window) = input.window.clone() else { return input };
        self.ranked(input, Some(&window))
    }

    pub(super) fn key_ranking(&mut self, depth: usize) -> Relation {
        let input = self.relation(depth - 1);
        self.ranked(input, None)
    }

    /// The rows with their place among those of the same window and key, and often only the first of them. The order
    /// is by every column that can be compared, so that rows of one place are equal where that shows.
    fn ranked(&mut self, input: Relation, window: Option<&str>) -> Relation {
        let (inner, outer, place) = (self.name("q"), self.name("q"), self.name("n"));
        let seen = input.seen_as(&inner);
        let mut partition: Vec<String> = window.map(|window| format!("{inner}.{window}")).into_iter().collect();
        let ints = of_kind(&seen, Kind::Int);
        if !ints.is_empty() && (window.is_none() || self.rng.chance(40)) {
            partition.push(self.rng.pick(&ints).name.clone());
        }
        let mut by = comparable(&seen);
        if by.is_empty() {
            return input;
        }
        // Rows that only differ in what they are not ordered by would be told apart by chance.
        let is_kept = |column: &&Column| {
            Some(column.name.as_str()) == window || (column.kind.is_exact() && column.kind != Kind::Window)
        };
        let mut columns: Vec<Column> = input.columns.iter().filter(is_kept).cloned().collect();
        let kept: Vec<String> = columns.iter().map(|column| format!("{inner}.{}", column.name)).collect();
        self.rng.shuffle(&mut by);
        let function = *self.rng.pick(&["ROW_NUMBER()", "ROW_NUMBER()", "RANK()", "DENSE_RANK()"]);
        if function != "ROW_NUMBER()" && self.rng.chance(60) {
            by.truncate(1);
        }
        let order: Vec<String> = by.iter().map(|column| format!("{}{}", column.name, self.direction())).collect();
        let over = match partition.is_empty() {
            true => format!("ORDER BY {}", order.join(", ")),
            false => format!("PARTITION BY {} ORDER BY {}", partition.join(", "), order.join(", ")),
        };
        let ranked =
            format!("SELECT {}, {function} OVER ({over}) AS {place} FROM ({}) AS {inner}", kept.join(", "), input.sql);
        let mut sql = format!("SELECT {outer}.* FROM ({ranked}) AS {outer}");
        if window.is_none() || self.rng.chance(80) {
            let bound = if self.rng.chance(30) { 1 } else { self.rng.between(2, 5) };
            sql += &format!(" WHERE {outer}.{place} <= {bound}");
        }
        columns.push(Column { name: place, kind: Kind::Int });
        let updating = input.updating || window.is_none();
        Relation { sql, columns, window: window.map(str::to_owned), window_call: input.window_call, updating }
    }

    pub(super) fn direction(&mut self) -> &'static str {
        DIRECTIONS[self.rng.below(DIRECTIONS.len())]
    }
}
