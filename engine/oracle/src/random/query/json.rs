//! JSON in text: what its operators, functions and casts find, as ordinary columns.

use super::super::expression::predicate;
use super::super::relation::{Column, Kind, Relation};
use super::super::rows::{NESTED, nested};
use super::Generator;

/// What is asked of the text `o`, and the kind of the answer. Numbers in it have few binary digits.
const ASKED: [(&str, Kind); 14] = [
    ("o ->> 'a'", Kind::Text),
    ("o -> 'b' ->> 'c'", Kind::Text),
    ("o ? 'a'", Kind::Bool),
    ("json_get_int(o, 'a')", Kind::Int),
    ("CAST(o -> 'a' AS BIGINT)", Kind::Int),
    ("json_get_int(o, 'l', 0)", Kind::Int),
    ("CAST(json_length(o) AS BIGINT)", Kind::Int),
    ("json_get_float(o, 'b', 'd')", Kind::Exact),
    ("json_get_str(o, 'b', 'c')", Kind::Text),
    ("json_as_text(o, 'l')", Kind::Text),
    ("json_get_bool(o, 'f')", Kind::Bool),
    ("json_contains(o, 'b', 'c')", Kind::Bool),
    ("extract_json_string(o, '$.b.c')", Kind::Text),
    ("extract_json_string(o, '$.l[-1]')", Kind::Text),
];

impl Generator {
    /// Rows with their own event times, and what their JSON says.
    pub(super) fn out_of_json(&mut self) -> Relation {
        let seen = nested::columns();
        let (mut items, mut columns) = self.renamed(&seen);
        let mut asked = ASKED.to_vec();
        self.rng.shuffle(&mut asked);
        asked.truncate(1 + self.rng.below(4));
        for (question, kind) in &asked {
            let name = self.name("c");
            items.push(format!("({question}) AS {name}"));
            columns.push(Column { name, kind: *kind });
        }
        let mut sql = format!("SELECT {} FROM {NESTED} AS {}", items.join(", "), self.name("t"));
        if self.rng.chance(30) {
            let asked = asked.iter().map(|(question, kind)| Column { name: format!("({question})"), kind: *kind });
            let all: Vec<Column> = seen.into_iter().chain(asked).collect();
            sql += &format!(" WHERE {}", predicate(&mut self.rng, &all, 1));
        }
        Relation { sql, columns, window: None, window_call: None, updating: false }
    }
}
