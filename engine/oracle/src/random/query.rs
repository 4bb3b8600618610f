//! Made-up queries: relations over relations, as deep as there is room. What a relation allows (a window over raw rows
//! only, a ranking by an order without ties) is kept to, so that most queries can be planned and each has one answer.

use super::expression::{aggregate, predicate, scalar};
use super::feature::Feature;
use super::relation::{Column, Kind, Relation, comparable, of_kind};
use super::rows;
use crate::rng::Rng;
use memory_table::MemoryTable;

mod combine;
mod grouping_sets;
mod json;
mod memory_table;
mod order_limit;
mod ranking;
mod scalar_query;
mod table_function;
mod unnest;
mod window_function;

/// Makes queries up.
pub(super) struct Generator {
    rng: Rng,
    features: Vec<Feature>,
    names: usize,
    memory: Vec<MemoryTable>,
}

/// One way to make a relation.
type Shape = fn(&mut Generator, usize) -> Relation;

/// What a relation can be, with the feature that it needs and how often it is chosen.
static SHAPES: [(Option<Feature>, usize, Shape); 19] = [
    (None, 1, Generator::derived),
    (Some(Feature::Windows), 4, Generator::windowed),
    (Some(Feature::Windows), 1, Generator::window_again),
    (Some(Feature::WindowRanking), 2, Generator::window_ranking),
    (Some(Feature::UnionAll), 2, Generator::union_all),
    (Some(Feature::Aggregates), 4, Generator::aggregated),
    (Some(Feature::Joins), 4, Generator::join),
    (Some(Feature::Subqueries), 2, Generator::filtered_by_query),
    (Some(Feature::WindowJoins), 2, Generator::window_join),
    (Some(Feature::IntervalJoins), 2, Generator::interval_join),
    (Some(Feature::KeyRanking), 2, Generator::key_ranking),
    (Some(Feature::SetOperations), 1, Generator::set_operation),
    (Some(Feature::WindowTables), 3, Generator::window_table),
    (Some(Feature::TemporalJoins), 2, Generator::temporal_join),
    (Some(Feature::GroupingSets), 2, Generator::grouping_sets),
    (Some(Feature::GroupingSets), 1, Generator::window_grouping_sets),
    (Some(Feature::ScalarQueries), 2, Generator::scalar_query),
    (Some(Feature::WindowFunctions), 2, Generator::window_functions),
    (Some(Feature::MemoryTables), 2, Generator::memory_table),
];

impl Generator {
    pub(super) fn new(rng: Rng, features: &[Feature]) -> Self {
        Generator { rng, features: features.to_vec(), names: 0, memory: Vec::new() }
    }

    /// The statements of a case: a select, whose windows are shown as they are or by their bounds, and when it gives its
    /// results; before it the memory tables that it reads.
    pub(super) fn query(&mut self) -> String {
        let depth = 1 + self.rng.below(3);
        let relation = self.relation(depth);
        if self.has(Feature::OrderLimit) && self.rng.chance(15) {
            let select = self.first_rows(relation);
            return self.with_memory_tables(select);
        }
        let emit = self.emit(relation.updating);
        let select = format!("{}{emit}", self.shown(relation));
        self.with_memory_tables(select)
    }

