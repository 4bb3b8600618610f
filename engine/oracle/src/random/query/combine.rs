//! Several relations in one: unions, joins, set operations and queries inside conditions.

use super::super::expression::predicate;
use super::super::feature::Feature;
use super::super::relation::{Column, Kind, Relation, comparable, of_kind};
use super::{Generator, Shape};

impl Generator {
    pub(super) fn union_all(&mut self, depth: usize) -> Relation {
        self.union_of(depth - 1, Self::raw)
    }

    /// Two relations of the same make, or the same columns of two, put together.
    pub(super) fn union_of(&mut self, depth: usize, make: Shape) -> Relation {
        let (left, right) = (make(self, depth), make(self, depth));
        let Some((left, right)) = self.same_kinds(&left, &right) else { return left };
        let distinct = self.has(Feature::Distinct) && self.rng.chance(25);
        let operator = if distinct { "UNION" } else { "UNION ALL" };
        let updating = left.updating || right.updating || distinct;
        Relation { sql: format!("{} {operator} {}", left.sql, right.sql), updating, ..left }
    }

    pub(super) fn set_operation(&mut self, depth: usize) -> Relation {
        let (left, right) = (self.relation(depth - 1), self.raw(0));
        let Some((left, right)) = self.same_kinds(&left, &right) else { return left };
        let operator = *self.rng.pick(&["INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"]);
        Relation { sql: format!("{} {operator} {}", left.sql, right.sql), updating: true, window: None, ..left }
    }

    /// One to three columns of both with the same kinds; none are floating point, which is not compared.
    fn same_kinds(&mut self, left: &Relation, right: &Relation) -> Option<(Relation, Relation)> {
        let mut wanted = comparable(&left.columns);
        self.rng.shuffle(&mut wanted);
        let mut right_columns = comparable(&right.columns);
        self.rng.shuffle(&mut right_columns);
        let mut pairs: Vec<(Column, Column)> = Vec::new();
        for column in wanted {
            let other = right_columns.iter().position(|other| other.kind == column.kind);
            if let Some(other) = other.filter(|_| pairs.len() < 3) {
                pairs.push((column, right_columns.swap_remove(other)));
            }
        }
        let (lefts, rights): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        if lefts.is_empty() {
            return None;
        }
        let names: Vec<String> = lefts.iter().map(|_| self.name("c")).collect();
        Some((self.only(left, &lefts, &names), self.only(right, &rights, &names)))
    }

    fn only(&mut self, relation: &Relation, columns: &[Column], names: &[String]) -> Relation {
        let alias = self.name("q");
        let item = |(column, name): (&Column, &String)| format!("{alias}.{} AS {name}", column.name);
        let items: Vec<String> = columns.iter().zip(names).map(item).collect();
        let named = columns.iter().zip(names);
        Relation {
            sql: format!("SELECT {} FROM ({}) AS {alias}", items.join(", "), relation.sql),
            columns: named.map(|(column, name)| Column { name: name.clone(), kind: column.kind }).collect(),
            window: None,
            window_call: None,
            updating: relation.updating,
        }
    }

    pub(super) fn join(&mut self, depth: usize) -> Relation {
        let (left, right) = (self.relation(depth - 1), self.relation(self.shallower(depth)));
        self.join_of(&left, &right, &[], None)
    }

    /// The other side of a join is no deeper than it has to be: rows multiply.
    pub(super) fn shallower(&self, depth: usize) -> usize {
        depth.saturating_sub(2)
    }

