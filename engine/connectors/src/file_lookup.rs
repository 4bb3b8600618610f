//! Files as tables that are looked up: read whole when a job starts, and kept in memory by key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use async_trait::async_trait;
use headwater_core::error::BoxError;
use headwater_core::lookup::{LookupCache, LookupFactoryRef};
use headwater_core::source::SourceFactoryRef;
use headwater_core::{ConnectorError, Lookup, LookupFactory, Positions, SourceContext, SourceEvent};
use headwater_plan::{ColumnDeclaration, ConnectorTable, TableDeclaration, TableError};

/// The column that a table is looked up by: its primary key.
pub(crate) fn key_column(columns: &[ColumnDeclaration], primary_key: &[String]) -> Result<usize, TableError> {
    let [key] = primary_key else {
        return Err(TableError::new("a table that is looked up has one column as its primary key"));
    };
    let key = columns.iter().position(|column| column.name == *key);
    key.ok_or_else(|| TableError::new("the primary key is none of the columns"))
}

/// A lookup over what a connector that reads files declares.
pub(crate) fn declare(
    declaration: TableDeclaration,
    declare: impl FnOnce(TableDeclaration) -> Result<ConnectorTable, TableError>,
) -> Result<LookupFactoryRef, TableError> {
    let table = declaration.name.clone();
    let key = key_column(&declaration.columns, &declaration.primary_key)?;
    let source = declare(declaration)?.source;
    let source = source.ok_or_else(|| TableError::new("the file cannot be read"))?;
    if source.updating() {
        let error = TableError::new("a file of changes cannot be looked up").with_option("format");
        return Err(error.with_hint("look up a file that has a row a key"));
    }
    if !source.bounded() {
        let error = TableError::new("a watched folder cannot be looked up").with_option("watch");
        return Err(error.with_hint("leave watch out: the files are read when a job starts"));
    }
    Ok(Arc::new(FileLookup { table, source, key }))
}

/// A table in files.
#[derive(Debug)]
struct FileLookup {
    table: String,
    source: SourceFactoryRef,
    key: usize,
}

impl FileLookup {
    fn failed(&self, step: &str, error: impl Into<BoxError>) -> ConnectorError {
        ConnectorError::fatal("lookup", &self.table, step, error)
    }

    async fn read(&self) -> Result<RecordBatch, ConnectorError> {
        let context = SourceContext { job: "lookup".into(), subtask: 0, parallelism: 1, positions: Positions::new() };
        let mut opened = self.source.open(context).await?;
        let mut batches = Vec::new();
        loop {
            match opened.next().await? {
                SourceEvent::Partitions(_) => {}
                SourceEvent::Batch { batch, .. } | SourceEvent::Sifted { batch, .. } => batches.push(batch),
                SourceEvent::End => break,
            }
        }
        concat_batches(&self.source.schema(), &batches).map_err(|error| self.failed("put its rows together", error))
    }
}

#[async_trait]
impl LookupFactory for FileLookup {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn key(&self) -> usize {
        self.key
    }

    fn cache(&self) -> Option<LookupCache> {
        None
    }

    fn rows(&self) -> Option<SourceFactoryRef> {
        Some(self.source.clone())
    }

    async fn open(&self) -> Result<Box<dyn Lookup>, ConnectorError> {
        let rows = self.read().await?;
        let column = rows.column(self.key);
        let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())]);
        let keys = converter.map_err(|error| self.failed("tell its keys apart", error))?;
        let encoded = keys.convert_columns(std::slice::from_ref(column));
        let encoded = encoded.map_err(|error| self.failed("tell its keys apart", error))?;
        let mut places: HashMap<Box<[u8]>, u32> = HashMap::with_capacity(rows.num_rows());
        for (place, key) in (0..).zip(&encoded) {
            if let Some(first) = places.insert(key.data().into(), place) {
                let reason = format!("rows {} and {} have the same key", first + 1, place + 1);
                return Err(self.failed("load it by its primary key", reason));
            }
        }
        Ok(Box::new(Loaded { table: self.table.clone(), rows, places, keys }))
    }
}

/// The rows in memory.
struct Loaded {
    table: String,
    rows: RecordBatch,
    /// The row of each key, by the key's bytes.
    places: HashMap<Box<[u8]>, u32>,
    keys: RowConverter,
}

#[async_trait]
impl Lookup for Loaded {
    async fn lookup(&self, keys: &ArrayRef) -> Result<RecordBatch, ConnectorError> {
        let failed = |error| ConnectorError::fatal("lookup", &self.table, "look keys up", error);
        let encoded = self.keys.convert_columns(std::slice::from_ref(keys)).map_err(failed)?;
        let places = encoded.iter().filter_map(|key| self.places.get(key.data()).copied());
        take_record_batch(&self.rows, &UInt32Array::from_iter_values(places)).map_err(failed)
    }
}
