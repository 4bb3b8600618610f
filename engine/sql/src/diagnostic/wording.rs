//! The errors of DataFusion that are nothing but a text, in words that a writer of SQL uses.
//!
//! What is not known here is shown as it is, on one line, with SQL's names for types.

use headwater_plan::options::nearest;

use super::Span;
use super::place::Place;
use crate::diagnostic::Diagnostic;
use crate::functions::BUILT_IN;
use crate::lexer::lower_first;

/// What a text of DataFusion's says.
pub(super) fn message(text: &str, place: Place<'_>, span: Option<Span>) -> Diagnostic {
    let text = text.split("\n\nBacktrace").next().unwrap_or(text);
    let text = text.split("This issue was likely caused").next().unwrap_or(text);
    let text = PREFIXES.iter().fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text)).trim();
    let known = unknown_function(text, place, span)
        .or_else(|| not_grouped(text, place, span))
        .or_else(|| wrong_arguments(text, place, span))
        .or_else(|| wrong_operator(text, place, span))
        .or_else(|| same_name(text, place, span))
        .or_else(|| nested_aggregate(text, place, span))
        .or_else(|| wrong_filter(text, place));
    known.unwrap_or_else(|| {
        let mut names = quoted(text);
        let at = span.or_else(|| names.find_map(|name| place.word(name).or_else(|| place.text(name))));
        Diagnostic::new(tidy(text)).at(at)
    })
}

const PREFIXES: [&str; 10] = [
    "Error during planning: ",
    "This feature is not implemented: ",
    "Execution error: ",
    "External error: ",
    "Internal error: ",
    "SQL error: ",
    "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
    "type_coercion\ncaused by\n",
    "Error during planning: ",
    "Internal error: ",
];

/// What stands in single quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('\'').skip(1).step_by(2)
}

fn unknown_function(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    let name = text.strip_prefix("Invalid function '")?.split('\'').next()?;
    // DataFusion knows of functions that were added, and suggests something whether or not it is near.
    let suggested = text.split("Did you mean '").nth(1).and_then(|rest| rest.split('\'').next());
    let near = nearest(name, BUILT_IN.names().chain(suggested)).map(|near| format!("did you mean {near}()?"));
    let at = span.or_else(|| place.word(name));
    Some(Diagnostic::new(format!("there is no function {name}()")).at(at).hint_opt(near))
}

/// `Column in SELECT must be in GROUP BY or an aggregate function: … column "t.x" must appear in the GROUP BY clause …`
fn not_grouped(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    if !text.contains("must appear in the GROUP BY clause") && !text.contains("must be in GROUP BY") {
        return None;
    }
    let name = text.split("column \"").nth(1).and_then(|rest| rest.split('"').next())?;
    let bare = name.rsplit('.').next().unwrap_or(name);
    let called = bare.split(['(', '[']).next().unwrap_or(bare);
    let at = span.or_else(|| place.word(called));
    let error = Diagnostic::new(format!("'{bare}' is neither grouped by nor aggregated")).at(at);
    Some(error.hint(format!("add it to GROUP BY, or take one of its values: first_value({bare})")))
}

/// `aggregate functions are not allowed in the WHERE clause…`, `QUALIFY clause requires window functions…`
fn wrong_filter(text: &str, place: Place<'_>) -> Option<Diagnostic> {
    let (word, says, hint) = if text.contains("not allowed in the WHERE clause") {
        ("WHERE", "WHERE filters rows before they are aggregated", "write HAVING behind GROUP BY in its place")
    } else if text.contains("QUALIFY clause requires window functions") {
        ("QUALIFY", "QUALIFY filters by a window function, and there is none", "write WHERE in its place")
    } else {
        return None;
    };
    Some(Diagnostic::new(says).at(place.word(word)).hint(hint))
}

/// DataFusion says in many ways, and at length, that a function does not take its arguments.
fn wrong_arguments(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    let wrong = [
        "Failed to coerce arguments",
        "No function matches the given name and argument types",
        "failed to match any signature",
        "does not support",
    ];
    if !wrong.iter().any(|part| text.contains(part)) {
        return None;
    }
    let is_call = |text: &&str| {
        let name = text.split('(').next().unwrap_or(text);
        BUILT_IN.names().any(|other| other == name)
    };
    let call = quoted(text).find(|text| is_call(text) && text.contains('(')).or_else(|| quoted(text).find(is_call))?;
    let name = call.split('(').next().unwrap_or(call);
    let error = Diagnostic::new(format!("{name}() does not take these arguments")).at(span).at(place.word(name));
    let given = text.split("(DataType: ").nth(1).and_then(|rest| rest.split(')').next());
    Some(match (call.contains('('), given) {
        (true, _) => error.note(format!("its arguments are {}", sql_types(&call[name.len()..]))),
        (false, Some(given)) => error.note(format!("its argument is {}", sql_types(given))),
        (false, None) => error.note(tidy(text.split("Candidate functions").next().unwrap_or(text))),
    })
}

