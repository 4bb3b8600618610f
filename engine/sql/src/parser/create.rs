//! `CREATE TABLE`, `CREATE VIEW`, and the columns, keys and watermarks between their parentheses.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Result, StatementParser, is_word, shown};
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::{Column, ColumnContent, CreateTable, CreateView, Name, StatementKind, WatermarkClause};

/// What stands between the parentheses of a table.
#[derive(Default)]
struct Elements {
    columns: Vec<Column>,
    watermark: Option<WatermarkClause>,
    primary_key: Vec<Name>,
}

impl StatementParser<'_> {
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        self.parser.next_token();
        if self.word("MATERIALIZED") {
            self.expect_word("VIEW")?;
            return Ok(StatementKind::CreateView(self.view(true)?));
        }
        let temporary = self.word("TEMPORARY") || self.word("TEMP");
        let token = self.parser.peek_token();
        if self.word("VIEW") {
            return Ok(StatementKind::CreateView(self.view(false)?));
        }
        if self.word("TABLE") {
            return Ok(StatementKind::CreateTable(self.table(temporary)?));
        }
        let what = if temporary { "TABLE or VIEW" } else { "TABLE, VIEW or MATERIALIZED VIEW" };
        Err(self.expected(what, &token.token, Span::of(token.span)))
    }

    fn view(&mut self, materialized: bool) -> Result<CreateView> {
        let name = self.name("a view")?;
        let options = self.options()?;
        if let (false, Some(option)) = (materialized, options.first()) {
            let error = Diagnostic::new("a view that is not materialized has no options").at(option.key.span);
            return Err(error.hint("write CREATE MATERIALIZED VIEW, or leave WITH out"));
        }
        self.expect_word("AS")?;
        Ok(CreateView { name, materialized, options, query: self.query()? })
    }

    fn table(&mut self, temporary: bool) -> Result<CreateTable> {
        let name = self.name("a table")?;
        let mut elements = Elements::default();
        if self.parser.consume_token(&Token::LParen) {
            elements = self.elements()?;
        }
        let options = self.options()?;
        let at = Span::of(self.parser.peek_token().span);
        let query = if self.word("AS") { Some(self.query()?) } else { None };
        if query.is_some() && !(options.is_empty() && elements.columns.is_empty()) {
            let error = Diagnostic::new("a table that is a query has neither columns nor options of its own");
            return Err(error.at(at).hint("create the table first, then INSERT INTO it the query"));
        }
        let Elements { columns, watermark, primary_key } = elements;
        Ok(CreateTable { name, temporary, columns, watermark, primary_key, options, query })
    }

    fn elements(&mut self) -> Result<Elements> {
        let mut elements = Elements::default();
        while !self.parser.consume_token(&Token::RParen) {
            self.element(&mut elements)?;
            if !self.parser.consume_token(&Token::Comma) {
                self.expect(&Token::RParen)?;
                break;
            }
        }
        Ok(elements)
    }

    fn element(&mut self, elements: &mut Elements) -> Result<()> {
        let [first, second] = self.parser.peek_tokens::<2>();
        if is_word(&first, "WATERMARK") && is_word(&second, "FOR") {
            let clause = self.watermark()?;
            if elements.watermark.is_some() {
                return Err(Diagnostic::new("a table has one watermark").at(clause.column.span));
            }
            elements.watermark = Some(clause);
        } else if is_word(&first, "PRIMARY") && is_word(&second, "KEY") {
            self.parser.next_token();
            self.parser.next_token();
            self.expect(&Token::LParen)?;
            let key = self.names("a column")?;
            self.expect(&Token::RParen)?;
            elements.primary_key.extend(key);
        } else {
            let column = self.column(&mut elements.primary_key)?;
            if elements.columns.iter().any(|other| other.name.text == column.name.text) {
                let message = format!("column '{}' is declared twice", column.name.text);
                return Err(Diagnostic::new(message).at(column.name.span));
            }
            elements.columns.push(column);
        }
        Ok(())
    }

    fn watermark(&mut self) -> Result<WatermarkClause> {
        self.parser.next_token();
        self.parser.next_token();
        let column = self.name("the event-time column")?;
        let expression = if self.word("AS") { Some(self.sql(|parser| parser.parse_expr())?) } else { None };
        Ok(WatermarkClause { column, expression })
    }

    fn column(&mut self, primary_key: &mut Vec<Name>) -> Result<Column> {
        let name = self.name("a column")?;
        let first = self.parser.peek_token();
        if matches!(first.token, Token::Comma | Token::RParen | Token::EOF) {
            let error = Diagnostic::new(format!("column '{}' has no type", name.text)).at(name.span);
            return Err(error.hint(format!("write it after the name: {} TEXT", name.text)));
        }
        let data_type = self.sql(|parser| parser.parse_data_type())?;
        let last = Span::of(self.parser.get_current_token().span);
        let type_span = Span::of(first.span).zip(last).map(|(first, last)| first.to(last));
        let mut column = Column { name, data_type, type_span, nullable: true, content: ColumnContent::Record };
        while self.column_clause(&mut column, primary_key)? {}
        Ok(column)
    }

    /// One of the clauses behind a column's type; false when there is none left.
    fn column_clause(&mut self, column: &mut Column, primary_key: &mut Vec<Name>) -> Result<bool> {
        let token = self.parser.peek_token();
        if self.word("NOT") {
            self.expect_word("NULL")?;
            column.nullable = false;
        } else if self.word("NULL") {
            column.nullable = true;
        } else if self.word("PRIMARY") {
            self.expect_word("KEY")?;
            column.nullable = false;
            primary_key.push(column.name.clone());
        } else if self.word("GENERATED") {
            self.expect_word("ALWAYS")?;
            self.expect_word("AS")?;
            self.expect(&Token::LParen)?;
            column.content = ColumnContent::Generated(self.sql(|parser| parser.parse_expr())?);
            self.expect(&Token::RParen)?;
            let _ = self.word("STORED") || self.word("VIRTUAL");
        } else if self.word("METADATA") {
            self.expect_word("FROM")?;
            let value = self.parser.next_token();
            let Token::SingleQuotedString(key) = value.token else {
                let error = self.expected("what the column is filled with", &value.token, Span::of(value.span));
                return Err(error.hint("write it in single quotes: METADATA FROM 'offset'"));
            };
            column.content = ColumnContent::Metadata(key);
        } else if matches!(token.token, Token::Comma | Token::RParen | Token::EOF) {
            return Ok(false);
        } else {
            let message = format!("{} is not expected behind the type of a column", shown(&token.token));
            let hint = "a column may have NOT NULL, PRIMARY KEY, GENERATED ALWAYS AS (…) or METADATA FROM '…'";
            return Err(Diagnostic::new(message).at(Span::of(token.span)).hint(hint));
        }
        Ok(true)
    }
}