    fn emit(&mut self, updating: bool) -> &'static str {
        if !self.has(Feature::Emit) || self.rng.chance(60) {
            return "";
        }
        match self.rng.below(3) {
            0 if !updating => " EMIT ON WINDOW CLOSE",
            1 => " EMIT CHANGES EVERY interval '2 milliseconds'",
            _ => " EMIT CHANGES",
        }
    }

    fn shown(&mut self, relation: Relation) -> String {
        let windows = of_kind(&relation.columns, Kind::Window);
        if windows.is_empty() || self.rng.chance(50) {
            return relation.sql;
        }
        let alias = self.name("q");
        let mut shown = Vec::new();
        for column in relation.seen_as(&alias) {
            match column.kind {
                Kind::Window => {
                    shown.push(format!("{0}['start'] AS f{1}, {0}['end'] AS t{1}", column.name, shown.len()))
                }
                _ => shown.push(column.name),
            }
        }
        format!("SELECT {} FROM ({}) AS {alias}", shown.join(", "), relation.sql)
    }

    /// A relation made of at most so many others on top of each other.
    fn relation(&mut self, depth: usize) -> Relation {
        if depth == 0 {
            return self.raw(0);
        }
        let allowed: Vec<_> = SHAPES.iter().filter(|(needs, ..)| needs.is_none_or(|f| self.has(f))).collect();
        let total: usize = allowed.iter().map(|(_, weight, _)| weight).sum();
        let mut left = self.rng.below(total);
        for (_, weight, shape) in allowed {
            if left < *weight {
                return shape(self, depth);
            }
            left -= weight;
        }
        self.raw(depth)
    }

    fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// A name that is nowhere else.
    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// Every column under a new name, as it is selected and as it is seen from outside.
    fn renamed(&mut self, seen: &[Column]) -> (Vec<String>, Vec<Column>) {
        let renamed = seen.iter().map(|column| {
            let name = self.name("c");
            (format!("{} AS {name}", column.name), Column { name, kind: column.kind })
        });
        renamed.unzip()
    }

    /// Rows with their own event times: a table, filtered and projected, or several of them.
    fn raw(&mut self, depth: usize) -> Relation {
        if depth > 0 && self.has(Feature::UnionAll) && self.rng.chance(15) {
            return self.union_of(depth, Self::table);
        }
        self.table(depth)
    }

    /// The name of a table of plain rows, sometimes of one whose rows can be taken back.
    fn table_name(&mut self) -> &'static str {
        if self.has(Feature::Changelogs) && self.rng.chance(20) {
            return rows::CHANGES;
        }
        rows::TABLES[self.rng.below(rows::TABLES.len())]
    }

    fn table(&mut self, _depth: usize) -> Relation {
        if self.has(Feature::Unnest) && self.rng.chance(8) {
            return self.unnested();
        }
        if self.has(Feature::Json) && self.rng.chance(8) {
            return self.out_of_json();
        }
        let (table, alias) = (self.table_name(), self.name("t"));
        let all: Vec<Column> = rows::columns()
            .into_iter()
            .map(|column| Column { name: format!("{alias}.{}", column.name), kind: column.kind })
            .collect();
        let (items, columns) = self.renamed(&all);
        let mut sql = format!("SELECT {} FROM {table} AS {alias}", items.join(", "));
        if self.rng.chance(40) {
            sql += &format!(" WHERE {}", predicate(&mut self.rng, &all, 1));
        }
        Relation { sql, columns, window: None, window_call: None, updating: table == rows::CHANGES }
    }

    /// Another relation, filtered and with expressions for columns.
    fn derived(&mut self, depth: usize) -> Relation {
        let input = self.relation(depth - 1);
        let alias = self.name("q");
        let seen = input.seen_as(&alias);
        let mut items = Vec::new();
        let mut columns = Vec::new();
        let mut window = None;
        for (column, old) in seen.iter().zip(&input.columns) {
            let name = self.name("c");
            let is_window = input.window.as_deref() == Some(old.name.as_str());
            if is_window {
                window = Some(name.clone());
            } else if self.rng.chance(25) {
                continue;
            }
            let simple = is_window || column.kind == Kind::Window || self.rng.chance(60);
            let expr = if simple { column.name.clone() } else { scalar(&mut self.rng, &seen, column.kind, 2) };
            items.push(format!("{expr} AS {name}"));
            columns.push(Column { name, kind: column.kind });
        }
        if items.is_empty() {
            return input;
        }
        let distinct = window.is_none() && self.has(Feature::Distinct) && self.rng.chance(25);
        let mut sql = format!(
            "SELECT {}{} FROM ({}) AS {alias}",
            if distinct { "DISTINCT " } else { "" },
            items.join(", "),
            input.sql
        );
        if self.rng.chance(50) {
            sql += &format!(" WHERE {}", predicate(&mut self.rng, &seen, 2));
        }
        Relation { sql, columns, window, window_call: input.window_call, updating: input.updating || distinct }
    }

    /// A window over raw rows.
    fn windowed(&mut self, depth: usize) -> Relation {
        if self.has(Feature::WindowTables) && self.rng.chance(20) {
            return self.window_table(depth);
        }
        let call = self.window_call();
        let input = self.raw(depth);
        self.windowed_by(&call, input)
    }

    fn windowed_by(&mut self, call: &str, input: Relation) -> Relation {
        let (alias, window) = (self.name("q"), self.name("w"));
        let seen = input.seen_as(&alias);
        let mut items = vec![format!("{call} AS {window}")];
        let mut columns = vec![Column { name: window.clone(), kind: Kind::Window }];
        let keys = self.keys(&seen);
        for key in &keys {
            let name = self.name("c");
            items.push(format!("{} AS {name}", key.name));
            columns.push(Column { name, kind: key.kind });
        }
        self.aggregates(&seen, keys.is_empty(), &mut items, &mut columns);
        let groups: Vec<String> =
            std::iter::once(call.to_owned()).chain(keys.into_iter().map(|key| key.name)).collect();
        let mut sql =
            format!("SELECT {} FROM ({}) AS {alias} GROUP BY {}", items.join(", "), input.sql, groups.join(", "));
        sql += &self.having(&seen);
        Relation { sql, columns, window: Some(window), window_call: Some(call.to_owned()), updating: false }
    }

    fn window_call(&mut self) -> String {
        let rng = &mut self.rng;
        let seconds = [1, 2, 5, 7, 10, 30, 60];
        let width = *rng.pick(&seconds);
        let sessions = self.features.contains(&Feature::Sessions);
        match rng.below(if self.features.contains(&Feature::Cumulate) { 5 } else { 4 }) {
            0 | 1 => format!("tumble(interval '{width} seconds'{})", offset(rng)),
            2 => {
                let slide = *rng.pick(&seconds);
                // A hop of many windows a row is slow without being new.
                let width = width.min(slide * 8);
                format!("hop(interval '{slide} seconds', interval '{width} seconds'{})", offset(rng))
            }
            3 if sessions => format!("session(interval '{} seconds')", rng.pick(&[1, 2, 3, 5, 10])),
            3 => format!("tumble(interval '{width} seconds')"),
            _ => {
                let step = *rng.pick(&[1, 2, 5]);
                let size = step * rng.between(1, 6);
                format!("cumulate(interval '{step} seconds', interval '{size} seconds'{})", offset(rng))
            }
        }
    }

    /// None to two columns to group by.
    fn keys(&mut self, columns: &[Column]) -> Vec<Column> {
        let mut known: Vec<Column> = comparable(columns).into_iter().filter(|c| c.kind != Kind::Time).collect();
        self.rng.shuffle(&mut known);
        known.truncate(*self.rng.pick(&[0, 1, 1, 1, 2]));
        for key in &mut known {
            if self.rng.chance(10) {
                key.name = scalar(&mut self.rng, columns, key.kind, 1);
            }
        }
        // The same expression twice, or a constant, is one column less and says nothing.
        known.retain(|key| columns.iter().any(|column| key.name.contains(&column.name)));
        known.dedup_by(|a, b| a.name == b.name);
        known
    }

    /// One to three aggregates; none may be enough where there is a key.
    fn aggregates(&mut self, seen: &[Column], needed: bool, items: &mut Vec<String>, columns: &mut Vec<Column>) {
        let count = self.rng.below(4).max(usize::from(needed));
        for _ in 0..count {
            let name = self.name("c");
            let (call, kind) = aggregate(&mut self.rng, seen);
            items.push(format!("{call} AS {name}"));
            columns.push(Column { name, kind });
        }
    }

    fn having(&mut self, seen: &[Column]) -> String {
        if !self.rng.chance(20) {
            return String::new();
        }
        let column = self.rng.pick(seen).name.clone();
        let condition = match self.rng.below(3) {
            0 => "count(*) > 1".to_owned(),
            1 => format!("count({column}) > 0"),
            _ => format!("count(*) < {}", self.rng.between(2, 12)),
        };
        format!(" HAVING {condition}")
    }

    /// Windowed rows grouped by their window again.
    fn window_again(&mut self, depth: usize) -> Relation {
        let input = self.windowed(depth - 1);
        let Some(window) = input.window.clone() else { return input };
        let (alias, name) = (self.name("q"), self.name("w"));
        let seen = input.seen_as(&alias);
        let mut items = vec![format!("{alias}.{window} AS {name}")];
        let kind = input.columns.iter().find(|column| column.name == window).map_or(Kind::Window, |column| column.kind);
        let mut columns = vec![Column { name: name.clone(), kind }];
        self.aggregates(&seen, true, &mut items, &mut columns);
        let sql = format!("SELECT {} FROM ({}) AS {alias} GROUP BY {alias}.{window}", items.join(", "), input.sql);
        Relation { sql, columns, window: Some(name), window_call: input.window_call, updating: false }
    }

    /// GROUP BY without a window, or aggregates over everything.
    fn aggregated(&mut self, depth: usize) -> Relation {
        let input = self.relation(depth - 1);
        let alias = self.name("q");
        let seen = input.seen_as(&alias);
        let keys = self.keys(&seen);
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for key in &keys {
            let name = self.name("c");
            items.push(format!("{} AS {name}", key.name));
            columns.push(Column { name, kind: key.kind });
        }
        self.aggregates(&seen, keys.is_empty(), &mut items, &mut columns);
        let mut sql = format!("SELECT {} FROM ({}) AS {alias}", items.join(", "), input.sql);
        if !keys.is_empty() {
            let names: Vec<String> = keys.into_iter().map(|key| key.name).collect();
            sql += &format!(" GROUP BY {}", names.join(", "));
            sql += &self.having(&seen);
        }
        Relation { sql, columns, window: None, window_call: None, updating: true }
    }
}

/// The length that shifts windows, now and then.
fn offset(rng: &mut Rng) -> String {
    if rng.chance(80) { String::new() } else { format!(", interval '{} seconds'", rng.between(1, 9)) }
}
