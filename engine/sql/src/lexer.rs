//! Text to tokens, and the cut between statements. What a statement says is the [`parser`](crate::parser)'s business.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::diagnostic::{Diagnostic, Position, Span};
use crate::dialect::EngineDialect;

/// The dialect of tokens and expressions.
pub(crate) static DIALECT: EngineDialect = EngineDialect;

/// Statements longer than this are refused. It bounds the depth of every tree that is made of one.
const MAX_TOKENS: usize = 20_000;

/// The tokens of a text. Question marks are operators: a query has no placeholders, and asks with them whether JSON has a
/// key.
///
/// # Errors
/// When a text or a name is not closed, or a sign is none of SQL.
pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let mut tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location()?;
    for token in tokens.iter_mut().map(|token| &mut token.token) {
        if matches!(token, Token::Placeholder(sign) if sign == "?") {
            *token = Token::Question;
        }
    }
    Ok(tokens)
}

/// Cuts a file into the tokens of its statements, leaving out empty ones.
pub(crate) fn statements(text: &str) -> Result<Vec<Vec<TokenWithSpan>>, Diagnostic> {
    let tokens = tokens(text).map_err(|error| {
        let start = Position { line: error.location.line as usize, column: error.location.column as usize };
        let end = Position { column: start.column + 1, ..start };
        Diagnostic::new(lower_first(&error.message)).at(Span { start, end })
    })?;
    let mut statements = Vec::new();
    for statement in tokens.split(|token| token.token == Token::SemiColon) {
        let words = statement.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)).count();
        if words > MAX_TOKENS {
            let place = statement.iter().find_map(|token| Span::of(token.span));
            let message = format!("a statement has at most {MAX_TOKENS} words and signs, and this one has {words}");
            return Err(Diagnostic::new(message).at(place));
        }
        if words > 0 {
            statements.push(statement.to_vec());
        }
    }
    Ok(statements)
}

/// The text with its first letter in lower case, unless its first word is one of SQL's in capitals.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(_), Some(second)) if second.is_uppercase() => text.to_owned(),
        (Some(first), _) => first.to_lowercase().chain(chars).collect(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_texts_and_comments_cut_nothing() {
        let cut = statements("SELECT ';' -- a;b\n; ; SELECT /* ; */ 2").unwrap();
        assert_eq!(cut.len(), 2);
    }

    #[test]
    fn an_open_text_is_an_error_at_its_beginning() {
        let error = statements("SELECT 'abc").unwrap_err();
        assert_eq!(error.span.map(|s| (s.start.line, s.start.column)), Some((1, 8)));
    }
}
