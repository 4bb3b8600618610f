//! Where things stand: the tokens of one statement, and the search for a word among them.
//!
//! DataFusion gives most errors no place. What it does give is a name, and the name stands somewhere in the statement.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Span;

/// The tokens of one statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    tokens: &'a [TokenWithSpan],
}

impl<'a> Place<'a> {
    /// Places within these tokens.
    pub(crate) fn new(tokens: &'a [TokenWithSpan]) -> Self {
        Place { tokens }
    }

    /// The first token that says anything.
    pub(crate) fn start(&self) -> Option<Span> {
        let first = self.tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))?;
        Span::of(first.span)
    }

    /// The first place where a word stands.
    pub(crate) fn word(&self, word: &str) -> Option<Span> {
        self.all(word).next()
    }

    /// The first of these words that stands somewhere.
    pub(crate) fn any(&self, words: &[&str]) -> Option<Span> {
        words.iter().find_map(|word| self.word(word))
    }

    /// The first place where a run of words stands, whatever white space is between them.
    pub(crate) fn words(&self, words: &[&str]) -> Option<Span> {
        let tokens: Vec<_> = self.tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
        let run = tokens
            .windows(words.len().max(1))
            .find(|run| run.iter().zip(words).all(|(token, word)| is_word(&token.token, word)))?;
        let (first, last) = (run.first()?, run.last()?);
        Some(Span::of(first.span)?.to(Span::of(last.span)?))
    }

    /// The last place where a word stands.
    pub(crate) fn last(&self, word: &str) -> Option<Span> {
        self.all(word).last()
    }

    /// The first place of a text in single quotes.
    pub(crate) fn text(&self, text: &str) -> Option<Span> {
        let is_text =
            |token: &&TokenWithSpan| matches!(&token.token, Token::SingleQuotedString(found) if found == text);
        Span::of(self.tokens.iter().find(is_text)?.span)
    }

    /// The first text in single quotes that a message speaks of, quotes and all.
    pub(crate) fn text_of(&self, message: &str) -> Option<Span> {
        let is_of = |token: &&TokenWithSpan| matches!(&token.token, Token::SingleQuotedString(text) if message.contains(&format!("'{text}'")));
        Span::of(self.tokens.iter().find(is_of)?.span)
    }

    /// The first place of a sign that is no word: an operator.
    pub(crate) fn sign(&self, sign: &str) -> Option<Span> {
        let is_sign = |token: &&TokenWithSpan| {
            !matches!(token.token, Token::Word(_) | Token::SingleQuotedString(_)) && token.token.to_string() == sign
        };
        Span::of(self.tokens.iter().find(is_sign)?.span)
    }

    /// Where a query begins inside another's expressions: the last SELECT, if there are two.
    pub(crate) fn nested_select(&self) -> Option<Span> {
        self.all("SELECT").skip(1).last()
    }

    fn all(&self, word: &str) -> impl Iterator<Item = Span> {
        let word = word.to_owned();
        self.tokens.iter().filter(move |token| is_word(&token.token, &word)).filter_map(|token| Span::of(token.span))
    }
}

fn is_word(token: &Token, text: &str) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_some() => word.value == text,
        Token::Word(word) => word.value.eq_ignore_ascii_case(text),
        _ => false,
    }
}
