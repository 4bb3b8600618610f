//! One file that is being read: Parquet by ranges of the object, JSON lines whole.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use headwater_core::ConnectorError;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::async_reader::ParquetRecordBatchStream;

use super::super::options::FileFormat;
use super::super::partition::{value_column, values_of};
use super::object::ParquetObject;
use super::{FilePosition, FolderSource};
use crate::formats::conform::conform;
use crate::formats::json::JsonOptions;
use crate::formats::{BadData, Record, RecordDecoder, RecordFormat};

const BATCH_ROWS: usize = 8192;

/// What one reading gave.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Rows, or `None` at the end of the file.
    pub(super) batch: Option<RecordBatch>,
    /// Rows or lines read, bad ones too.
    pub(super) rows: u64,
    /// Bytes read, of JSON.
    pub(super) bytes: u64,
    /// Lines that were dropped.
    pub(super) bad_records: u64,
}

/// A file that is open at a position.
pub(super) struct OpenedFile {
    source: Arc<FolderSource>,
    name: String,
    content: Content,
}

enum Content {
    Parquet(Box<ParquetRecordBatchStream<ParquetObject>>),
    Json { rest: Bytes, lines: u64, decoder: RecordDecoder },
}

impl OpenedFile {
    /// Opens a file and goes to a position.
    pub(super) async fn open(
        source: &Arc<FolderSource>,
        name: &str,
        position: FilePosition,
    ) -> Result<Self, ConnectorError> {
        let content = match source.format {
            FileFormat::Parquet(_) => open_parquet(source, name, position).await?,
            FileFormat::Json(timestamps) => {
                let bytes = source.folders.read(name).await?;
                let start = usize::try_from(position.bytes).unwrap_or(usize::MAX).min(bytes.len());
                let folders = values_of(name);
                let in_file = |field: &&Arc<arrow::datatypes::Field>| !folders.contains_key(field.name());
                let content: Vec<_> = source.schema.fields().iter().filter(in_file).cloned().collect();
                let content = Arc::new(Schema::new(content));
                let decoder = RecordFormat::Json(JsonOptions { timestamps, unstructured: false }).decoder(&content);
                let decoder = decoder.map_err(|error| source.folders.failed(name, "read its format", error))?;
                Content::Json { rest: bytes.slice(start..), lines: position.rows, decoder }
            }
        };
        Ok(OpenedFile { source: Arc::clone(source), name: name.to_owned(), content })
    }

    /// The next rows. Nothing is lost when the future is dropped: what is being read is kept by the stream.
    pub(super) async fn next(&mut self) -> Result<Read, ConnectorError> {
        let folders = &self.source.folders;
        match &mut self.content {
            Content::Parquet(stream) => {
                let Some(batch) = stream.next().await else { return Ok(Read::default()) };
                let batch = batch.map_err(|error| folders.failed(&self.name, "read its rows", error))?;
                let rows = batch.num_rows() as u64;
                let batch = declared(&self.source, &self.name, &batch)?;
                Ok(Read { batch: Some(batch), rows, ..Read::default() })
            }
            Content::Json { rest, lines, decoder } => {
                let read = read_lines(&self.source, &self.name, rest, *lines, decoder)?;
                *rest = rest.slice(read.bytes as usize..);
                *lines += read.rows;
                Ok(read)
            }
        }
    }
}

async fn open_parquet(source: &FolderSource, name: &str, position: FilePosition) -> Result<Content, ConnectorError> {
    let failed = |error| source.folders.failed(name, "open it as parquet", error);
    let (path, bytes) = source.folders.find(name).await?;
    let reader = ParquetObject::new(source.folders.store(), path, bytes);
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(failed)?;
    let start = usize::try_from(position.rows).unwrap_or(usize::MAX);
    let stream = builder.with_batch_size(BATCH_ROWS).with_offset(start).build().map_err(failed)?;
    Ok(Content::Parquet(Box::new(stream)))
}

fn read_lines(
    source: &FolderSource,
    name: &str,
    rest: &Bytes,
    before: u64,
    decoder: &mut RecordDecoder,
) -> Result<Read, ConnectorError> {
    let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    // Fewer line feeds than a batch has rows means that the rest is the batch, whether or not it ends in one.
    let end = ends.nth(BATCH_ROWS - 1).unwrap_or(rest.len());
    if end == 0 {
        return Ok(Read::default());
    }
    let block = &rest[..end];
    let lines: Vec<&[u8]> = block.strip_suffix(b"\n").unwrap_or(block).split(|byte| *byte == b'\n').collect();
    let records: Vec<Record<'_>> = lines.iter().map(|line| Record::from(line.trim_ascii())).collect();
    let decoded = decoder.decode(&records);
    let decoded = decoded.map_err(|error| source.folders.failed(name, "put rows together", error))?;
    for bad in &decoded.bad {
        let place = format!("{name}:{}", before + bad.index as u64 + 1);
        if source.bad_data == BadData::Fail {
            let step = format!("read a record of table {}", source.table);
            return Err(source.folders.failed(&place, &step, bad.reason.clone()));
        }
        tracing::warn!(table = %source.table, %place, reason = %bad.reason, "dropped a bad record");
    }
    let batch = declared(source, name, &decoded.batch)?;
    let bad_records = decoded.bad.len() as u64;
    Ok(Read { batch: Some(batch), rows: lines.len() as u64, bytes: end as u64, bad_records })
}

/// The declared columns: those of the file, and those that the folders give.
fn declared(source: &FolderSource, name: &str, batch: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
    let failed = |error| source.folders.failed(name, "read its folders", error);
    let folders = values_of(name);
    let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    for field in source.schema.fields() {
        if let Some(value) = folders.get(field.name())
            && batch.column_by_name(field.name()).is_none()
        {
            columns.push(value_column(value.as_deref(), field.data_type(), batch.num_rows()).map_err(failed)?);
            fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
        }
    }
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let all = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(failed)?;
    let step = format!("read a record of table {}", source.table);
    conform(&all, &source.schema).map_err(|reason| source.folders.failed(name, &step, reason))
}
