//! Reads the files of a folder, listed once. A file is a partition: rows of different files may be of the same time,
//! so none of them may run ahead of the others. A file belongs to an instance by its name, so that all agree whatever
//! each of them finds.

mod file;
mod object;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent, SourceFactory};
use headwater_plan::TableError;
use serde::{Deserialize, Serialize};

use self::file::OpenedFile;
use super::options::FileFormat;
use super::store::Folders;
use crate::formats::BadData;

#[derive(Clone, Debug)]
pub(super) struct FolderSource {
    pub(super) table: String,
    pub(super) folders: Folders,
    pub(super) schema: SchemaRef,
    pub(super) format: FileFormat,
    pub(super) bad_data: BadData,
}

impl FolderSource {
    /// A source of these columns.
    ///
    /// # Errors
    /// When the format cannot hold one of them.
    pub(super) fn new(
        table: String,
        folders: Folders,
        schema: SchemaRef,
        format: FileFormat,
        bad_data: BadData,
    ) -> Result<Self, TableError> {
        if let FileFormat::Lines(format) = &format {
            format.decoder(&schema)?;
        }
        Ok(FolderSource { table, folders, schema, format, bad_data })
    }
}

/// Where a file is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePosition {
    /// Rows of Parquet and Arrow, or lines, that were read.
    rows: u64,
    /// Bytes of lines that were read.
    #[serde(default)]
    bytes: u64,
    /// Whether all was read.
    #[serde(default)]
    done: bool,
}

#[async_trait]
impl SourceFactory for FolderSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn updating(&self) -> bool {
        self.format.is_changelog()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn fingerprint(&self) -> String {
        format!("filesystem {} {}", self.folders.shown(), self.format.extension())
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        let mut positions = BTreeMap::new();
        let mut waiting = VecDeque::new();
        for name in self.folders.list_visible().await? {
            if !self.is_ours(&name, context.subtask, context.parallelism) {
                continue;
            }
            let position = match context.positions.get(&name) {
                None => FilePosition::default(),
                Some(value) => serde_json::from_value(value.clone())
                    .map_err(|error| self.folders.failed(&name, "read its position", error))?,
            };
            positions.insert(name.clone(), position);
            if !position.done {
                waiting.push_back(name);
            }
        }
        Ok(Box::new(Reader {
            source: Arc::new(self.clone()),
            positions,
            waiting,
            announced: false,
            opened: None,
            bad_records: 0,
        }))
    }
}

impl FolderSource {
    /// Whether a file is one of the table's, and of this instance. Names that begin with `.` or `_` are what other
    /// tools keep beside their tables.
    fn is_ours(&self, name: &str, subtask: usize, parallelism: usize) -> bool {
        let hidden = name.split('/').any(|part| part.starts_with(['.', '_']) && !part.contains('='));
        let extension = name.rsplit_once('.').is_some_and(|(_, extension)| extension == self.format.extension());
        extension && !hidden && share(name) % parallelism.max(1) as u64 == subtask as u64
    }
}

/// A hash of a file's name that never changes: FNV-1a.
fn share(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

struct Reader {
    source: Arc<FolderSource>,
    positions: BTreeMap<String, FilePosition>,
    /// Files that are not read to their end; the first one is being read.
    waiting: VecDeque<String>,
    announced: bool,
    opened: Option<OpenedFile>,
    bad_records: u64,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        loop {
            // A file that ended holds nothing back any more.
            if !self.announced {
                self.announced = true;
                return Ok(SourceEvent::Partitions(self.waiting.iter().cloned().collect()));
            }
            let Some(name) = self.waiting.front().cloned() else { return Ok(SourceEvent::End) };
            let position = self.positions.entry(name.clone()).or_default();
            let opened = match &mut self.opened {
                Some(opened) => opened,
                none => none.insert(OpenedFile::open(&self.source, &name, *position).await?),
            };
            let read = opened.next().await?;
            self.bad_records += read.bad_records;
            position.rows += read.rows;
            position.bytes += read.bytes;
            match read.batch {
                Some(batch) if batch.num_rows() > 0 => return Ok(SourceEvent::Batch { partition: 0, batch }),
                Some(_) => {}
                None => {
                    position.done = true;
                    self.opened = None;
                    self.waiting.pop_front();
                    self.announced = false;
                }
            }
        }
    }

    fn positions(&self) -> Positions {
        let value = |(name, position): (&String, &FilePosition)| {
            (name.clone(), serde_json::json!({"rows": position.rows, "bytes": position.bytes, "done": position.done}))
        };
        self.positions.iter().map(value).collect()
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }
}
