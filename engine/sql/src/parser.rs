//! Tokens to statements. Heads of statements are read here; types, expressions and queries by sqlparser.

mod create;
mod emit;
mod explain;
mod option;
mod respell;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, SetExpr, Visit, Visitor};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use headwater_plan::options::nearest;

use crate::diagnostic::{Diagnostic, Position, Span};
use crate::lexer::{self, DIALECT, lower_first};
use crate::statement::{ContinuousQuery, Emit, Insert, Name, Statement, StatementKind};

/// How deep expressions and queries may be nested.
const RECURSION_LIMIT: usize = 60;

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, Diagnostic> {
    let mut statements = Vec::new();
    for (number, tokens) in lexer::statements(text)?.into_iter().enumerate() {
        let (head, emit) = emit::cut(&tokens)?;
        let emit = StatementParser::emit(emit)?;
        let head = respell::respelled(head)?;
        let kind = StatementParser { emit, ..StatementParser::new(&head) }.statement()?;
        statements.push(Statement { number, tokens, kind });
    }
    Ok(statements)
}

/// Reads one statement.
struct StatementParser<'a> {
    parser: Parser<'a>,
    /// Where the statement ends, for what is missing there.
    end: Option<Span>,
    /// The EMIT behind it, until its query is read.
    emit: Option<Emit>,
}

/// How deep the tree of an expression may be. Operators in a row are nested too, and planning takes the square of it.
const MAX_DEPTH: usize = 500;

/// Looks for an expression that is too deep.
struct Depth(usize);

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > MAX_DEPTH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

