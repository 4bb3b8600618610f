//! Window tables and temporal joins: what is said of a table by its name.

use super::super::expression::predicate;
use super::super::feature::Feature;
use super::super::relation::{Column, Kind, Relation, of_kind};
use super::super::rows;
use super::Generator;

impl Generator {
    /// The rows of a table with their windows, or what they come to by window. The window is its end.
    pub(super) fn window_table(&mut self, _depth: usize) -> Relation {
        let (table, alias) = (self.table_name(), self.name("t"));
        let keys = self.session_keys();
        let (call, sessions) = self.window_table_call(table, &keys);
        let call = if self.rng.chance(50) { format!("TABLE({call})") } else { call };
        let seen: Vec<Column> = rows::columns()
            .into_iter()
            .map(|column| Column { name: format!("{alias}.{}", column.name), kind: column.kind })
            .collect();
        let (start, end) = (self.name("w"), self.name("w"));
        let mut items = vec![format!("{alias}.window_start AS {start}"), format!("window_end AS {end}")];
        let time = |name: &String| Column { name: name.clone(), kind: Kind::Time };
        let mut columns = vec![time(&start), time(&end)];
        let filter =
            if self.rng.chance(30) { format!(" WHERE {}", predicate(&mut self.rng, &seen, 1)) } else { String::new() };
        let grouped = self.rng.chance(60);
        let mut tail = filter;
        if grouped {
            let by = match sessions && self.rng.chance(70) {
                true => keys.iter().map(|key| seen_key(&seen, &alias, key)).collect(),
                false => self.keys(&seen),
            };
            let mut groups = vec![format!("{alias}.window_start"), format!("{alias}.window_end")];
            for key in by {
                let name = self.name("c");
                items.push(format!("{} AS {name}", key.name));
                columns.push(Column { name, kind: key.kind });
                groups.push(key.name);
            }
            self.aggregates(&seen, true, &mut items, &mut columns);
            tail += &format!(" GROUP BY {}", groups.join(", "));
            tail += &self.having(&seen);
        } else {
            let (renamed, seen) = self.renamed(&seen);
            items.extend(renamed);
            columns.extend(seen);
        }
        let sql = format!("SELECT {} FROM {call} AS {alias}{tail}", items.join(", "));
        Relation { sql, columns, window: Some(end), window_call: None, updating: false }
    }

    fn session_keys(&mut self) -> Vec<&'static str> {
        match self.rng.below(3) {
            0 => Vec::new(),
            1 => vec!["k"],
            _ => vec!["j", "s"],
        }
    }

    /// The call, and whether it is of sessions.
    fn window_table_call(&mut self, table: &str, keys: &[&str]) -> (String, bool) {
        let sessions = self.has(Feature::Sessions);
        let rng = &mut self.rng;
        let width = *rng.pick(&[1, 2, 5, 10, 30]);
        let of = format!("TABLE {table}, DESCRIPTOR(ts)");
        match rng.below(5) {
            0 | 1 => (format!("TUMBLE({of}, interval '{width} seconds')"), false),
            2 => {
                let slide = *rng.pick(&[1, 2, 5, 10]);
                let width = width.min(slide * 8);
                (format!("HOP({of}, interval '{slide} seconds', interval '{width} seconds')"), false)
            }
            3 if sessions => {
                let partition =
                    if keys.is_empty() { String::new() } else { format!(" PARTITION BY {}", keys.join(", ")) };
                let gap = *rng.pick(&[1, 2, 3, 5]);
                (format!("SESSION(TABLE {table}{partition}, DESCRIPTOR(ts), interval '{gap} seconds')"), true)
            }
            _ => {
                let step = *rng.pick(&[1, 2, 5]);
                let size = step * rng.between(1, 6);
                (format!("CUMULATE({of}, interval '{step} seconds', interval '{size} seconds')"), false)
            }
        }
    }

    /// Rows of a table with the versions of another that held at their time.
    pub(super) fn temporal_join(&mut self, _depth: usize) -> Relation {
        let left = self.table(0);
        let (versions, a, b) = (self.table_name(), self.name("l"), self.name("r"));
        let Some(time) = of_kind(&left.columns, Kind::Time).first().map(|column| column.name.clone()) else {
            return left;
        };
        let seen_left = left.seen_as(&a);
        let seen_right: Vec<Column> = rows::columns()
            .into_iter()
            .map(|column| Column { name: format!("{b}.{}", column.name), kind: column.kind })
            .collect();
        let mut on = self.equal_columns(&seen_left, &seen_right);
        let both: Vec<Column> = seen_left.iter().chain(&seen_right).cloned().collect();
        if self.rng.chance(30) {
            on.push(predicate(&mut self.rng, &both, 1));
        }
        let kind = *self.rng.pick(&["JOIN", "LEFT JOIN"]);
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for column in &both {
            if self.rng.chance(30) {
                continue;
            }
            let name = self.name("c");
            items.push(format!("{} AS {name}", column.name));
            columns.push(Column { name, kind: column.kind });
        }
        if items.is_empty() {
            return left;
        }
        let sql = format!(
            "SELECT {} FROM ({}) AS {a} {kind} {versions} FOR SYSTEM_TIME AS OF {a}.{time} AS {b} ON {}",
            items.join(", "),
            left.sql,
            on.join(" AND ")
        );
        Relation { sql, columns, window: None, window_call: None, updating: false }
    }
}

fn seen_key(seen: &[Column], alias: &str, key: &str) -> Column {
    let name = format!("{alias}.{key}");
    let kind = seen.iter().find(|column| column.name == name).map_or(Kind::Int, |column| column.kind);
    Column { name, kind }
}
