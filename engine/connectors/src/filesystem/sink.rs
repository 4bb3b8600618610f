//! Fills files, and at a barrier stages those that are full.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::operator::RestoredChunk;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{SinkSpec, TableError};
use uuid::Uuid;

use super::commit::{FolderCommitter, StagedFile};
use super::encode::FileEncoder;
use super::open_files::{FullFile, OPEN, OpenFiles};
use super::options::{FileFormat, SinkOptions};
use super::partition::Partitioner;
use super::store::Folders;
use crate::staging::{staged_name, staging_folder};

/// What time it is; the only place that the sink learns it from.
pub(super) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

#[derive(Clone)]
pub(super) struct FolderSink {
    pub(super) folders: Folders,
    pub(super) format: FileFormat,
    /// Tells the rows of a changelog apart.
    pub(super) primary_key: Vec<String>,
    pub(super) options: SinkOptions,
    pub(super) clock: Clock,
}

impl fmt::Debug for FolderSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderSink").field("path", &self.folders.shown()).finish_non_exhaustive()
    }
}

impl SinkSpec for FolderSink {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let pattern = self.options.time_pattern.as_deref();
        let fields = &self.options.partition_fields;
        if schema.is_updating() {
            return self.bind_changelog(schema);
        }
        let rows = if pattern.is_some() { schema.full().clone() } else { schema.visible() };
        let partitioner = Partitioner::new(&rows, schema.visible_count(), fields, pattern)?;
        let content = StreamSchema::append_only(partitioner.content_schema());
        let encoder = FileEncoder::new(&self.format, &content, &self.primary_key)?;
        let hidden = pattern.is_some();
        Ok(Arc::new(FolderSinkFactory { sink: self.clone(), partitioner, encoder, hidden }))
    }
}

impl FolderSink {
    /// The files of a changelog stand in one folder: a row that is taken back may be of another one.
    fn bind_changelog(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let encoder = FileEncoder::new(&self.format, schema, &self.primary_key)?;
        let dealt = [
            ("partition_fields", !self.options.partition_fields.is_empty()),
            ("time_pattern", self.options.time_pattern.is_some()),
        ];
        if let Some((option, _)) = dealt.iter().find(|(_, said)| *said) {
            return Err(TableError::new("the changes of a changelog cannot be dealt out to folders")
                .with_option(*option)
                .with_hint("leave it out, or group the query by a window to have each row once"));
        }
        let all = schema.full();
        let partitioner = Partitioner::new(all, all.fields().len(), &[], None)?;
        let hidden = encoder.wants_hidden_columns();
        Ok(Arc::new(FolderSinkFactory { sink: self.clone(), partitioner, encoder, hidden }))
    }
}

#[derive(Debug)]
struct FolderSinkFactory {
    sink: FolderSink,
    partitioner: Partitioner,
    encoder: FileEncoder,
    hidden: bool,
}

#[async_trait]
impl SinkFactory for FolderSinkFactory {
    fn wants_hidden_columns(&self) -> bool {
        self.hidden
    }

    async fn open(&self, context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
        Ok(Box::new(Writer {
            sink: self.sink.clone(),
            partitioner: self.partitioner.clone(),
            encoder: self.encoder.clone(),
            files: OpenFiles::new(self.sink.options.rolling, run.clone()),
            staging: staging_folder(&context.job, context.node),
            subtask: context.subtask,
            run,
            counter: 0,
        }))
    }

    async fn committer(&self, job: &str, node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(Some(Arc::new(FolderCommitter::new(self.sink.folders.clone(), staging_folder(job, node)))))
    }
}

struct Writer {
    sink: FolderSink,
    partitioner: Partitioner,
    encoder: FileEncoder,
    files: OpenFiles,
    staging: String,
    subtask: usize,
    run: String,
    counter: u64,
}

#[async_trait]
impl Sink for Writer {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        self.add(&batch)
    }

    async fn stage(&mut self, epoch: Epoch, last: bool) -> Result<Staged, ConnectorError> {
        let mut files = Vec::new();
        for full in self.files.take_full((self.sink.clock)(), last) {
            files.push(self.stage_file(epoch, full).await?);
        }
        let chunks = self.files.snapshot().map_err(|error| self.failed("keep the rows of open files", error))?;
        let commit = (!files.is_empty()).then(|| serde_json::to_value(&files));
        let commit = commit.transpose().map_err(|error| self.failed("name the staged files", error))?;
        Ok(Staged { chunks, commit })
    }

    async fn restore(&mut self, chunks: Vec<RestoredChunk>) -> Result<(), ConnectorError> {
        chunks.iter().filter(|chunk| chunk.table == OPEN).try_for_each(|chunk| self.add(&chunk.rows))
    }
}

impl Writer {
    fn failed(&self, step: &str, error: impl Into<headwater_core::error::BoxError>) -> ConnectorError {
        self.sink.folders.failed("", step, error)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ConnectorError> {
        let parts = self.partitioner.split(batch).map_err(|error| self.failed("deal rows out to folders", error))?;
        let now = (self.sink.clock)();
        for (folder, rows) in parts {
            self.files.add(folder, rows, now);
        }
        Ok(())
    }

    async fn stage_file(&mut self, epoch: Epoch, full: FullFile) -> Result<StagedFile, ConnectorError> {
        let extension = self.sink.format.extension();
        let name = format!("{}-{}-{}-{}.{extension}", staged_name(epoch), self.subtask, self.counter, self.run);
        self.counter += 1;
        let file = StagedFile {
            staged: format!("{}/{name}", self.staging),
            visible: if full.folder.is_empty() { name } else { format!("{}/{name}", full.folder) },
        };
        let (encoder, partitioner) = (self.encoder.clone(), self.partitioner.clone());
        // Compressing a large file takes longer than a task may hold its thread.
        let encoded = tokio::task::spawn_blocking(move || {
            let content: Result<Vec<_>, _> = full.rows.iter().map(|rows| partitioner.content(rows)).collect();
            encoder.encode(partitioner.content_schema(), &content?)
        });
        let encoded = encoded.await.map_err(|error| self.failed("encode a file", error))?;
        let bytes = encoded.map_err(|error| self.failed("encode a file", error))?;
        self.sink.folders.stage(&file.staged, bytes).await?;
        Ok(file)
    }
}
