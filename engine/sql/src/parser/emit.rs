//! `EMIT …` at the end of a query. sqlparser would take the word for a table's alias, so it is cut off before.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Result, StatementParser, is_word, shown};
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::{Emit, EmitKind};

/// What can follow the word.
const HINT: &str = "write EMIT CHANGES, EMIT CHANGES EVERY interval '1 second' or EMIT ON WINDOW CLOSE";

/// Cuts a statement before the EMIT at its end.
///
/// # Errors
/// When it stands in parentheses: what is within a query has no results of its own.
pub(super) fn cut(tokens: &[TokenWithSpan]) -> Result<(&[TokenWithSpan], &[TokenWithSpan])> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            word if is_word(word, "EMIT") && begins(&tokens[index + 1..]) => {
                if depth > 0 {
                    let error =
                        Diagnostic::new("EMIT says when a statement gives its results, and this is a part of one");
                    return Err(error.at(Span::of(token.span)).hint("put EMIT at the end of the statement"));
                }
                return Ok(tokens.split_at(index));
            }
            _ => {}
        }
    }
    Ok((tokens, &[]))
}

/// Whether what follows makes an EMIT of the word; a table may be called that.
fn begins(rest: &[TokenWithSpan]) -> bool {
    let mut words = rest.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
    let Some(first) = words.next() else { return false };
    let is_next = |token: Option<&Token>, word: &str| token.is_some_and(|token| is_word(token, word));
    match first {
        word if is_word(word, "CHANGES") => true,
        word if is_word(word, "ON") => is_next(words.next(), "WINDOW") && is_next(words.next(), "CLOSE"),
        word if is_word(word, "AFTER") || is_word(word, "FINAL") => true,
        _ => false,
    }
}

impl StatementParser<'_> {
    /// The EMIT at the end, where there is one.
    pub(super) fn emit(tokens: &[TokenWithSpan]) -> Result<Option<Emit>> {
        let Some(first) = tokens.first() else { return Ok(None) };
        let mut parser = StatementParser::new(tokens);
        let span = Span::of(first.span);
        parser.parser.next_token();
        let token = parser.parser.peek_token();
        let kind = if parser.word("CHANGES") {
            let every = match parser.word("EVERY") {
                true => Some(Box::new(parser.sql(|parser| parser.parse_expr())?)),
                false => None,
            };
            EmitKind::Changes { every }
        } else if parser.word("ON") {
            parser.expect_word("WINDOW")?;
            parser.expect_word("CLOSE")?;
            EmitKind::OnWindowClose
        } else {
            let message = format!("results are not emitted {}", shown(&token.token));
            return Err(Diagnostic::new(message).at(Span::of(token.span)).hint(HINT));
        };
        let rest = parser.parser.peek_token();
        if rest.token != Token::EOF {
            let message = format!("{} is not expected behind EMIT", shown(&rest.token));
            return Err(Diagnostic::new(message).at(Span::of(rest.span)).hint(HINT));
        }
        Ok(Some(Emit { kind, span }))
    }
}
