//! Statements for batch DataFusion, read with the signs of this SQL. Binding and running them is DataFusion's.

use std::collections::VecDeque;

use datafusion::common::Result;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::parser::ParserError;

use crate::lexer::{DIALECT, tokens};

/// Reads statements with the operators of JSON as query files have them.
///
/// # Errors
/// When the text is no SQL.
pub fn batch_statements(text: &str) -> Result<VecDeque<Statement>> {
    let tokens = tokens(text).map_err(ParserError::from)?;
    DFParserBuilder::new(tokens).with_dialect(&DIALECT).build()?.parse_statements()
}
