//! What may be deleted: files that no kept manifest needs. Pure.

use std::collections::BTreeSet;

use headwater_core::Epoch;

use crate::manifest::Manifest;

/// How many manifests are kept. The newest is the one to go on from; the one before it is for a person who looks.
pub const KEPT_EPOCHS: usize = 2;

/// What to delete, and in this order: a manifest goes before its chunks, so that no manifest names a file that is
/// gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Epochs whose manifests go.
    pub epochs: Vec<Epoch>,
    /// Chunk files that go, relative to the job's prefix.
    pub chunks: Vec<String>,
}

/// Decides what to delete, given the epochs that exist (ascending), the manifests that are kept and the chunk files
/// that were listed. Files of epochs after the newest manifest are left alone: they may be on their way.
pub fn garbage(epochs: &[Epoch], kept: &[Manifest], chunks: &[String]) -> Garbage {
    let keep_from = kept.iter().map(|m| m.epoch).min().unwrap_or(Epoch::MAX);
    let newest = kept.iter().map(|m| m.epoch).max().unwrap_or(0);
    let needed: BTreeSet<&str> = kept.iter().flat_map(Manifest::paths).collect();
    let old = |path: &&String| epoch_of(path).is_some_and(|epoch| epoch <= newest) && !needed.contains(path.as_str());
    Garbage {
        epochs: epochs.iter().copied().filter(|epoch| *epoch < keep_from).collect(),
        chunks: chunks.iter().filter(old).cloned().collect(),
    }
}

/// The epoch that a chunk file was written with: the folder in `chunks/<epoch>/…`.
pub fn epoch_of(path: &str) -> Option<Epoch> {
    path.strip_prefix("chunks/")?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ChunkRef, FORMAT, InstanceState, NodeState};

    fn manifest(epoch: Epoch, paths: &[&str]) -> Manifest {
        let chunk = |path: &&str| ChunkRef { table: "t".into(), id: "i".into(), path: (*path).into(), rows: 1 };
        let instance = InstanceState { chunks: paths.iter().map(chunk).collect(), ..InstanceState::default() };
        let node = NodeState { fingerprint: "n".into(), instances: vec![instance] };
        Manifest { format: FORMAT, job: "j".into(), epoch, nodes: vec![node] }
    }

    #[test]
    fn an_old_chunk_stays_while_a_kept_manifest_needs_it() {
        let kept = [manifest(4, &["chunks/1/a", "chunks/4/b"]), manifest(5, &["chunks/4/b", "chunks/5/c"])];
        let listed: Vec<String> =
            ["chunks/1/a", "chunks/2/x", "chunks/4/b", "chunks/5/c", "chunks/6/d"].map(String::from).into();
        let garbage = garbage(&[2, 3, 4, 5], &kept, &listed);
        assert_eq!(garbage, Garbage { epochs: vec![2, 3], chunks: vec!["chunks/2/x".into()] });
    }

    #[test]
    fn without_a_manifest_nothing_is_deleted() {
        assert_eq!(garbage(&[], &[], &["chunks/1/a".into()]), Garbage::default());
    }
}
