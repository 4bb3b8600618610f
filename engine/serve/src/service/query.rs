//! One statement that reads, run by batch DataFusion over the catalog as it is now. It is read with the signs of the
//! query files' SQL, and may call the functions that they may call, but for those that need a stream.
//!
//! What is read only is decided twice: by the kind of the statement, for a clear message, and by its plan, so that
//! nothing hides in a subquery or in an EXPLAIN ANALYZE.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures::{Stream, StreamExt as _};
use headwater_sql::batch_statements;

use super::{QueryService, names_hint};
use crate::error::QueryError;
use crate::rows::json_rows;

const CATALOG: &str = "headwater";
const SCHEMA: &str = "public";

/// The rows of an answer, as they are computed. Dropping it ends the query.
pub struct RowStream {
    inner: SendableRecordBatchStream,
}

impl RowStream {
    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}

impl Stream for RowStream {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(context).map_err(|source| QueryError::Run { source })
    }
}

impl QueryService {
    /// Begins one statement that reads: SELECT, SHOW, DESCRIBE, EXPLAIN.
    ///
    /// # Errors
    /// [`QueryError::Parse`], [`QueryError::Statements`], [`QueryError::ReadOnly`], [`QueryError::Plan`]; once it has
    /// begun, [`QueryError::Run`] in the stream.
    pub async fn query(&self, sql: &str) -> Result<RowStream, QueryError> {
        let statement = one_statement(sql)?;
        if let Some(statement) = refused(&statement) {
            return Err(QueryError::ReadOnly { statement });
        }
        let context = self.context()?;
        let state = context.state();
        let plan = state.statement_to_plan(statement).await.map_err(|source| self.plan_error(source))?;
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        if reads.verify_plan(&plan).is_err() {
            return Err(QueryError::ReadOnly { statement: first_words(sql) });
        }
        let frame = context.execute_logical_plan(plan).await.map_err(|source| self.plan_error(source))?;
        let inner = frame.execute_stream().await.map_err(|source| QueryError::Run { source })?;
        Ok(RowStream { inner })
    }

    /// All rows of a small answer as JSON objects.
    pub(crate) async fn query_json(
        &self,
        sql: &str,
    ) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, QueryError> {
        let mut stream = self.query(sql).await?;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            rows.extend(json_rows(&batch?)?);
        }
        Ok(rows)
    }

    /// A context with the engine's functions and this query's own view of the catalog.
    fn context(&self) -> Result<SessionContext, QueryError> {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_target_partitions(self.settings.query_parallelism.max(1));
        let mut context = SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime));
        let failed = |source| QueryError::Plan { source, hint: None };
        self.functions.register(&mut context).map_err(failed)?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, self.catalog.for_one_query()).map_err(failed)?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(context)
    }

    fn plan_error(&self, source: DataFusionError) -> QueryError {
        // DataFusion has no variant of its own for an unknown table.
        let message = source.strip_backtrace();
        let table = message.split_once("table '").and_then(|(_, rest)| rest.split_once("' not found"));
        let hint = table
            .and_then(|(name, _)| names_hint(name.rsplit('.').next().unwrap_or(name), "tables", &self.catalog.names()));
        QueryError::Plan { source, hint }
    }
}

fn one_statement(sql: &str) -> Result<DfStatement, QueryError> {
    let mut statements = batch_statements(sql).map_err(|source| QueryError::Parse { source })?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (first, rest) => Err(QueryError::Statements { found: usize::from(first.is_some()) + rest }),
    }
}

/// The first words of a statement that is not one of those that read.
fn refused(statement: &DfStatement) -> Option<String> {
    match statement {
        DfStatement::Explain(explain) => refused(&explain.statement),
        DfStatement::Statement(statement) => match statement.as_ref() {
            SqlStatement::Query(_)
            | SqlStatement::ExplainTable { .. }
            | SqlStatement::ShowTables { .. }
            | SqlStatement::ShowColumns { .. }
            | SqlStatement::ShowFunctions { .. }
            | SqlStatement::ShowVariable { .. } => None,
            SqlStatement::Explain { statement, .. } => {
                refused(&DfStatement::Statement(Box::new(statement.as_ref().clone())))
            }
            other => Some(first_words(&other.to_string())),
        },
        other => Some(first_words(&other.to_string())),
    }
}

/// `INSERT INTO` of `INSERT INTO t …`: the words in capitals at the beginning, at most three.
fn first_words(sql: &str) -> String {
    let keyword = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<_> = sql.split_whitespace().take_while(keyword).take(3).collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}
