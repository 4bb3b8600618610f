//! DataFusion's errors as ours: without its prefixes, its internal names and its backtraces, and with a place and a
//! hint wherever they can be found.

use datafusion::common::{Column, DataFusionError, SchemaError};
use headwater_plan::options::nearest;

use super::place::Place;
use super::wording::message;
use super::{Diagnostic, Position, Span};
use crate::lexer::lower_first;

/// The error as a person reads it; `place` is the statement that it came from.
pub(crate) fn clean(error: DataFusionError, place: Place<'_>) -> Diagnostic {
    clean_inner(&error, place, None).at(place.start())
}

/// The column that an error says is missing.
pub(crate) fn missing_column(error: &DataFusionError) -> Option<&Column> {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => missing_column(inner),
        DataFusionError::Shared(inner) => missing_column(inner),
        DataFusionError::Collection(errors) => missing_column(errors.first()?),
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, .. } => Some(field),
            _ => None,
        },
        _ => None,
    }
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
            Some(own) => {
                let last = || own.message.rsplit(' ').next();
                let named = quoted(&own.message).or_else(last).and_then(|name| place.word(name));
                own.clone().at(span).at(named).at(place.text_of(&own.message))
            }
            None => Diagnostic::new(lower_first(&inner.to_string())).at(span),
        },
        DataFusionError::SchemaError(error, _) => schema_error(error, place, span),
        DataFusionError::ArrowError(error, _) => {
            let text = error.to_string();
            message(text.split_once("error: ").map_or(text.as_str(), |(_, rest)| rest), place, span)
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
            let near = match (nearest(table, tables()), tables().next()) {
                (Some(near), _) => Some(format!("did you mean '{near}'?")),
                (None, Some(first)) => Some(format!("columns of this query are of '{first}'")),
                (None, None) => None,
            };
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

/// The first name in single quotes.
fn quoted(message: &str) -> Option<&str> {
    message.split('\'').nth(1)
}
