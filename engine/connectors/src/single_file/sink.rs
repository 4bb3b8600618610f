//! Writes lines to a file, and keeps its length in the checkpoint.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::operator::{RestoredChunk, StateChunk};
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{SinkSpec, TableError};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::formats::RecordFormat;
use crate::formats::rows::LineEncoder;

const LENGTH: &str = "length";

#[derive(Clone, Debug)]
pub(super) struct FileSink {
    pub(super) path: PathBuf,
    pub(super) format: RecordFormat,
    /// Tells the rows of a changelog apart.
    pub(super) primary_key: Vec<String>,
}

fn failed(path: &Path, step: &str, error: impl Into<headwater_core::error::BoxError>) -> ConnectorError {
    ConnectorError::fatal("single_file", path.display().to_string(), step, error)
}

impl SinkSpec for FileSink {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let encoder = LineEncoder::new("single_file", &self.format, schema, &self.primary_key)?;
        Ok(Arc::new(FileSinkFactory { path: self.path.clone(), encoder }))
    }
}

#[derive(Debug)]
struct FileSinkFactory {
    path: PathBuf,
    encoder: LineEncoder,
}

#[async_trait]
impl SinkFactory for FileSinkFactory {
    fn parallel(&self) -> bool {
        false
    }

    fn wants_hidden_columns(&self) -> bool {
        self.encoder.wants_hidden_columns()
    }

    async fn open(&self, _: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        Ok(Box::new(Writer {
            path: self.path.clone(),
            encoder: self.encoder.clone(),
            file: None,
            length: 0,
            chunk: None,
        }))
    }

    async fn committer(&self, _: &str, _: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

struct Writer {
    path: PathBuf,
    encoder: LineEncoder,
    /// Opened by the first call: only `restore` knows that there is something to keep.
    file: Option<File>,
    length: u64,
    /// The chunk that the last snapshot handed over, and the length it says.
    chunk: Option<(String, u64)>,
}

#[async_trait]
impl Sink for Writer {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let lines = self.encoder.encode(&batch, self.length == 0);
        let lines = lines.map_err(|error| failed(&self.path, "write rows as lines", error))?;
        let written = self.file().await?.write_all(&lines).await;
        written.map_err(|error| failed(&self.path, "write to it", error))?;
        self.length += lines.len() as u64;
        Ok(())
    }

    async fn stage(&mut self, _: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        self.sync().await?;
        Ok(Staged { chunks: vec![self.length_chunk()?], commit: None })
    }

    async fn restore(&mut self, chunks: Vec<RestoredChunk>) -> Result<(), ConnectorError> {
        let Some(chunk) = chunks.iter().find(|chunk| chunk.table == LENGTH) else { return Ok(()) };
        let lengths = chunk.rows.column(0).as_primitive_opt::<UInt64Type>().filter(|lengths| !lengths.is_empty());
        let length = lengths.map(|lengths| lengths.value(0));
        let length = length.ok_or_else(|| failed(&self.path, "restore its length", "the state is of another kind"))?;
        self.cut_back(length).await
    }
}

impl Writer {
    async fn file(&mut self) -> Result<&mut File, ConnectorError> {
        let path = &self.path;
        match &mut self.file {
            Some(file) => Ok(file),
            empty => {
                if let Some(folder) = path.parent() {
                    let made = tokio::fs::create_dir_all(folder).await;
                    made.map_err(|error| failed(path, "create its folder", error))?;
                }
                let file = File::create(path).await.map_err(|error| failed(path, "create it", error))?;
                Ok(empty.insert(file))
            }
        }
    }

    async fn sync(&mut self) -> Result<(), ConnectorError> {
        let file = self.file().await?;
        let synced = match file.flush().await {
            Ok(()) => file.sync_data().await,
            Err(error) => Err(error),
        };
        synced.map_err(|error| failed(&self.path, "bring it to the disk", error))
    }

    /// Opens the file as it was at the checkpoint: what stands behind that length is written again.
    async fn cut_back(&mut self, length: u64) -> Result<(), ConnectorError> {
        let path = &self.path;
        let file = OpenOptions::new().append(true).open(path).await.map_err(|error| failed(path, "open it", error))?;
        let found = file.metadata().await.map_err(|error| failed(path, "learn its length", error))?.len();
        if found < length {
            let reason = format!("it has {found} bytes and the checkpoint knows of {length}");
            return Err(failed(path, "go on writing", reason));
        }
        file.set_len(length).await.map_err(|error| failed(path, "cut it back to the checkpoint", error))?;
        self.file = Some(file);
        self.length = length;
        Ok(())
    }

    fn length_chunk(&mut self) -> Result<StateChunk, ConnectorError> {
        let table = LENGTH.to_owned();
        if let Some((id, length)) = &self.chunk
            && *length == self.length
        {
            return Ok(StateChunk { table, id: id.clone(), rows: None });
        }
        let id = Uuid::new_v4().to_string();
        let column: ArrayRef = Arc::new(UInt64Array::from(vec![self.length]));
        let rows = RecordBatch::try_from_iter([("bytes", column)])
            .map_err(|error| failed(&self.path, "keep its length", error))?;
        self.chunk = Some((id.clone(), self.length));
        Ok(StateChunk { table, id, rows: Some(rows.into()) })
    }
}
