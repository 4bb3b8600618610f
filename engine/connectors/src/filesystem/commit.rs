//! Makes staged files visible, and removes those that nobody will ever commit.

use async_trait::async_trait;
use headwater_core::{Committer, ConnectorError, Epoch};
use serde::{Deserialize, Serialize};

use super::store::{Folders, Published};
use crate::staging::epoch_of;

/// A staged file and where it belongs, each below its folder. A sink's commit value is a list of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StagedFile {
    /// Below the staging folder.
    pub(super) staged: String,
    /// Below the table's folder.
    pub(super) visible: String,
}

/// Commits for all instances of one sink.
#[derive(Debug)]
pub(super) struct FolderCommitter {
    folders: Folders,
    staging: String,
}

impl FolderCommitter {
    /// A committer of what is staged below `staging`.
    pub(super) fn new(folders: Folders, staging: String) -> Self {
        FolderCommitter { folders, staging }
    }
}

#[async_trait]
impl Committer for FolderCommitter {
    async fn commit(&self, epoch: Epoch, staged: &[serde_json::Value]) -> Result<(), ConnectorError> {
        for value in staged {
            let files: Vec<StagedFile> = serde_json::from_value(value.clone())
                .map_err(|error| self.folders.failed("", "read what was staged", error))?;
            for file in files {
                let published = self.folders.publish(&file.staged, &file.visible).await?;
                tracing::debug!(file = %file.visible, epoch, again = (published == Published::Before), "committed a file");
            }
        }
        // What is still staged for this epoch or an earlier one was staged by a life that crashed before its
        // checkpoint was complete: its rows were written again.
        for file in self.folders.list_staged(&self.staging).await? {
            if epoch_of(&file).is_some_and(|of| of <= epoch) {
                self.folders.discard(&format!("{}/{file}", self.staging)).await?;
            }
        }
        Ok(())
    }
}
