//! One file that is being read: Parquet by ranges of the object, lines and Arrow whole.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use headwater_core::source::unread;
use headwater_core::{ConnectorError, WEIGHT};
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};

use super::super::options::FileFormat;
use super::super::partition::{value_column, values_of};
use super::object::ParquetObject;
use super::{FilePosition, FolderSource};
use crate::formats::bad_records::{DeadLetter, dead_letters};
use crate::formats::conform::conform;
use crate::formats::{Record, RecordDecoder, RecordFormat};

const BATCH_ROWS: usize = 8192;

/// What one reading gave.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Rows, or `None` at the end of the file.
    pub(super) batch: Option<RecordBatch>,
    /// Rows or lines read, bad ones too.
    pub(super) rows: u64,
    /// Bytes read, of lines.
    pub(super) bytes: u64,
    /// Lines that could not be read.
    pub(super) bad_records: u64,
    /// These lines, for the table that collects them.
    pub(super) bad: Option<RecordBatch>,
}

/// A file that is open at a position.
pub(super) struct OpenedFile {
    source: Arc<FolderSource>,
    name: String,
    content: Content,
}

enum Content {
    Parquet(Box<ParquetRecordBatchStream<ParquetObject>>),
    Arrow(VecDeque<RecordBatch>),
    Lines { rest: Bytes, lines: u64, decoder: RecordDecoder },
}

impl OpenedFile {
    /// Opens a file and goes to a position.
    pub(super) async fn open(
        source: &Arc<FolderSource>,
        name: &str,
        position: FilePosition,
    ) -> Result<Self, ConnectorError> {
        let content = match &source.format {
            FileFormat::Parquet(_) => open_parquet(source, name, position).await?,
            FileFormat::Arrow => open_arrow(source, name, position).await?,
            FileFormat::Lines(format) => open_lines(source, name, format, position).await?,
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
            Content::Arrow(batches) => {
                let Some(batch) = batches.pop_front() else { return Ok(Read::default()) };
                let rows = batch.num_rows() as u64;
                let batch = declared(&self.source, &self.name, &batch)?;
                Ok(Read { batch: Some(batch), rows, ..Read::default() })
            }
            Content::Lines { rest, lines, decoder } => {
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
    let wanted = |name: &String| source.schema.index_of(name).is_ok_and(|index| source.read[index]);
    let columns = builder.schema().fields().iter().enumerate();
    let wanted: Vec<usize> = columns.filter(|(_, field)| wanted(field.name())).map(|(index, _)| index).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let builder = builder.with_projection(mask);
    let stream = builder.with_batch_size(BATCH_ROWS).with_offset(start).build().map_err(failed)?;
    Ok(Content::Parquet(Box::new(stream)))
}

async fn open_arrow(source: &FolderSource, name: &str, position: FilePosition) -> Result<Content, ConnectorError> {
    let bytes = source.folders.read(name).await?;
    let reader = StreamReader::try_new(std::io::Cursor::new(bytes), None);
    let batches = reader.and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
    let batches = batches.map_err(|error| source.folders.failed(name, "open it as an arrow stream", error))?;
    let mut left = usize::try_from(position.rows).unwrap_or(usize::MAX);
    let mut rest = VecDeque::new();
    for batch in batches {
        let passed = left.min(batch.num_rows());
        left -= passed;
        if passed < batch.num_rows() {
            rest.push_back(batch.slice(passed, batch.num_rows() - passed));
        }
    }
    Ok(Content::Arrow(rest))
}

async fn open_lines(
    source: &FolderSource,
    name: &str,
    format: &RecordFormat,
    position: FilePosition,
) -> Result<Content, ConnectorError> {
    let bytes = source.folders.read(name).await?;
    let folders = values_of(name);
    let in_file = |field: &&Arc<Field>| !folders.contains_key(field.name());
    let content: Vec<_> = source.schema.fields().iter().filter(in_file).cloned().collect();
    let decoder = format.decoder(&Arc::new(Schema::new(content)));
    let mut decoder = decoder.map_err(|error| source.folders.failed(name, "read its format", error))?;
    // Positions are counted from behind the line that names the columns.
    let mut header = 0;
    if format.has_header() {
        header = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let learned = decoder.read_header(&bytes[..header]);
        learned.map_err(|reason| source.folders.failed(name, "learn its columns", reason))?;
    }
    let start = usize::try_from(position.bytes).unwrap_or(usize::MAX).saturating_add(header).min(bytes.len());
    let lines = position.rows + u64::from(header > 0);
    Ok(Content::Lines { rest: bytes.slice(start..), lines, decoder })
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
    // An empty line is no record; its number still counts.
    let numbered = lines.iter().zip(before + 1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let (records, numbers): (Vec<Record<'_>>, Vec<u64>) =
        numbered.map(|(line, number)| (Record::from(*line), number)).unzip();
    let path = format!("{}/{name}", source.folders.shown());
    let mut letters = Vec::new();
    let decoded = decoder.decode(&records);
    let decoded = decoded.map_err(|error| source.folders.failed(name, "put rows together", error))?;
    for bad in &decoded.bad {
        let (line, reason) = (numbers.get(bad.index).copied().unwrap_or_default(), bad.reason.as_str());
        let place = format!("{name}:{line}");
        let offset = i64::try_from(line).unwrap_or(i64::MAX);
        let letter = DeadLetter { topic: &path, partition: None, offset, reason, bytes: records[bad.index].value };
        source.bad_data.deal(letter, (&source.table, &place), &mut letters).map_err(|reason| {
            source.folders.failed(&place, &format!("read a record of table {}", source.table), reason)
        })?;
    }
    let bad = dead_letters(&letters).map_err(|error| source.folders.failed(name, "put bad records together", error))?;
    let batch = declared(source, name, &decoded.batch)?;
    let bad_records = decoded.bad.len() as u64;
    Ok(Read { batch: Some(batch), rows: lines.len() as u64, bytes: end as u64, bad_records, bad })
}

/// The declared columns: those of the file, and those that the folders give.
fn declared(source: &FolderSource, name: &str, batch: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
    let failed = |error| source.folders.failed(name, "read its folders", error);
    let folders = values_of(name);
    let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    for (field, read) in source.schema.fields().iter().zip(&source.read) {
        if !read && batch.column_by_name(field.name()).is_none() {
            columns.push(unread(field, batch.num_rows()));
            fields.push(Arc::clone(field));
        } else if let Some(value) = folders.get(field.name())
            && batch.column_by_name(field.name()).is_none()
        {
            columns.push(value_column(value.as_deref(), field.data_type(), batch.num_rows()).map_err(failed)?);
            fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
        }
    }
    let weights = batch.column_by_name(WEIGHT).cloned();
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let all = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(failed)?;
    let step = format!("read a record of table {}", source.table);
    let rows = conform(&all, &source.schema).map_err(|reason| source.folders.failed(name, &step, reason))?;
    let Some(weights) = weights else { return Ok(rows) };
    // The weight of a change stays behind the columns.
    let weight = Arc::new(Field::new(WEIGHT, DataType::Int64, false));
    let fields: Vec<_> = rows.schema_ref().fields().iter().cloned().chain([weight]).collect();
    let columns = rows.columns().iter().cloned().chain([weights]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)
}
