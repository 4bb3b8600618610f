//! Looks up strings by their keys, a thousand at a time, and reads them as records.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::lookup::{LookupCache, LookupFactoryRef};
use headwater_core::source::SourceFactoryRef;
use headwater_core::{ConnectorError, Lookup, LookupFactory};
use headwater_plan::{ColumnDeclaration, Options, TableDeclaration, TableError};
use redis::aio::MultiplexedConnection;

use super::{KEYS, Server};
use crate::columns::{declared_schema, required_schema};
use crate::file_lookup::key_column;
use crate::formats::{BadData, Decoded, Record, RecordDecoder, RecordFormat};

/// What is remembered where only `lookup.cache.ttl` is said.
const CACHE_BYTES: usize = 64 << 20;

pub(crate) fn declare(declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
    let TableDeclaration { name, columns, primary_key, options, .. } = declaration;
    let server = Server::of(&name, &options)?;
    let format = RecordFormat::of(&options, &["json", "raw_string"])?;
    let format = format.ok_or_else(|| TableError::new("a value is a record").with_option("format"))?;
    let (cache, bad_data) = (cache(&options)?, BadData::of(&options)?);
    options.finish()?;
    let key = key_column(&columns, &primary_key)?;
    check_key(&columns, key)?;
    let record: Vec<ColumnDeclaration> = columns.iter().filter(|column| column.metadata.is_none()).cloned().collect();
    let values = required_schema(&name, &record)?;
    format.decoder(&values)?;
    let schema = declared_schema(&columns).unwrap_or_else(|| values.clone());
    Ok(Arc::new(RedisLookup { server, format, schema, values, key, cache, bad_data }))
}

/// Refuses columns that are not filled: all come from the value but the key.
fn check_key(columns: &[ColumnDeclaration], key: usize) -> Result<(), TableError> {
    for (index, column) in columns.iter().enumerate() {
        match (&column.metadata, index == key) {
            (Some(metadata), true) if metadata == "key" && column.data_type == DataType::Utf8 => {}
            (None, false) => {}
            (_, true) => {
                let error =
                    TableError::new("the primary key is the key of the server's, a TEXT").with_column(&column.name);
                return Err(error.with_hint(format!("write {} TEXT METADATA FROM 'key' PRIMARY KEY", column.name)));
            }
            (Some(metadata), false) => {
                let error = TableError::new(format!("there is no metadata '{metadata}' beside the key"));
                return Err(error.with_column(&column.name));
            }
        }
    }
    Ok(())
}

/// Reads `lookup.cache.max_bytes` and `lookup.cache.ttl`.
fn cache(options: &Options) -> Result<Option<LookupCache>, TableError> {
    let bytes_max = options.number("lookup.cache.max_bytes")?;
    let ttl = options.interval("lookup.cache.ttl")?;
    Ok(match (bytes_max, ttl) {
        (None, None) => None,
        (bytes_max, ttl) => Some(LookupCache { bytes_max: bytes_max.unwrap_or(CACHE_BYTES), ttl }),
    })
}

/// A table of strings by key.
#[derive(Debug)]
struct RedisLookup {
    server: Server,
    format: RecordFormat,
    /// All columns.
    schema: SchemaRef,
    /// The columns of the value.
    values: SchemaRef,
    key: usize,
    cache: Option<LookupCache>,
    bad_data: BadData,
}

#[async_trait]
impl LookupFactory for RedisLookup {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn key(&self) -> usize {
        self.key
    }

    fn cache(&self) -> Option<LookupCache> {
        self.cache
    }

    fn rows(&self) -> Option<SourceFactoryRef> {
        None
    }

    async fn open(&self) -> Result<Box<dyn Lookup>, ConnectorError> {
        let decoder = self.format.decoder(&self.values);
        let decoder = decoder.map_err(|error| self.server.wrong("read its format", error))?;
        Ok(Box::new(Open {
            server: self.server.clone(),
            connection: self.server.connect().await?,
            decoder: Mutex::new(decoder),
            schema: self.schema.clone(),
            key: self.key,
            bad_data: self.bad_data,
        }))
    }
}

struct Open {
    server: Server,
    connection: MultiplexedConnection,
    decoder: Mutex<RecordDecoder>,
    schema: SchemaRef,
    key: usize,
    bad_data: BadData,
}

#[async_trait]
impl Lookup for Open {
    async fn lookup(&self, keys: &ArrayRef) -> Result<RecordBatch, ConnectorError> {
        let texts = keys.as_string_opt::<i32>();
        let texts = texts.ok_or_else(|| self.server.wrong("look keys up", "a key is no text"))?;
        let texts: Vec<&str> = texts.iter().flatten().collect();
        let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
        // Clones share the connection.
        let mut connection = self.connection.clone();
        for asked in texts.chunks(KEYS) {
            let values = redis::cmd("MGET").arg(asked).query_async::<Vec<Option<Vec<u8>>>>(&mut connection).await;
            let values = values.map_err(|error| self.server.failed("look keys up", error))?;
            found.extend(asked.iter().zip(values).filter_map(|(key, value)| Some((*key, value?))));
        }
        self.rows(&found)
    }
}

impl Open {
    /// The rows of keys and their values.
    fn rows(&self, found: &[(&str, Vec<u8>)]) -> Result<RecordBatch, ConnectorError> {
        let records: Vec<Record<'_>> = found.iter().map(|(_, value)| Record::from(value.as_slice())).collect();
        let decoded = self.decoder.lock().unwrap_or_else(PoisonError::into_inner).decode(&records);
        let decoded = decoded.map_err(|error| self.server.wrong("read values", error))?;
        self.check(found, &decoded)?;
        let good = found.iter().zip(&decoded.rows).filter(|(_, rows)| **rows == 1).map(|((key, _), _)| *key);
        let mut columns = decoded.batch.columns().to_vec();
        columns.insert(self.key, Arc::new(StringArray::from_iter_values(good)));
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| self.server.wrong("put keys beside their values", error))
    }

    fn check(&self, found: &[(&str, Vec<u8>)], decoded: &Decoded) -> Result<(), ConnectorError> {
        let several = decoded.rows.iter().position(|rows| *rows > 1);
        let several = several.map(|index| (index, "it is more than one record".to_owned()));
        let bad = decoded.bad.iter().map(|bad| (bad.index, bad.reason.clone()));
        for (index, reason) in bad.chain(several) {
            let key = found.get(index).map_or("", |(key, _)| key);
            if self.bad_data == BadData::Fail || decoded.rows.get(index).is_some_and(|rows| *rows > 1) {
                return Err(self.server.wrong(&format!("read the value of key '{key}'"), reason));
            }
            tracing::warn!(table = self.server.table, key, reason, "bad value passed over");
        }
        Ok(())
    }
}
