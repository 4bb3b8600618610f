//! `EXPLAIN [(FORMAT text | mermaid)]` of a query or an INSERT.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Result, StatementParser, shown};
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::{ExplainFormat, StatementKind};

impl StatementParser<'_> {
    pub(super) fn explain(&mut self) -> Result<StatementKind> {
        let head = self.parser.next_token();
        let token = self.parser.peek_token();
        if self.word("ANALYZE") {
            let error = Diagnostic::new("EXPLAIN ANALYZE would have to run the query, and EXPLAIN runs nothing");
            let hint = "leave ANALYZE out; while a query runs, /metrics says how many rows its tables read and write";
            return Err(error.at(Span::of(token.span)).hint(hint));
        }
        let format = self.explain_format()?;
        let inner = self.kind()?;
        match inner {
            StatementKind::Select(_) | StatementKind::Insert(_) => Ok(StatementKind::Explain(Box::new(inner), format)),
            _ => Err(Diagnostic::new("EXPLAIN is for a query or an INSERT").at(Span::of(head.span))),
        }
    }

    /// `(FORMAT mermaid)` where it is there; a parenthesis may open the query as well.
    fn explain_format(&mut self) -> Result<ExplainFormat> {
        let is_option = match self.parser.peek_tokens::<2>() {
            [Token::LParen, word] => super::is_word(&word, "FORMAT"),
            [word, _] => super::is_word(&word, "FORMAT"),
        };
        if !is_option {
            return Ok(ExplainFormat::Text);
        }
        let parenthesis = self.parser.consume_token(&Token::LParen);
        self.expect_word("FORMAT")?;
        let token = self.parser.next_token();
        let name = match &token.token {
            Token::Word(word) => word.value.to_lowercase(),
            Token::SingleQuotedString(text) => text.to_lowercase(),
            other => return Err(self.expected("text or mermaid", other, Span::of(token.span))),
        };
        let format = match name.as_str() {
            "text" => ExplainFormat::Text,
            "mermaid" => ExplainFormat::Mermaid,
            _ => {
                let error = Diagnostic::new(format!("a dataflow is not shown as {}", shown(&token.token)));
                return Err(error.at(Span::of(token.span)).hint("formats: text, mermaid"));
            }
        };
        if parenthesis {
            self.expect(&Token::RParen)?;
        }
        Ok(format)
    }
}
