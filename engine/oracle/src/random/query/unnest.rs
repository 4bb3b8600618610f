//! `unnest`: a row for every element of a list.

use super::super::expression::predicate;
use super::super::feature::Feature;
use super::super::relation::{Column, Kind, Relation};
use super::super::rows::{NESTED, nested};
use super::Generator;

/// Lists, and what they are of.
const LISTS: [(&str, Kind); 2] = [("l", Kind::Int), ("t", Kind::Text)];
/// Lists out of JSON.
const JSON_LISTS: [(&str, Kind); 4] = [
    ("json_get_array(o, 'l')", Kind::Text),
    ("extract_json(o, '$.l[*]')", Kind::Text),
    ("extract_json(o, '$.b.c')", Kind::Text),
    ("json_object_keys(o)", Kind::Text),
];

impl Generator {
    /// Rows with their own event times, as often as their lists have elements; two lists stand side by side, the shorter
    /// one with nulls at its end.
    pub(super) fn unnested(&mut self) -> Relation {
        let seen = nested::columns();
        let (mut items, mut columns) = self.renamed(&seen);
        let mut lists = LISTS.to_vec();
        if self.has(Feature::Json) {
            lists.extend(JSON_LISTS);
        }
        self.rng.shuffle(&mut lists);
        lists.truncate(if self.rng.chance(25) { 2 } else { 1 });
        for (list, kind) in lists {
            let name = self.name("c");
            items.push(format!("unnest({list}) AS {name}"));
            columns.push(Column { name, kind });
        }
        let mut sql = format!("SELECT {} FROM {NESTED} AS {}", items.join(", "), self.name("t"));
        if self.rng.chance(30) {
            sql += &format!(" WHERE {}", predicate(&mut self.rng, &seen, 1));
        }
        Relation { sql, columns, window: None, window_call: None, updating: false }
    }
}
