//! An error in a query file as a person reads it: what is wrong, where, and what to write instead.
//!
//! Nothing here knows SQL; [`clean`] turns DataFusion's errors into these, and [`place`] finds where things stand.

pub(crate) mod clean;
pub(crate) mod place;
mod wording;

use std::fmt::{self, Write as _};

use datafusion::sql::sqlparser::tokenizer;

/// A place in a query file. Lines and columns count from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// A stretch of a query file; `end` is the first position after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: Position,
    /// Where it has ended.
    pub end: Position,
}

impl Span {
    /// From the beginning of this span to the end of the other.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// A span of sqlparser's, unless it is its empty one.
    pub(crate) fn of(span: tokenizer::Span) -> Option<Span> {
        let position = |l: tokenizer::Location| Position { line: l.line as usize, column: l.column as usize };
        (span.start.line > 0).then(|| Span { start: position(span.start), end: position(span.end) })
    }
}

/// What is wrong with a query file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// What to write instead.
    pub hint: Option<String>,
    /// What else helps to see why.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), span: None, hint: None, notes: Vec::new() }
    }

    /// Says where, unless that has been said more precisely already.
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = self.span.or(span.into());
        self
    }

    /// Says what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to write instead, where that is known.
    pub fn hint_opt(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }

    /// Adds something that helps to see why.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The error as it is shown: the message, `file:line:column`, the line with the place underlined, and the hint.
    /// `text` is the whole query file.
    pub fn render(&self, file_name: &str, text: &str) -> String {
        let mut out = format!("error: {}\n", self.message);
        match self.span {
            Some(span) => render_place(&mut out, file_name, text, span),
            None => {
                let _ = writeln!(out, " --> {file_name}");
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "help: {hint}");
        }
        out
    }
}

fn render_place(out: &mut String, file_name: &str, text: &str, span: Span) {
    let Position { line, column } = span.start;
    let _ = writeln!(out, " --> {file_name}:{line}:{column}");
    let Some(source) = text.lines().nth(line.saturating_sub(1)) else { return };
    let width = source.chars().count();
    let end = if span.end.line == line { span.end.column } else { width + 1 };
    let length = end.saturating_sub(column).clamp(1, width.max(1));
    // Tabs are kept in the indent, so that the mark stands under the place whatever their width is.
    let indent: String =
        source.chars().take(column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(out, "{margin} |");
    let _ = writeln!(out, "{number} | {source}");
    let _ = writeln!(out, "{margin} | {indent}{}", "^".repeat(length));
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(line: usize, column: usize, end: usize) -> Span {
        Span { start: Position { line, column }, end: Position { line, column: end } }
    }

    #[test]
    fn marks_the_place_under_its_line() {
        let error = Diagnostic::new("no column 'b'").at(span(2, 10, 11)).hint("did you mean 'a'?");
        let shown = error.render("q.sql", "-- é\n  SELECT b\n");
        let expected = [
            "error: no column 'b'",
            " --> q.sql:2:10",
            "  |",
            "2 |   SELECT b",
            "  |          ^",
            "help: did you mean 'a'?",
            "",
        ];
        assert_eq!(shown, expected.join("\n"));
    }

    #[test]
    fn a_place_outside_the_text_is_still_named() {
        let shown = Diagnostic::new("odd").at(span(9, 1, 2)).render("q.sql", "");
        assert_eq!(shown, "error: odd\n --> q.sql:9:1\n");
    }
}
