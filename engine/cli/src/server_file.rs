//! Where a running server says how to reach it: `<data>/server.json`, there while it runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// Where gRPC listens.
    pub(crate) grpc: SocketAddr,
    /// Where REST listens.
    pub(crate) http: SocketAddr,
    /// The server's process.
    pub(crate) pid: u32,
}

/// The file of a running server; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Published(PathBuf);

impl ServerFile {
    /// What the data folder's server said, if one is running or has crashed.
    pub(crate) fn read(data_dir: &Path) -> Option<ServerFile> {
        let text = std::fs::read_to_string(path(data_dir)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Says it.
    pub(crate) fn publish(&self, data_dir: &Path) -> anyhow::Result<Published> {
        let path = path(data_dir);
        let text = serde_json::to_string_pretty(self).context("could not write down where the server listens")?;
        std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        Ok(Published(path))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // A file that stays behind names a port that nobody answers on, which its reader copes with.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("server.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_while_the_server_is() {
        let data = tempfile::tempdir().unwrap();
        let file = ServerFile { grpc: ([127, 0, 0, 1], 1).into(), http: ([127, 0, 0, 1], 2).into(), pid: 3 };
        let published = file.publish(data.path()).unwrap();
        assert_eq!(ServerFile::read(data.path()), Some(file));
        drop(published);
        assert_eq!(ServerFile::read(data.path()), None);
    }
}
