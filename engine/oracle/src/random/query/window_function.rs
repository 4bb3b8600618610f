//! SQL window functions other than rankings over the rows of a closed window: neighbours, shares, and aggregates over
//! frames of rows.

use super::super::relation::{Column, Kind, Relation, comparable, of_kind};
use super::Generator;

impl Generator {
    /// The rows of a window with values that their order gives. The order is by every column that is kept but the window,
    /// so that rows of one place are equal and it does not matter which comes first.
    pub(super) fn window_functions(&mut self, depth: usize) -> Relation {
        let input = self.windowed(depth - 1);
        let Some(window) = input.window.clone() else { return input };
        let alias = self.name("q");
        let seen = input.seen_as(&alias);
        let mut by = comparable(&seen);
        if by.is_empty() {
            return input;
        }
        let is_kept = |column: &&Column| column.name == window || !comparable(&[(*column).clone()]).is_empty();
        let mut columns: Vec<Column> = input.columns.iter().filter(is_kept).cloned().collect();
        let mut items: Vec<String> = columns.iter().map(|column| format!("{alias}.{}", column.name)).collect();
        let mut partition = vec![format!("{alias}.{window}")];
        let ints = of_kind(&seen, Kind::Int);
        if !ints.is_empty() && self.rng.chance(40) {
            partition.push(self.rng.pick(&ints).name.clone());
        }
        let partition = partition.join(", ");
        // In one order for all: which of two equal rows is first in another would be anybody's guess.
        self.rng.shuffle(&mut by);
        let directed: Vec<String> = by.iter().map(|column| format!("{}{}", column.name, self.direction())).collect();
        let order = directed.join(", ");
        for _ in 0..1 + self.rng.below(3) {
            let name = self.name("n");
            let (function, kind) = self.window_function(&by, &format!("PARTITION BY {partition} ORDER BY {order}"));
            items.push(format!("{function} AS {name}"));
            columns.push(Column { name, kind });
        }
        let sql = format!("SELECT {} FROM ({}) AS {alias}", items.join(", "), input.sql);
        Relation { sql, columns, window: Some(window), window_call: input.window_call, updating: false }
    }

    /// A function over rows in this order, and the kind of its value.
    fn window_function(&mut self, known: &[Column], order: &str) -> (String, Kind) {
        let Column { name, kind } = self.rng.pick(known).clone();
        let (places, frame) = (self.rng.between(1, 3), self.frame());
        let ints = of_kind(known, Kind::Int);
        let number = if ints.is_empty() { "1".to_owned() } else { self.rng.pick(&ints).name.clone() };
        let neighbour = *self.rng.pick(&["lag", "lead"]);
        match self.rng.below(9) {
            0 | 1 => (format!("{neighbour}({name}, {places}) OVER ({order})"), kind),
            2 => (format!("{neighbour}({number}, {places}, 0) OVER ({order})"), Kind::Int),
            3 => (format!("CAST(ntile({places}) OVER ({order}) AS BIGINT)"), Kind::Int),
            4 => (format!("first_value({name}) OVER ({order}{frame})"), kind),
            5 => (format!("last_value({name}) OVER ({order}{frame})"), kind),
            6 => (format!("nth_value({name}, {places}) OVER ({order}{frame})"), kind),
            7 => (format!("count({name}) OVER ({order}{frame})"), Kind::Int),
            _ => (format!("sum({number}) OVER ({order}{frame})"), Kind::Int),
        }
    }

    /// The rows around a row that a function reads; without a frame those up to it.
    fn frame(&mut self) -> String {
        if self.rng.chance(20) {
            return String::new();
        }
        let (before, after) = (self.rng.between(0, 3), self.rng.between(0, 3));
        let bounds = match self.rng.below(6) {
            0 => "UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
            1 => "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned(),
            2 => "CURRENT ROW AND UNBOUNDED FOLLOWING".to_owned(),
            // It holds no row at the beginning of a partition.
            3 => format!("{} PRECEDING AND 1 PRECEDING", before + 1),
            _ => format!("{before} PRECEDING AND {after} FOLLOWING"),
        };
        format!(" ROWS BETWEEN {bounds}")
    }
}
