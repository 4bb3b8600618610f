//! What commands have changed, by camera, and its file: a device that starts again goes on as it was told to.
//!
//! The file is JSON, replaced whole. One that is deleted means that the settings file holds alone again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use headwater_proto::batch::control::Change;
use serde::{Deserialize, Serialize};

/// The changes of each camera, the newest of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RemoteChanges(BTreeMap<String, Change>);

/// Why what was remembered cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The file cannot be read.
    #[error("reading the remembered commands {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The file is not what an agent writes.
    #[error("reading the remembered commands {}: delete it to begin with the settings alone", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    /// The file cannot be written.
    #[error("writing the remembered commands {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl FromIterator<(String, Change)> for RemoteChanges {
    fn from_iter<I: IntoIterator<Item = (String, Change)>>(changes: I) -> Self {
        Self(changes.into_iter().collect())
    }
}

impl RemoteChanges {
    /// What is changed of a camera.
    pub(super) fn of(&self, camera_id: &str) -> Option<&Change> {
        self.0.get(camera_id)
    }

    /// Lays later changes over these.
    pub(super) fn add(&mut self, later: Self) {
        for (camera_id, change) in later.0 {
            let kept = self.0.entry(camera_id).or_default();
            let Change { fps, tiers, zones, lines, paused } = change;
            kept.fps = fps.or(kept.fps);
            kept.tiers = tiers.or(kept.tiers.take());
            kept.zones = zones.or(kept.zones.take());
            kept.lines = lines.or(kept.lines.take());
            kept.paused = paused.or(kept.paused);
        }
    }

    /// Reads a file; none is no changes.
    ///
    /// # Errors
    /// [`RemoteError::Read`], [`RemoteError::Parse`].
    pub(crate) fn load(path: &Path) -> Result<Self, RemoteError> {
        let text = match fs::read(path) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|source| RemoteError::Read { path: path.to_owned(), source })?,
        };
        serde_json::from_slice(&text).map_err(|source| RemoteError::Parse { path: path.to_owned(), source })
    }

    /// Replaces the file; after a power cut it is the old one or the new one.
    ///
    /// # Errors
    /// [`RemoteError::Write`].
    pub(crate) fn save(&self, path: &Path) -> Result<(), RemoteError> {
        let failed = |source| RemoteError::Write { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let new = path.with_extension("new");
        let mut file = fs::File::create(&new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remote.json");
        assert_eq!(RemoteChanges::load(&path).unwrap(), RemoteChanges::default());
        let paused = Change { paused: Some(true), tiers: Some(vec![320]), ..Change::default() };
        let mut changes = RemoteChanges::from_iter([("door".to_owned(), paused)]);
        changes.save(&path).unwrap();
        let again = Change { paused: Some(false), ..Change::default() };
        changes.add(RemoteChanges::from_iter([("door".to_owned(), again)]));
        changes.save(&path).unwrap();
        let read = RemoteChanges::load(&path).unwrap();
        assert_eq!((&read, read.of("door").unwrap().paused), (&changes, Some(false)));
        assert_eq!(read.of("door").unwrap().tiers, Some(vec![320]), "what the later command did not name is kept");
    }

    #[test]
    fn a_file_of_somebody_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remote.json");
        fs::write(&path, "{\"door\": {\"speed\": 1}}").unwrap();
        let error = RemoteChanges::load(&path).unwrap_err();
        assert!(error.to_string().ends_with("remote.json: delete it to begin with the settings alone"), "{error}");
    }
}
