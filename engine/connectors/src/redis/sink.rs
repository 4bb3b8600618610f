//! Writes rows as strings, each under its key.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::error::BoxError;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::options::nearest;
use headwater_plan::{ConnectorTable, SinkSpec, TableDeclaration, TableError};
use redis::Pipeline;
use redis::aio::MultiplexedConnection;

use super::{KEYS, Server};
use crate::columns::{declared_schema, no_metadata};
use crate::formats::RecordFormat;
use crate::formats::changelog::Changelog;
use crate::formats::json::{TimestampFormat, encode_lines, split_lines};
use crate::formats::rows::append_only;

pub(super) fn declare(declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let TableDeclaration { name, columns, primary_key, options, .. } = declaration;
    let server = Server::of(&name, &options)?;
    let (json, upsert) = match RecordFormat::of(&options, &["json", "upsert_json"])? {
        Some(RecordFormat::Json(json)) if json.unstructured => {
            let error = TableError::new("a row is written whole, as JSON").with_option("json.unstructured");
            return Err(error.with_hint("leave it out"));
        }
        Some(RecordFormat::Json(json)) => (json.timestamps, false),
        Some(RecordFormat::Upsert(timestamps)) => (timestamps, true),
        _ => return Err(TableError::new("a value is JSON").with_option("format")),
    };
    options.choice("target", &[("string", ())])?;
    let prefix = options.text("target.key_prefix")?.unwrap_or_default().to_owned();
    let key_column = options.text("target.key_column")?.map(str::to_owned);
    let ttl_seconds: Option<u64> = options.number("target.ttl_secs")?;
    options.finish()?;
    no_metadata("redis", &columns)?;
    let key_column = key_column.or_else(|| match primary_key.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    });
    let Some(key_column) = key_column else {
        let error = TableError::new("option 'target.key_column' is missing").with_option("target.key_column");
        return Err(
            error.with_hint("name the column that makes the key, or give the table a PRIMARY KEY of one column")
        );
    };
    let writing = Writing { server, json, upsert, prefix, key_column, ttl_seconds };
    let columns = declared_schema(&columns);
    Ok(ConnectorTable { columns, event_time: None, idle_after: None, source: None, sink: Some(Arc::new(writing)) })
}

/// How a table is written.
#[derive(Clone, Debug)]
struct Writing {
    server: Server,
    json: TimestampFormat,
    upsert: bool,
    prefix: String,
    key_column: String,
    ttl_seconds: Option<u64>,
}

impl Writing {
    fn key_place(&self, visible: &Schema) -> Result<usize, TableError> {
        let names = visible.fields().iter().map(|field| field.name().as_str());
        let Ok(place) = visible.index_of(&self.key_column) else {
            let error = TableError::new(format!("the query gives no column '{}'", self.key_column));
            let error = error.with_option("target.key_column");
            return Err(match nearest(&self.key_column, names) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error,
            });
        };
        if !can_cast_types(visible.field(place).data_type(), &DataType::Utf8) {
            let error = TableError::new(format!("column '{}' cannot be a key: it is no text", self.key_column));
            return Err(error.with_option("target.key_column"));
        }
        Ok(place)
    }
}

impl SinkSpec for Writing {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let key = self.key_place(&schema.visible())?;
        let changes = match self.upsert {
            true => Some(Changelog::new(schema, std::slice::from_ref(&self.key_column))?),
            false => {
                append_only("redis", Some("json"), &["upsert_json"], schema)?;
                None
            }
        };
        encode_lines(&RecordBatch::new_empty(schema.visible()), self.json).map_err(|error| {
            TableError::new(format!("the columns cannot be written: {error}")).with_option("format")
        })?;
        Ok(Arc::new(Written { writing: self.clone(), key, changes }))
    }
}

#[derive(Clone, Debug)]
struct Written {
    writing: Writing,
    key: usize,
    /// Folds changes, where rows may be taken back.
    changes: Option<Changelog>,
}

#[async_trait]
impl SinkFactory for Written {
    fn wants_hidden_columns(&self) -> bool {
        self.changes.is_some()
    }

    async fn open(&self, _: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        let connection = self.writing.server.connect().await?;
        Ok(Box::new(Writer { written: self.clone(), connection }))
    }

    async fn committer(&self, _: &str, _: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

struct Writer {
    written: Written,
    connection: MultiplexedConnection,
}

#[async_trait]
impl Sink for Writer {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let server = &self.written.writing.server;
        let pipelines = self.written.pipelines(&batch).map_err(|error| server.wrong("make strings of rows", error))?;
        for pipeline in pipelines {
            let answered = pipeline.query_async::<()>(&mut self.connection).await;
            answered.map_err(|error| server.failed("write strings", error))?;
        }
        Ok(())
    }

    async fn stage(&mut self, _: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        // The server has answered for everything that was written.
        Ok(Staged::default())
    }
}

impl Written {
    /// The commands that write a batch, a thousand each.
    fn pipelines(&self, batch: &RecordBatch) -> Result<Vec<Pipeline>, BoxError> {
        let (rows, deleted) = match &self.changes {
            Some(changes) => {
                let upserts = changes.upserts(batch)?;
                (upserts.rows, upserts.deleted)
            }
            None => (batch.clone(), BooleanArray::from(vec![false; batch.num_rows()])),
        };
        let keys = cast(rows.column(self.key), &DataType::Utf8)?;
        let keys: &StringArray = keys.as_string();
        if keys.null_count() > 0 {
            return Err(format!("column '{}' is null, and cannot be a key", self.writing.key_column).into());
        }
        let lines = encode_lines(&rows, self.writing.json)?;
        let mut pipelines = Vec::new();
        for (number, ((key, deleted), line)) in keys.iter().flatten().zip(&deleted).zip(split_lines(&lines)).enumerate()
        {
            if number % KEYS == 0 {
                pipelines.push(Pipeline::new());
            }
            if let Some(pipeline) = pipelines.last_mut() {
                self.command(pipeline, key, deleted == Some(true), line);
            }
        }
        Ok(pipelines)
    }

    fn command(&self, pipeline: &mut Pipeline, key: &str, deleted: bool, value: &[u8]) {
        let key = format!("{}{key}", self.writing.prefix);
        if deleted {
            pipeline.cmd("DEL").arg(key).ignore();
            return;
        }
        pipeline.cmd("SET").arg(key).arg(value);
        if let Some(seconds) = self.writing.ttl_seconds {
            pipeline.arg("EX").arg(seconds);
        }
        pipeline.ignore();
    }
}
