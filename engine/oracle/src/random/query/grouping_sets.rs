//! `GROUPING SETS`, `ROLLUP` and `CUBE`: of all rows, and of those of a window.

use super::super::relation::{Column, Kind, Relation, comparable};
use super::Generator;

impl Generator {
    pub(super) fn grouping_sets(&mut self, depth: usize) -> Relation {
        let input = self.relation(depth - 1);
        self.grouped_by_sets(input, None)
    }

    /// The window is in every set. It is none of sessions: batch finds those by the keys beside them, and each set has
    /// others.
    pub(super) fn window_grouping_sets(&mut self, depth: usize) -> Relation {
        let (call, input) = (self.window_call(), self.raw(depth));
        match call.starts_with("session") {
            true => self.windowed_by(&call, input),
            false => self.grouped_by_sets(input, Some(&call)),
        }
    }

    fn grouped_by_sets(&mut self, input: Relation, window: Option<&str>) -> Relation {
        let alias = self.name("q");
        let seen = input.seen_as(&alias);
        let mut keys: Vec<Column> = comparable(&seen).into_iter().filter(|key| key.kind != Kind::Time).collect();
        self.rng.shuffle(&mut keys);
        keys.truncate(1 + self.rng.below(3));
        if keys.is_empty() {
            return input;
        }
        let (mut items, mut columns, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(call) = window {
            let name = self.name("w");
            items.push(format!("{call} AS {name}"));
            columns.push(Column { name, kind: Kind::Window });
            groups.push(call.to_owned());
        }
        for key in &keys {
            let name = self.name("c");
            items.push(format!("{} AS {name}", key.name));
            columns.push(Column { name, kind: key.kind });
        }
        if self.rng.chance(30) {
            let (key, name) = (self.rng.pick(&keys).name.clone(), self.name("c"));
            items.push(format!("CAST(grouping({key}) AS BIGINT) AS {name}"));
            columns.push(Column { name, kind: Kind::Int });
        }
        self.aggregates(&seen, true, &mut items, &mut columns);
        groups.push(self.sets(&keys));
        let mut sql =
            format!("SELECT {} FROM ({}) AS {alias} GROUP BY {}", items.join(", "), input.sql, groups.join(", "));
        sql += &self.having(&seen);
        Relation { sql, columns, window: None, window_call: None, updating: window.is_none() }
    }

    /// Sets of the keys, in which each of them is at least once.
    fn sets(&mut self, keys: &[Column]) -> String {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        match self.rng.below(3) {
            0 => return format!("ROLLUP ({})", names.join(", ")),
            1 => return format!("CUBE ({})", names.join(", ")),
            _ => {}
        }
        let all = (1_usize << keys.len()) - 1;
        let mut chosen: Vec<usize> = (0..=all).collect();
        self.rng.shuffle(&mut chosen);
        chosen.truncate(1 + self.rng.below(3));
        let missing = all & !chosen.iter().fold(0_usize, |covered, set| covered | *set);
        if missing != 0 {
            chosen.push(missing);
        }
        let set = |set: &usize| {
            let members = names.iter().enumerate().filter(|(index, _)| *set & (1_usize << *index) != 0);
            format!("({})", members.map(|(_, name)| *name).collect::<Vec<_>>().join(", "))
        };
        format!("GROUPING SETS ({})", chosen.iter().map(set).collect::<Vec<_>>().join(", "))
    }
}
