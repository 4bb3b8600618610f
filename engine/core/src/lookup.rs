//! The contract of a table that is looked up by its key, one batch of keys at a time.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::error::ConnectorError;
use crate::source::SourceFactoryRef;

/// A table that is open to be looked up, by one task.
///
/// # Contract
/// - `lookup` is given distinct keys, none of them null, in the type of the key's column.
/// - It gives at most one row a key, in any order, in the schema of [`LookupFactory::schema`]; keys without a row are left
///   out.
/// - It may be called again before an earlier call has answered.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The rows of these keys.
    async fn lookup(&self, keys: &ArrayRef) -> Result<RecordBatch, ConnectorError>;
}

/// How answers are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupCache {
    /// How much may be remembered, keys without a row as well.
    pub bytes_max: usize,
    /// How long an answer holds; for ever where there is no end.
    pub ttl: Option<Duration>,
}

/// Opens a table to be looked up. Made when a query is planned; does no I/O until then.
#[async_trait]
pub trait LookupFactory: Debug + Send + Sync {
    /// The columns of the rows.
    fn schema(&self) -> SchemaRef;

    /// Which of the columns is the key.
    fn key(&self) -> usize;

    /// How answers are remembered; `None` where every batch asks anew.
    fn cache(&self) -> Option<LookupCache>;

    /// All rows, where the table can be read as a whole: what a batch query would join with.
    fn rows(&self) -> Option<SourceFactoryRef>;

    /// Opens one instance.
    async fn open(&self) -> Result<Box<dyn Lookup>, ConnectorError>;
}

/// A shared factory.
pub type LookupFactoryRef = Arc<dyn LookupFactory>;
