//! Reads the files of a folder, which is listed once, or again and again where the table watches it. A file is a
//! partition: rows of different files may be of the same time, so none of them may run ahead of the others. A file
//! belongs to an instance by its name, so that all agree whatever each of them finds. Files are read in the order in
//! which they are found, and those of one listing by name.

mod file;
mod object;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use headwater_core::source::SourceFactoryRef;
use headwater_core::{ConnectorError, Source, SourceContext, SourceFactory};
use headwater_plan::TableError;
use serde::{Deserialize, Serialize};

use self::reader::Reader;
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
    /// How often the folder is listed; `None` is once.
    pub(super) watch: Option<Duration>,
    /// Whether each of the columns is read.
    pub(super) read: Vec<bool>,
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
        watch: Option<Duration>,
    ) -> Result<Self, TableError> {
        if let FileFormat::Lines(format) = &format {
            format.decoder(&schema)?;
        }
        let read = vec![true; schema.fields().len()];
        Ok(FolderSource { table, folders, schema, format, bad_data, watch, read })
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
        self.watch.is_none()
    }

    fn reading(&self, read: &[bool]) -> Option<SourceFactoryRef> {
        let pays = matches!(self.format, FileFormat::Parquet(_));
        pays.then(|| Arc::new(FolderSource { read: read.to_vec(), ..self.clone() }) as SourceFactoryRef)
    }

    fn gives_bad_records(&self) -> bool {
        self.bad_data == BadData::DeadLetter && matches!(self.format, FileFormat::Lines(_))
    }

    fn fingerprint(&self) -> String {
        format!("filesystem {} {}", self.folders.shown(), self.format.extension())
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        Ok(Box::new(Reader::open(Arc::new(self.clone()), &context).await?))
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

#[cfg(test)]
mod tests;
