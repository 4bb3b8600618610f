//! Where a table's files stand and where they are staged, and the few operations on them. The only file that knows
//! which object store is behind a path.

use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use headwater_core::ConnectorError;
use headwater_plan::TableError;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};

use crate::set::ConnectorSettings;

/// The folder of a table and the one in which its files are staged, in one object store.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    store: Arc<dyn ObjectStore>,
    /// Whether the store is this machine's file system, which has to be told to bring files to the disk.
    local: bool,
    /// The table's path as SQL means it, for messages.
    shown: String,
    table: Path,
    staging: Path,
}

/// How a file came to be where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It was moved there.
    Now,
    /// It was there already, and is no longer staged.
    Before,
}

impl Folders {
    /// The folders of the table at `path`.
    pub(super) fn of(settings: &ConnectorSettings, path: &str) -> Result<Self, TableError> {
        let table = settings.local_path(path)?;
        let base = settings.local_path(".")?;
        let staging: PathBuf = match table.starts_with(&base) {
            true => base.join("staging"),
            false => {
                let mut beside = table.clone().into_os_string();
                beside.push(".staging");
                beside.into()
            }
        };
        if staging.starts_with(&table) || table.starts_with(&staging) {
            return Err(TableError::new(format!("'{path}' holds what is staged for other tables"))
                .with_option("path")
                .with_hint("name a folder of the table's own"));
        }
        let in_store = |path: &LocalPath| {
            Path::from_absolute_path(path)
                .map_err(|error| TableError::new(format!("'{}': {error}", path.display())).with_option("path"))
        };
        Ok(Folders {
            store: Arc::new(LocalFileSystem::new()),
            local: true,
            shown: table.display().to_string(),
            table: in_store(&table)?,
            staging: in_store(&staging)?,
        })
    }

    /// The table's path, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The store, for a reader of whole files.
    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// An error about a file of this table.
    pub(super) fn failed(
        &self,
        relative: &str,
        step: &str,
        error: impl Into<headwater_core::error::BoxError>,
    ) -> ConnectorError {
        ConnectorError::fatal("filesystem", format!("{}/{relative}", self.shown), step, error)
    }

    fn visible(&self, relative: &str) -> Result<Path, ConnectorError> {
        below(&self.table, relative).map_err(|error| self.failed(relative, "name it", error))
    }

    fn staged(&self, relative: &str) -> Result<Path, ConnectorError> {
        below(&self.staging, relative).map_err(|error| self.failed(relative, "name it", error))
    }

    /// Writes a staged file, whole and on the disk.
    pub(super) async fn stage(&self, relative: &str, bytes: Vec<u8>) -> Result<(), ConnectorError> {
        let path = self.staged(relative)?;
        let put = self.store.put(&path, PutPayload::from(bytes)).await;
        put.map_err(|error| self.failed(relative, "stage it", error))?;
        self.sync(&path).await.map_err(|error| self.failed(relative, "bring it to the disk", error))
    }

    /// Moves a staged file to where scans find it. A second call finds it there and changes nothing.
    ///
    /// # Errors
    /// When the file is neither staged nor visible: what a checkpoint counts on is lost.
    pub(super) async fn publish(&self, staged: &str, visible: &str) -> Result<Published, ConnectorError> {
        let (from, to) = (self.staged(staged)?, self.visible(visible)?);
        match self.store.rename(&from, &to).await {
            Ok(()) => {
                self.sync(&folder_of(&to))
                    .await
                    .map_err(|error| self.failed(visible, "bring it to the disk", error))?;
                Ok(Published::Now)
            }
            Err(Error::NotFound { .. }) => match self.store.head(&to).await {
                Ok(_) => Ok(Published::Before),
                Err(error) => Err(self.failed(visible, "find it, staged or visible,", error)),
            },
            Err(error) => Err(self.failed(visible, "make it visible", error)),
        }
    }

    /// Where a visible file is in the store, and how many bytes it has.
    pub(super) async fn find(&self, relative: &str) -> Result<(Path, u64), ConnectorError> {
        let path = self.visible(relative)?;
        let found = self.store.head(&path).await.map_err(|error| self.failed(relative, "find it", error))?;
        Ok((path, found.size))
    }

    /// The files that are staged below a folder, by their names.
    pub(super) async fn list_staged(&self, folder: &str) -> Result<Vec<String>, ConnectorError> {
        self.list(&self.staged(folder)?, folder).await
    }

    /// The files of the table, by their paths below its folder.
    pub(super) async fn list_visible(&self) -> Result<Vec<String>, ConnectorError> {
        self.list(&self.table, "").await
    }

    async fn list(&self, folder: &Path, shown: &str) -> Result<Vec<String>, ConnectorError> {
        let files: Result<Vec<_>, Error> = self.store.list(Some(folder)).try_collect().await;
        let files = match files {
            Err(Error::NotFound { .. }) => Vec::new(),
            other => other.map_err(|error| self.failed(shown, "list its files", error))?,
        };
        let below = |path: &Path| Some(path.as_ref().strip_prefix(folder.as_ref())?.trim_start_matches('/').to_owned());
        let mut found: Vec<String> = files.iter().filter_map(|file| below(&file.location)).collect();
        found.sort();
        Ok(found)
    }

    /// Removes a staged file that no checkpoint counts on.
    pub(super) async fn discard(&self, relative: &str) -> Result<(), ConnectorError> {
        match self.store.delete(&self.staged(relative)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(relative, "remove it", error)),
        }
    }

    /// The bytes of a visible file.
    pub(super) async fn read(&self, relative: &str) -> Result<Bytes, ConnectorError> {
        let path = self.visible(relative)?;
        let read = async { self.store.get(&path).await?.bytes().await };
        read.await.map_err(|error| self.failed(relative, "read it", error))
    }

    /// Brings a file or a folder to the disk; a remote store has done so when it answers.
    async fn sync(&self, path: &Path) -> std::io::Result<()> {
        if !self.local {
            return Ok(());
        }
        let path = LocalPath::new("/").join(path.as_ref());
        tokio::fs::File::open(path).await?.sync_all().await
    }
}

fn below(folder: &Path, relative: &str) -> Result<Path, object_store::path::Error> {
    Path::parse(format!("{folder}/{relative}"))
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> Path {
    let folder = path.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder);
    Path::parse(folder).unwrap_or_default()
}
