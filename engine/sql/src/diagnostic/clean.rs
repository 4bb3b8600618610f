//! DataFusion's errors as ours: without its prefixes, its internal names and its backtraces, and with a place and a
//! hint wherever they can be found.

use datafusion::common::{Column, DataFusionError, SchemaError};
use headwater_plan::options::nearest;

use super::place::Place;
use super::{Diagnostic, Position, Span};
use crate::functions::FUNCTIONS;
use crate::lexer::lower_first;

/// The error as a person reads it; `place` is the statement that it came from.
pub(crate) fn clean(error: DataFusionError, place: Place<'_>) -> Diagnostic {
    clean_inner(&error, place, None).at(place.start())
}

fn clean_inner(error: &DataFusionError, place: Place<'_>, span: Option<Span>) -> Diagnostic {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let span = diagnostic.span.map(|span| {
                let position =
                    |l: datafusion::common::Location| Position { line: l.line as usize, column: l.column as usize };
                Span { start: position(span.start), end: position(span.end) }
            });
            clean_inner(inner, place, span.filter(|span| span.start.line > 0))
        }
        DataFusionError::Context(_, inner) => clean_inner(inner, place, span),
        DataFusionError::Shared(inner) => clean_inner(inner, place, span),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => clean_inner(first, place, span),
            None => Diagnostic::new("the query cannot be planned").at(span),
        },
        DataFusionError::External(inner) => match inner.downcast_ref::<Diagnostic>() {
            Some(own) => own.clone().at(span).at(quoted(&own.message).and_then(|name| place.word(name))),
            None => Diagnostic::new(lower_first(&inner.to_string())).at(span),
        },
        DataFusionError::SchemaError(error, _) => schema_error(error, place, span),
        DataFusionError::ArrowError(error, _) => {
            let text = error.to_string();
            let text = text.split_once("error: ").map_or(text.as_str(), |(_, rest)| rest);
            Diagnostic::new(tidy(text)).at(span)
        }
        other => message(&other.strip_backtrace(), place, span),
    }
}

fn schema_error(error: &SchemaError, place: Place<'_>, span: Option<Span>) -> Diagnostic {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => field_not_found(field, valid_fields, place, span),
        SchemaError::AmbiguousReference { field } => {
            let error = Diagnostic::new(format!("column '{}' could be of more than one table", field.name));
            error.at(span).at(place.word(&field.name)).hint(format!("name the table: t.{}", field.name))
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            let error = Diagnostic::new(format!("there are two columns '{name}'")).at(span).at(place.word(name));
            error.hint("give one of them another name with AS")
        }
    }
}

fn field_not_found(field: &Column, valid: &[Column], place: Place<'_>, span: Option<Span>) -> Diagnostic {
    let name = &field.name;
    let span = span.or_else(|| place.word(name));
    let table = field.relation.as_ref().map(|relation| relation.table());
    if let Some(table) = table {
        let tables = || valid.iter().filter_map(|column| column.relation.as_ref()).map(|relation| relation.table());
        if !tables().any(|other| other == table) {
            let near = nearest(table, tables()).map(|near| format!("did you mean '{near}'?"));
            let error = Diagnostic::new(format!("'{table}' is neither a table of this query nor a column of one"));
            return error.at(span).hint_opt(near);
        }
    }
    let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    let error = Diagnostic::new(match table {
        Some(table) => format!("there is no column '{name}' in '{table}'"),
        None => format!("there is no column '{name}'"),
    });
    let error = error.at(span);
    match nearest(name, names.iter().copied()) {
        Some(near) if near.to_lowercase() == *name => error.hint(format!("write it in quotes: \"{near}\"")),
        Some(near) => error.hint(format!("did you mean '{near}'?")),
        None if names.is_empty() => error,
        None => error.hint(format!("columns here: {}", names.join(", "))),
    }
}

/// An error that is nothing but a text.
fn message(text: &str, place: Place<'_>, span: Option<Span>) -> Diagnostic {
    let text = text.split("\n\nBacktrace").next().unwrap_or(text);
    let text = text.split("This issue was likely caused").next().unwrap_or(text);
    let text = PREFIXES.iter().fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text)).trim();
    let function = |text: &str| text.split('\'').nth(1).map(str::to_owned);
    if let Some(rest) = text.strip_prefix("Invalid function") {
        let name = function(rest).unwrap_or_default();
        let near = nearest(&name, FUNCTIONS.names()).map(|near| format!("did you mean {near}()?"));
        let at = span.or_else(|| place.word(&name));
        return Diagnostic::new(format!("there is no function {name}()")).at(at).hint_opt(near);
    }
    if let Some(found) = not_grouped(text, place, span).or_else(|| wrong_arguments(text, place, span)) {
        return found;
    }
    let at = span.or_else(|| text.split('\'').skip(1).step_by(2).find_map(|name| place.word(name)));
    Diagnostic::new(tidy(text)).at(at)
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

/// `Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column "t.x" must …`
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

/// DataFusion says in many ways, and at length, that a function does not take its arguments.
fn wrong_arguments(text: &str, place: Place<'_>, span: Option<Span>) -> Option<Diagnostic> {
    let wrong =
        ["Failed to coerce arguments", "No function matches the given name and argument types", "does not support"];
    if !wrong.iter().any(|part| text.contains(part)) {
        return None;
    }
    let call = text.split('\'').skip(1).step_by(2).find(|quoted| {
        let name = quoted.split('(').next().unwrap_or(quoted);
        FUNCTIONS.names().any(|other| other == name)
    })?;
    let name = call.split('(').next().unwrap_or(call);
    let error = Diagnostic::new(format!("{name}() does not take these arguments"));
    let error = error.at(span).at(place.word(name));
    let reason = text.split("Candidate functions").next().unwrap_or(text).trim();
    Some(error.note(tidy(reason)))
}

/// One line, without what only a developer of DataFusion understands.
fn tidy(text: &str) -> String {
    let text = text.replace("Error during planning: ", "").replace("Internal error: ", "");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    lower_first(line.trim_end_matches(['.', ' ']))
}

fn quoted(message: &str) -> Option<&str> {
    message.split('\'').nth(1)
}
