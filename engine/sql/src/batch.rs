//! Statements for batch DataFusion, read with the signs of this SQL. Binding and running them is DataFusion's.

use std::collections::VecDeque;

use datafusion::common::Result;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use crate::lexer::{DIALECT, question_marks};

/// Reads statements with the operators of JSON as query files have them.
///
/// # Errors
/// When the text is no SQL.
pub fn batch_statements(text: &str) -> Result<VecDeque<Statement>> {
    let mut tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(ParserError::from)?;
    question_marks(tokens.iter_mut().map(|token| &mut token.token));
    DFParserBuilder::new(tokens).with_dialect(&DIALECT).build()?.parse_statements()
}
