//! `WITH (key = value, …)` and `SET key = value`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Result, StatementParser, is_word, shown};
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::{Name, OptionEntry, OptionSyntax};

impl StatementParser<'_> {
    /// `WITH (…)` where there is one.
    pub(super) fn options(&mut self) -> Result<Vec<OptionEntry>> {
        let mut entries: Vec<OptionEntry> = Vec::new();
        if !self.word("WITH") {
            return Ok(entries);
        }
        self.expect(&Token::LParen)?;
        while !self.parser.consume_token(&Token::RParen) {
            let entry = self.option_entry()?;
            if entries.iter().any(|other| other.key.text == entry.key.text) {
                return Err(Diagnostic::new(format!("option '{}' is given twice", entry.key.text)).at(entry.key.span));
            }
            entries.push(entry);
            if !self.parser.consume_token(&Token::Comma) {
                self.expect(&Token::RParen)?;
                break;
            }
        }
        Ok(entries)
    }

    /// `key = value`.
    pub(super) fn option_entry(&mut self) -> Result<OptionEntry> {
        let key = self.option_key()?;
        self.expect(&Token::Eq)?;
        let first = Span::of(self.parser.peek_token().span);
        let value = self.option_value(&key)?;
        let last = Span::of(self.parser.get_current_token().span);
        let value_span = first.zip(last).map(|(first, last)| first.to(last));
        Ok(OptionEntry { key, value, value_span })
    }

    /// A key: a text, or words with dots between them.
    fn option_key(&mut self) -> Result<Name> {
        let token = self.parser.next_token();
        let mut span = Span::of(token.span);
        let mut text = match &token.token {
            Token::SingleQuotedString(text) => return Ok(Name { text: text.clone(), span }),
            Token::Word(word) => word.value.clone(),
            other => return Err(self.expected("the name of an option", other, span)),
        };
        while self.parser.consume_token(&Token::Period) {
            let part = self.parser.next_token();
            let Token::Word(word) = &part.token else {
                return Err(self.expected("the rest of the option's name", &part.token, Span::of(part.span)));
            };
            text = format!("{text}.{}", word.value);
            span = span.zip(Span::of(part.span)).map(|(first, last)| first.to(last));
        }
        Ok(Name { text, span })
    }

    fn option_value(&mut self, key: &Name) -> Result<OptionSyntax> {
        let token = self.parser.peek_token();
        match &token.token {
            word if is_word(word, "INTERVAL") => Ok(OptionSyntax::Interval(self.sql(|parser| parser.parse_expr())?)),
            Token::LBracket => self.option_list(),
            Token::SingleQuotedString(text) => self.take(OptionSyntax::Text(text.clone())),
            Token::Number(number, _) => self.take(OptionSyntax::Number(number.clone())),
            Token::Minus => {
                self.parser.next_token();
                match self.parser.next_token().token {
                    Token::Number(number, _) => Ok(OptionSyntax::Number(format!("-{number}"))),
                    other => Err(self.expected("a number", &other, Span::of(token.span))),
                }
            }
            word if is_word(word, "TRUE") => self.take(OptionSyntax::Boolean(true)),
            word if is_word(word, "FALSE") => self.take(OptionSyntax::Boolean(false)),
            other => {
                let error = self.expected(&format!("the value of option '{}'", key.text), other, Span::of(token.span));
                let quoted = match other {
                    Token::Word(word) => format!("a text stands in single quotes: '{}'", word.value),
                    _ => "a value is a 'text', a number, true, false, interval '5 seconds' or [a, b]".to_owned(),
                };
                Err(error.hint(quoted))
            }
        }
    }

    fn take(&mut self, value: OptionSyntax) -> Result<OptionSyntax> {
        self.parser.next_token();
        Ok(value)
    }

    fn option_list(&mut self) -> Result<OptionSyntax> {
        self.parser.next_token();
        let mut items = Vec::new();
        while !self.parser.consume_token(&Token::RBracket) {
            let token = self.parser.next_token();
            items.push(match token.token {
                Token::SingleQuotedString(text) => text,
                Token::Number(number, _) => number,
                Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
                Token::Word(word) => word.value,
                other => {
                    let message = format!("a list holds names and texts, not {}", shown(&other));
                    return Err(Diagnostic::new(message).at(Span::of(token.span).or(self.end)));
                }
            });
            if !self.parser.consume_token(&Token::Comma) {
                self.expect(&Token::RBracket)?;
                break;
            }
        }
        Ok(OptionSyntax::List(items))
    }
}
