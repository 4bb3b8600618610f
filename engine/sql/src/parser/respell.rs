//! What sqlparser's dialect does not read, spelt as what it does; the [rewrites](crate::rewrite) know it again.
//!
//! - `rates FOR SYSTEM_TIME AS OF o.ts` is the table `rates(as_of => o.ts)`.
//! - `TUMBLE(TABLE t PARTITION BY a, b, …)` is `TUMBLE(t, partition_by => (a, b), …)`.
//!
//! A token that is put in stands where the ones did that it is for, so that errors find their place.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::{Result, is_word};
use crate::diagnostic::{Diagnostic, Span};
use crate::functions::is_window;
use crate::rewrite::{AS_OF, PARTITION_BY};

/// The tokens of a statement, respelt.
///
/// # Errors
/// When a version has no time.
pub(super) fn respelled(tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
    let said: Vec<TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).cloned().collect();
    let mut reader = Reader { tokens: &said, next: 0, out: Vec::with_capacity(tokens.len()) };
    while reader.next < said.len() {
        reader.step()?;
    }
    Ok(reader.out)
}

struct Reader<'a> {
    tokens: &'a [TokenWithSpan],
    next: usize,
    out: Vec<TokenWithSpan>,
}

impl Reader<'_> {
    fn step(&mut self) -> Result<()> {
        if self.words_follow(&["FOR", "SYSTEM_TIME", "AS", "OF"]) {
            return self.version();
        }
        if self.opens_window_table() {
            self.window_table();
        } else {
            self.copy();
        }
        Ok(())
    }

    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.next + ahead).map(|token| &token.token)
    }

    fn is(&self, ahead: usize, word: &str) -> bool {
        self.token(ahead).is_some_and(|token| is_word(token, word))
    }

    fn words_follow(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.is(ahead, word))
    }

    fn copy(&mut self) {
        self.out.extend(self.tokens.get(self.next).cloned());
        self.next += 1;
    }

    /// Puts a token in where the next one stands, or behind the last.
    fn put(&mut self, token: Token) {
        if let Some(place) = self.tokens.get(self.next).or(self.tokens.last()) {
            self.out.push(TokenWithSpan { token, span: place.span });
        }
    }

    fn put_argument(&mut self, name: &str) {
        let word = Word { value: name.to_owned(), quote_style: None, keyword: Keyword::NoKeyword };
        self.put(Token::Word(word));
        self.put(Token::RArrow);
    }

    /// The four words and the column behind them; `row_time()` may stand in its place.
    fn version(&mut self) -> Result<()> {
        self.put(Token::LParen);
        self.put_argument(AS_OF);
        let span = self.tokens.get(self.next + 1).and_then(|token| Span::of(token.span));
        self.next += 4;
        let begin = self.next;
        let ends = |token: &Token| ["ON", "USING", "AS", "JOIN", "WHERE"].iter().any(|word| is_word(token, word));
        while matches!(self.token(0), Some(token @ Token::Word(_)) if !ends(token)) {
            self.copy();
            if self.token(0) != Some(&Token::Period) {
                break;
            }
            self.copy();
        }
        if self.next == begin {
            let error = Diagnostic::new("a version of a table is that of a time, and none is said").at(span);
            return Err(error.hint("write FOR SYSTEM_TIME AS OF and the event-time column of the table on the left"));
        }
        if self.token(0) == Some(&Token::LParen) && self.token(1) == Some(&Token::RParen) {
            self.copy();
            self.copy();
        }
        self.put(Token::RParen);
        Ok(())
    }

    /// Whether `TUMBLE ( TABLE t` stands here, or `TUMBLE ( DATA => TABLE t`.
    fn opens_window_table(&self) -> bool {
        let is_call = matches!(self.token(0), Some(Token::Word(word)) if is_window(&word.value.to_lowercase()));
        let table = if self.token(3) == Some(&Token::RArrow) { 4 } else { 2 };
        is_call
            && self.token(1) == Some(&Token::LParen)
            && self.is(table, "TABLE")
            && matches!(self.token(table + 1), Some(Token::Word(_)))
    }

    fn window_table(&mut self) {
        while !self.is(0, "TABLE") {
            self.copy();
        }
        self.next += 1;
        self.copy();
        if self.words_follow(&["PARTITION", "BY"]) {
            self.put(Token::Comma);
            self.put_argument(PARTITION_BY);
            self.put(Token::LParen);
            self.next += 2;
            self.partition_keys();
            self.put(Token::RParen);
        }
    }

    /// Expressions up to the next argument, which is DESCRIPTOR or has a name.
    fn partition_keys(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            let argument = self.is(1, "DESCRIPTOR") || self.token(2) == Some(&Token::RArrow);
            match token {
                Token::Comma if depth == 0 && argument => return,
                Token::RParen if depth == 0 => return,
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            self.copy();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer;

    fn respelt(text: &str) -> String {
        let tokens = lexer::statements(text).unwrap().remove(0);
        let words: Vec<String> = respelled(&tokens).unwrap().iter().map(|token| token.token.to_string()).collect();
        words.join(" ")
    }

    #[test]
    fn versions_and_window_tables_are_calls() {
        let version = respelt("o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON true");
        assert_eq!(version, "o JOIN rates ( as_of => o . ts ) AS r ON true");
        let windows = respelt("FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), 1))");
        assert_eq!(windows, "FROM TABLE ( TUMBLE ( t , DESCRIPTOR ( ts ) , 1 ) )");
        let keys = respelt("SESSION(DATA => TABLE t PARTITION BY a, f(b, c), DESCRIPTOR(ts), 1)");
        assert_eq!(keys, "SESSION ( DATA => t , partition_by => ( a , f ( b , c ) ) , DESCRIPTOR ( ts ) , 1 )");
    }

    #[test]
    fn what_is_cut_short_ends_where_it_ends() {
        let tokens = lexer::statements("rates FOR SYSTEM_TIME AS OF").unwrap().remove(0);
        assert!(respelled(&tokens).is_err());
        assert_eq!(respelt("HOP(TABLE t PARTITION BY (a"), "HOP ( t , partition_by => ( ( a )");
    }
}
