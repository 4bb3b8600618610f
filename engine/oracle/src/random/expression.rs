//! Made-up expressions over the columns of a relation. None of them can fail: no division, no overflow, no cast that
//! refuses.

use super::relation::{Column, Kind, comparable, of_kind};
use crate::rng::Rng;

/// An expression of some kind; windows and inexact numbers are only ever columns.
pub(super) fn scalar(rng: &mut Rng, columns: &[Column], kind: Kind, depth: usize) -> String {
    let own = of_kind(columns, kind);
    if depth == 0 || matches!(kind, Kind::Time | Kind::Window | Kind::Inexact) || rng.chance(40) {
        return match own.is_empty() || (rng.chance(10) && kind != Kind::Window) {
            true => literal(rng, kind),
            false => rng.pick(&own).name.clone(),
        };
    }
    if kind != Kind::Bool && rng.chance(25) {
        let (when, a, b) = (
            predicate(rng, columns, depth - 1),
            scalar(rng, columns, kind, depth - 1),
            scalar(rng, columns, kind, depth - 1),
        );
        return if rng.chance(30) {
            format!("CASE WHEN {when} THEN {a} END")
        } else {
            format!("CASE WHEN {when} THEN {a} ELSE {b} END")
        };
    }
    let mut part = |kind| scalar(rng, columns, kind, depth - 1);
    match kind {
        Kind::Int => {
            let (a, b) = (part(Kind::Int), part(Kind::Int));
            match rng.below(6) {
                0 => format!("({a} + {b})"),
                1 => format!("({a} - {b})"),
                2 => format!("({a} * 2)"),
                3 => format!("coalesce({a}, {b}, 0)"),
                4 => format!("abs({a})"),
                _ => format!("nullif({a}, {b})"),
            }
        }
        Kind::Exact => {
            let (a, b) = (part(Kind::Exact), part(Kind::Int));
            match rng.below(3) {
                0 => format!("({a} + {b})"),
                1 => format!("coalesce({a}, 0.5)"),
                _ => format!("(0 - {a})"),
            }
        }
        Kind::Text => {
            let (a, b) = (part(Kind::Text), part(Kind::Text));
            match rng.below(3) {
                0 => format!("({a} || {b})"),
                1 => format!("upper({a})"),
                _ => format!("coalesce({a}, 'none')"),
            }
        }
        _ => predicate(rng, columns, depth - 1),
    }
}

fn literal(rng: &mut Rng, kind: Kind) -> String {
    match kind {
        Kind::Int => rng.between(-3, 12).to_string(),
        Kind::Exact | Kind::Inexact => format!("CAST({:?} AS DOUBLE)", rng.between(-8, 8) as f64 / 4.0),
        Kind::Text => (*rng.pick(&["''", "'a'", "'ab'", "'z'"])).to_owned(),
        Kind::Bool => (*rng.pick(&["true", "false"])).to_owned(),
        Kind::Time | Kind::Window => {
            format!("CAST('2024-01-01T00:{:02}:{:02}' AS TIMESTAMP)", rng.below(5), rng.below(60))
        }
    }
}

/// A condition.
pub(super) fn predicate(rng: &mut Rng, columns: &[Column], depth: usize) -> String {
    if depth > 0 && rng.chance(30) {
        let (a, b) = (predicate(rng, columns, depth - 1), predicate(rng, columns, depth - 1));
        return match rng.below(3) {
            0 => format!("({a} AND {b})"),
            1 => format!("({a} OR {b})"),
            _ => format!("NOT ({a})"),
        };
    }
    let known = comparable(columns);
    if known.is_empty() {
        return (*rng.pick(&["true", "1 > 0", "false"])).to_owned();
    }
    let column = rng.pick(&known).clone();
    if rng.chance(15) {
        return format!("{} IS {}NULL", column.name, if rng.chance(50) { "NOT " } else { "" });
    }
    match column.kind {
        Kind::Bool => column.name,
        Kind::Text if rng.chance(30) => format!("{} LIKE '%a%'", column.name),
        Kind::Int if rng.chance(20) => format!("{} IN (1, 2, 3, {})", column.name, rng.between(4, 9)),
        Kind::Int if rng.chance(20) => {
            format!("{} BETWEEN {} AND {}", column.name, rng.between(-3, 3), rng.between(3, 15))
        }
        kind => {
            let operator = *rng.pick(&["=", "<>", "<", "<=", ">", ">="]);
            let other = scalar(rng, columns, kind, depth.min(1));
            format!("{} {operator} {other}", column.name)
        }
    }
}

/// An aggregate, and the kind of its value.
pub(super) fn aggregate(rng: &mut Rng, columns: &[Column]) -> (String, Kind) {
    let (call, kind) = unfiltered(rng, columns);
    if rng.chance(20) {
        return (format!("{call} FILTER (WHERE {})", predicate(rng, columns, 1)), kind);
    }
    (call, kind)
}

fn unfiltered(rng: &mut Rng, columns: &[Column]) -> (String, Kind) {
    let known = comparable(columns);
    if known.is_empty() || rng.chance(25) {
        return ("count(*)".to_owned(), Kind::Int);
    }
    let any = rng.pick(&known).clone();
    let int = scalar(rng, columns, Kind::Int, 1);
    match rng.below(12) {
        0 | 1 => (format!("count({})", any.name), Kind::Int),
        2 | 3 => (format!("sum({int})"), Kind::Int),
        4 => (format!("count(DISTINCT {})", any.name), Kind::Int),
        5 => (format!("avg({int})"), Kind::Inexact),
        6 => (format!("sum({})", scalar(rng, columns, Kind::Exact, 1)), Kind::Exact),
        7 if any.kind != Kind::Bool => (format!("min({})", any.name), any.kind),
        8 | 9 if any.kind != Kind::Bool => (format!("max({})", any.name), any.kind),
        10 => (format!("sum(DISTINCT {int})"), Kind::Int),
        11 => match of_kind(columns, Kind::Inexact).first() {
            Some(column) => {
                (format!("{}({})", rng.pick(&["sum", "avg", "stddev", "min", "max"]), column.name), Kind::Inexact)
            }
            None => (format!("max({int})"), Kind::Int),
        },
        _ => {
            let bools = of_kind(columns, Kind::Bool);
            match bools.first() {
                Some(column) => (format!("{}({})", rng.pick(&["bool_and", "bool_or"]), column.name), Kind::Bool),
                None => (format!("min({int})"), Kind::Int),
            }
        }
    }
}