    /// Both sides with the columns that they are equal in, and what else holds of a pair.
    fn join_of(
        &mut self,
        left: &Relation,
        right: &Relation,
        extra: &[String],
        window: Option<(&str, &str)>,
    ) -> Relation {
        let (a, b) = (self.name("l"), self.name("r"));
        let (seen_left, seen_right) = (left.seen_as(&a), right.seen_as(&b));
        let mut on: Vec<String> = extra.iter().map(|text| text.replace("{a}", &a).replace("{b}", &b)).collect();
        on.extend(window.map(|(of_left, of_right)| format!("{a}.{of_left} = {b}.{of_right}")));
        on.extend(self.equal_columns(&seen_left, &seen_right));
        let both: Vec<Column> = seen_left.iter().chain(&seen_right).cloned().collect();
        if self.rng.chance(25) {
            on.push(predicate(&mut self.rng, &both, 1));
        }
        let kinds: &[&str] = if self.has(Feature::OuterJoins) {
            &["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
        } else {
            &["JOIN"]
        };
        let kind = *self.rng.pick(kinds);
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        for column in &both {
            if columns.len() > 8 && self.rng.chance(60) {
                continue;
            }
            let name = self.name("c");
            items.push(format!("{} AS {name}", column.name));
            columns.push(Column { name, kind: column.kind });
        }
        let sql = format!(
            "SELECT {} FROM ({}) AS {a} {kind} ({}) AS {b} ON {}",
            items.join(", "),
            left.sql,
            right.sql,
            on.join(" AND ")
        );
        let updating = left.updating || right.updating || (kind != "JOIN" && window.is_none());
        Relation { sql, columns, window: None, window_call: None, updating }
    }

    /// `a.k = b.k` for one column, sometimes two.
    pub(super) fn equal_columns(&mut self, left: &[Column], right: &[Column]) -> Vec<String> {
        let mut equal = Vec::new();
        for _ in 0..1 + usize::from(self.rng.chance(20)) {
            let kind = *self.rng.pick(&[Kind::Int, Kind::Int, Kind::Int, Kind::Text]);
            let (of_left, of_right) = (of_kind(left, kind), of_kind(right, kind));
            if !of_left.is_empty() && !of_right.is_empty() {
                equal.push(format!("{} = {}", self.rng.pick(&of_left).name, self.rng.pick(&of_right).name));
            }
        }
        if equal.is_empty() { vec!["1 = 1".to_owned()] } else { equal }
    }

    /// Both sides in the same windows.
    pub(super) fn window_join(&mut self, _depth: usize) -> Relation {
        let call = self.window_call();
        let (left, right) = (self.table(0), self.table(0));
        let (left, right) = (self.windowed_by(&call, left), self.windowed_by(&call, right));
        match (&left.window, &right.window) {
            (Some(a), Some(b)) => self.join_of(&left, &right, &[], Some((a, b))),
            _ => left,
        }
    }

    /// Rows of two tables that are near each other in time.
    pub(super) fn interval_join(&mut self, _depth: usize) -> Relation {
        let (left, right) = (self.table(0), self.table(0));
        let time = |relation: &Relation| of_kind(&relation.columns, Kind::Time).first().map(|c| c.name.clone());
        let (Some(of_left), Some(of_right)) = (time(&left), time(&right)) else { return left };
        let (before, after) = (self.rng.between(0, 10), self.rng.between(0, 10));
        let near = format!(
            "{{a}}.{of_left} BETWEEN {{b}}.{of_right} - interval '{before} seconds' \
             AND {{b}}.{of_right} + interval '{after} seconds'"
        );
        self.join_of(&left, &right, &[near], None)
    }

    /// Rows for which there are others, or are none.
    pub(super) fn filtered_by_query(&mut self, depth: usize) -> Relation {
        let (input, inner) = (self.relation(depth - 1), self.relation(self.shallower(depth)));
        let (alias, other) = (self.name("q"), self.name("s"));
        let (seen, seen_inner) = (input.seen_as(&alias), inner.seen_as(&other));
        let kind = *self.rng.pick(&[Kind::Int, Kind::Int, Kind::Text]);
        let (of_outer, of_inner) = (of_kind(&seen, kind), of_kind(&seen_inner, kind));
        if of_outer.is_empty() || of_inner.is_empty() {
            return input;
        }
        let (outer_column, inner_column) =
            (self.rng.pick(&of_outer).name.clone(), self.rng.pick(&of_inner).name.clone());
        let not = if self.rng.chance(50) { "NOT " } else { "" };
        let filter = if self.rng.chance(40) { predicate(&mut self.rng, &seen_inner, 1) } else { "true".to_owned() };
        let condition = if self.rng.chance(50) {
            format!(
                "{not}EXISTS (SELECT 1 FROM ({}) AS {other} WHERE {inner_column} = {outer_column} AND {filter})",
                inner.sql
            )
        } else {
            // NOT IN is never true once there is a null among the values, which is an answer by itself.
            let known = if self.rng.chance(70) { format!("{inner_column} IS NOT NULL AND ") } else { String::new() };
            format!(
                "{outer_column} {not}IN (SELECT {inner_column} FROM ({}) AS {other} WHERE {known}{filter})",
                inner.sql
            )
        };
        let (items, columns) = self.renamed(&seen);
        let sql = format!("SELECT {} FROM ({}) AS {alias} WHERE {condition}", items.join(", "), input.sql);
        Relation { sql, columns, window: None, window_call: None, updating: true }
    }
}