/// `Cannot coerce arithmetic expression A + B to valid types`, `Cannot infer common argument type for comparison …`
fn wrong_operator(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    let (_, rest) = text
        .split_once("comparison operation ")
        .or_else(|| text.split_once("coerce arithmetic expression "))
        .or_else(|| text.split_once("common string coercion for "))?;
    let operation = sql_types(rest.split(" to valid types").next().unwrap_or(rest).trim());
    let sign = operation.split(' ').find(|part| !part.chars().any(char::is_alphanumeric)).unwrap_or_default();
    let error = Diagnostic::new(format!("there is no {operation}"));
    Some(error.at(span).at(place.sign(sign)).hint("convert one side: CAST(… AS …)"))
}

fn same_name(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    if !text.contains("require unique expression names") {
        return None;
    }
    let name = text.split('"').nth(1)?;
    let name = name.rsplit(" AS ").next().unwrap_or(name);
    let bare = sql_types(name.rsplit('.').next().unwrap_or(name));
    let error = Diagnostic::new(format!("there are two columns '{bare}'")).at(span).at(place.last(&bare));
    Some(error.hint("give one of them another name with AS"))
}

fn nested_aggregate(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    let rest = text.strip_prefix("Aggregate function calls cannot be nested: '")?;
    let name = rest.split('(').next()?;
    let error = Diagnostic::new("an aggregate cannot stand inside another").at(span).at(place.word(name));
    Some(error.hint("compute the inner one in a query below, and group that one by its window again"))
}

/// One line, without what only a developer of DataFusion understands.
fn tidy(text: &str) -> String {
    let text = text.replace("Error during planning: ", "").replace("Internal error: ", "");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    lower_first(&sql_types(line.trim_end_matches(['.', ' '])))
}

/// Arrow's names of types and SQL's; no name comes before one that it is a part of.
const TYPES: [(&str, &str); 25] = [
    ("Interval(MonthDayNano)", "INTERVAL"),
    ("Timestamp(ns)", "TIMESTAMP"),
    ("Timestamp(µs)", "TIMESTAMP(6)"),
    ("Timestamp(ms)", "TIMESTAMP(3)"),
    ("Timestamp(s)", "TIMESTAMP(0)"),
    ("Time64(ns)", "TIME"),
    ("Decimal128", "DECIMAL"),
    ("LargeUtf8", "TEXT"),
    ("Utf8View", "TEXT"),
    ("Utf8", "TEXT"),
    ("UInt16", "SMALLINT UNSIGNED"),
    ("UInt32", "INT UNSIGNED"),
    ("UInt64", "BIGINT UNSIGNED"),
    ("UInt8", "TINYINT UNSIGNED"),
    ("Int16", "SMALLINT"),
    ("Int32", "INT"),
    ("Int64", "BIGINT"),
    ("Int8", "TINYINT"),
    ("Float16", "FLOAT"),
    ("Float32", "FLOAT"),
    ("Float64", "DOUBLE"),
    ("Boolean", "BOOLEAN"),
    ("Date32", "DATE"),
    ("Binary", "BYTEA"),
    ("_event_time", "row_time()"),
];

/// The text with SQL's names for types, and with literals as SQL writes them: `Int64(1)` is `1`.
fn sql_types(text: &str) -> String {
    let mut text = text.to_owned();
    for (arrow, sql) in TYPES {
        if arrow != "Decimal128" {
            unwrap_literals(&mut text, arrow);
        }
        text = text.replace(arrow, sql);
    }
    text
}

fn unwrap_literals(text: &mut String, arrow: &str) {
    let opening = format!("{arrow}(");
    while let Some(start) = text.find(&opening) {
        let inner = start + opening.len();
        let Some(end) = text[inner..].find(')').map(|length| inner + length) else { return };
        let literal = text[inner..end].replace('"', "'");
        text.replace_range(start..=end, &literal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_literals_read_as_sql() {
        assert_eq!(sql_types("Timestamp(ns) + Utf8"), "TIMESTAMP + TEXT");
        assert_eq!(sql_types("count(Int64(1)) > Utf8(\"x\")"), "count(1) > 'x'");
        assert_eq!(sql_types("UInt64 and Decimal128(3, 2)"), "BIGINT UNSIGNED and DECIMAL(3, 2)");
    }
}