impl StatementParser<'_> {
    fn new(tokens: &[TokenWithSpan]) -> Self {
        let parser =
            Parser::new(&DIALECT).with_recursion_limit(RECURSION_LIMIT).with_tokens_with_locations(tokens.to_vec());
        let last = tokens.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
        let end = last.and_then(|token| Span::of(token.span)).map(|span| {
            let end = Position { column: span.end.column + 1, ..span.end };
            Span { start: span.end, end }
        });
        StatementParser { parser, end, emit: None }
    }

    fn statement(mut self) -> Result<StatementKind> {
        let kind = self.kind()?;
        let rest = self.parser.peek_token();
        if rest.token != Token::EOF {
            let error = Diagnostic::new(format!("{} is not expected here", shown(&rest.token))).at(Span::of(rest.span));
            let known = matches!(&rest.token, Token::Word(word) if word.keyword != Keyword::NoKeyword);
            return Err(if known { error.hint("is a ';' missing before it?") } else { error });
        }
        match self.emit {
            Some(emit) => Err(Diagnostic::new("EMIT is for a query: nothing else has results").at(emit.span)),
            None => Ok(kind),
        }
    }

    fn kind(&mut self) -> Result<StatementKind> {
        let first = self.parser.peek_token();
        let Token::Word(word) = &first.token else {
            return match first.token {
                Token::LParen => Ok(StatementKind::Select(self.query()?)),
                _ => Err(unknown_statement(&first)),
            };
        };
        match word.keyword {
            Keyword::CREATE => self.create(),
            Keyword::INSERT => Ok(StatementKind::Insert(self.insert()?)),
            Keyword::SELECT | Keyword::WITH | Keyword::VALUES => Ok(StatementKind::Select(self.query()?)),
            Keyword::SET => {
                self.parser.next_token();
                Ok(StatementKind::Set(self.option_entry()?))
            }
            Keyword::EXPLAIN => self.explain(),
            Keyword::SHOW => {
                self.parser.next_token();
                self.expect_word("TABLES")?;
                Ok(StatementKind::ShowTables)
            }
            Keyword::DESCRIBE | Keyword::DESC => {
                self.parser.next_token();
                Ok(StatementKind::Describe(self.name("a table")?))
            }
            _ => Err(unknown_statement(&first)),
        }
    }

    fn insert(&mut self) -> Result<Insert> {
        self.parser.next_token();
        self.expect_word("INTO")?;
        let table = self.name("a table")?;
        // A parenthesis opens a list of columns, or the query itself.
        let mut columns = Vec::new();
        let is_list = |keyword| !matches!(keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES);
        if let [Token::LParen, Token::Word(word)] = self.parser.peek_tokens::<2>()
            && is_list(word.keyword)
        {
            self.parser.next_token();
            columns = self.names("a column")?;
            self.expect(&Token::RParen)?;
        }
        Ok(Insert { table, columns, query: self.query()? })
    }

    fn query(&mut self) -> Result<ContinuousQuery> {
        let at = Span::of(self.parser.peek_token().span);
        let query = self.sql(|parser| parser.parse_query())?;
        match query.body.as_ref() {
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Diagnostic::new("a query is expected here: SELECT …").at(at))
            }
            _ => Ok(ContinuousQuery { sql: query, emit: self.emit.take() }),
        }
    }

    /// Lets sqlparser read something.
    fn sql<T: Visit>(&mut self, read: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T> {
        let start = Span::of(self.parser.peek_token().span);
        let too_deep = |at: Option<Span>| Diagnostic::new("this is nested too deeply").at(at);
        let read = read(&mut self.parser);
        let read = read.map_err(|error| match error {
            ParserError::RecursionLimitExceeded => {
                let at = Span::of(self.parser.get_current_token().span);
                too_deep(at).at(self.end).hint("put its parts into views")
            }
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => parse_error(&text, self.end),
        })?;
        match read.visit(&mut Depth(0)) {
            ControlFlow::Continue(()) => Ok(read),
            ControlFlow::Break(()) => Err(too_deep(start)
                .hint(format!("at most {MAX_DEPTH} operators in a row; a long OR is shorter as x IN (…)"))),
        }
    }

    fn name(&mut self, what: &str) -> Result<Name> {
        let token = self.parser.peek_token();
        match &token.token {
            Token::Word(_) => {
                let ident = self.sql(|parser| parser.parse_identifier())?;
                if self.parser.peek_token().token == Token::Period {
                    let error = Diagnostic::new("names have no schema or catalog in front of them");
                    return Err(error.at(Span::of(token.span)).hint("write the name alone"));
                }
                Ok(fold(ident))
            }
            other => Err(self.expected(&format!("the name of {what}"), other, Span::of(token.span))),
        }
    }

    fn names(&mut self, what: &str) -> Result<Vec<Name>> {
        let mut names = vec![self.name(what)?];
        while self.parser.consume_token(&Token::Comma) {
            names.push(self.name(what)?);
        }
        Ok(names)
    }

    /// Whether the next word is this one; takes it if so.
    fn word(&mut self, word: &str) -> bool {
        let found = is_word(&self.parser.peek_token().token, word);
        if found {
            self.parser.next_token();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        let token = self.parser.peek_token();
        if self.word(word) { Ok(()) } else { Err(self.expected(word, &token.token, Span::of(token.span))) }
    }

    fn expect(&mut self, sign: &Token) -> Result<()> {
        let token = self.parser.peek_token();
        if self.parser.consume_token(sign) {
            return Ok(());
        }
        Err(self.expected(&format!("'{sign}'"), &token.token, Span::of(token.span)))
    }

    fn expected(&self, what: &str, found: &Token, span: Option<Span>) -> Diagnostic {
        let span = if *found == Token::EOF { self.end } else { span };
        Diagnostic::new(format!("{what} is expected here, not {}", shown(found))).at(span)
    }
}

/// A name as it counts: in lower case unless it was quoted.
fn fold(ident: Ident) -> Name {
    let text = if ident.quote_style.is_some() { ident.value } else { ident.value.to_lowercase() };
    Name { text, span: Span::of(ident.span) }
}

fn is_word(token: &Token, text: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// A token as a message names it.
fn shown(token: &Token) -> String {
    match token {
        Token::EOF => "the end of the statement".to_owned(),
        Token::SingleQuotedString(text) => format!("'{text}'"),
        other => format!("'{other}'"),
    }
}

const STATEMENTS: [&str; 8] = ["CREATE", "INSERT", "SELECT", "WITH", "SET", "EXPLAIN", "SHOW", "DESCRIBE"];

fn unknown_statement(token: &TokenWithSpan) -> Diagnostic {
    let error = Diagnostic::new(format!("a statement cannot begin with {}", shown(&token.token)));
    let word = token.token.to_string().to_uppercase();
    let hint = match nearest(&word, STATEMENTS.into_iter()) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            "statements are CREATE TABLE, CREATE VIEW, CREATE MATERIALIZED VIEW, INSERT INTO, SELECT, SET, EXPLAIN, \
                 SHOW TABLES and DESCRIBE"
                .to_owned()
        }
    };
    error.at(Span::of(token.span)).hint(hint)
}

/// An error of sqlparser's, whose place stands only in its text.
fn parse_error(text: &str, end: Option<Span>) -> Diagnostic {
    let (message, start) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, position(place)),
        None => (text, None),
    };
    let message = match message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
        Some((expected, "EOF")) => format!("{expected} is expected here, not the end of the statement"),
        Some((expected, found)) => format!("{expected} is expected here, not '{found}'"),
        None => lower_first(message.trim_start_matches("sql parser error: ")),
    };
    let span = start.map(|start| Span { start, end: Position { column: start.column + 1, ..start } });
    Diagnostic::new(message).at(span.or(end))
}

/// Reads `3, Column: 8`.
fn position(text: &str) -> Option<Position> {
    let (line, column) = text.split_once(", Column: ")?;
    let line: usize = line.trim().parse().ok()?;
    let column: usize = column.trim().parse().ok()?;
    (line > 0).then_some(Position { line, column })
}
