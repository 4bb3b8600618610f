//! Checkpoints on an object store: the only file here that does I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use headwater_core::{ChunkRows, Epoch, OperatorError, RestoredChunk};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::garbage::{self, KEPT_EPOCHS};
use crate::manifest::{ChunkRef, FORMAT, InstanceState, Manifest, NodeState};
use crate::tracker::{InstanceAck, InstanceId};

/// How many files are read or written at once.
const CONCURRENT_FILES: usize = 8;

/// A step with the object store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store refused or could not be reached.
    #[error("checkpoint file {path}: could not {step}")]
    Store {
        /// The file.
        path: String,
        /// What was tried.
        step: &'static str,
        /// Why.
        source: object_store::Error,
    },
    /// A manifest that this version cannot read.
    #[error("checkpoint manifest {path}: {reason}")]
    Manifest {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A chunk that is no Arrow file.
    #[error("checkpoint chunk {path}: could not {step}")]
    Chunk {
        /// The file.
        path: String,
        /// What was tried.
        step: &'static str,
        /// Why.
        source: ArrowError,
    },
    /// Rows that an operator had put on local disk could not be read back.
    #[error("checkpoint chunk {path}: could not read its rows")]
    Rows {
        /// The file.
        path: String,
        /// Why.
        source: OperatorError,
    },
    /// Somebody else has written this epoch.
    #[error("job {job} is run by somebody else: epoch {epoch} exists already")]
    Fenced {
        /// The job.
        job: String,
        /// The epoch.
        epoch: Epoch,
    },
    /// An instance named a chunk as unchanged that no earlier manifest has.
    #[error("job {job}: node {node} names chunk {chunk} as unchanged, but no checkpoint has it")]
    UnknownChunk {
        /// The job.
        job: String,
        /// The node's number.
        node: usize,
        /// The chunk's name.
        chunk: String,
    },
}

/// The checkpoints below one prefix of an object store, a folder a job.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl CheckpointStore {
    /// Checkpoints below `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        CheckpointStore { store, prefix: Path::from(prefix) }
    }

    /// The newest checkpoint of a job, if it has one.
    pub async fn latest(&self, job: &str) -> Result<Option<Manifest>, StoreError> {
        match self.epochs(job).await?.last() {
            Some(epoch) => self.manifest(job, *epoch).await.map(Some),
            None => Ok(None),
        }
    }

    /// Writes an epoch: first the new chunks, then the manifest, which makes it exist. `previous` is the manifest
    /// before, whose files are used for unchanged chunks; `fingerprints` are those of the nodes, in order.
    pub async fn write(
        &self,
        job: &str,
        epoch: Epoch,
        fingerprints: &[String],
        acks: BTreeMap<InstanceId, InstanceAck>,
        previous: Option<&Manifest>,
    ) -> Result<Manifest, StoreError> {
        let mut nodes: Vec<NodeState> = fingerprints
            .iter()
            .map(|fingerprint| NodeState { fingerprint: fingerprint.clone(), instances: Vec::new() })
            .collect();
        let mut new_files = Vec::new();
        for ((node, instance), ack) in acks {
            let known = previous.and_then(|m| m.nodes.get(node)).and_then(|n| n.instances.get(instance));
            let mut chunks = Vec::with_capacity(ack.chunks.len());
            for (number, chunk) in ack.chunks.into_iter().enumerate() {
                chunks.push(match chunk.rows {
                    Some(rows) => {
                        let path = format!("chunks/{epoch}/{node}-{instance}-{number}.arrow");
                        let written = ChunkRef { table: chunk.table, id: chunk.id, path, rows: rows.count() };
                        new_files.push((written.path.clone(), rows));
                        written
                    }
                    None => find_known(known, &chunk.table, &chunk.id).ok_or_else(|| StoreError::UnknownChunk {
                        job: job.to_owned(),
                        node,
                        chunk: chunk.id.clone(),
                    })?,
                });
            }
            let InstanceAck { watermark, positions, commit, .. } = ack;
            if let Some(node) = nodes.get_mut(node) {
                node.instances.push(InstanceState { watermark, chunks, positions, commit });
            }
        }
        stream::iter(new_files)
            .map(|(path, rows)| self.write_chunk(job, path, rows))
            .buffer_unordered(CONCURRENT_FILES)
            .try_collect::<()>()
            .await?;
        let manifest = Manifest { format: FORMAT, job: job.to_owned(), epoch, nodes };
        self.write_manifest(&manifest).await?;
        Ok(manifest)
    }

    /// Reads chunks back, in the order given.
    pub fn read<'a>(
        &'a self,
        job: &'a str,
        chunks: &[&ChunkRef],
    ) -> impl Stream<Item = Result<RestoredChunk, StoreError>> + use<'a> {
        let read = move |chunk: ChunkRef| async move { self.read_chunk(job, &chunk).await };
        let owned: Vec<ChunkRef> = chunks.iter().map(|chunk| (*chunk).clone()).collect();
        stream::iter(owned).map(read).buffered(CONCURRENT_FILES)
    }

    /// Deletes what no kept checkpoint of the job needs.
    pub async fn collect_garbage(&self, job: &str) -> Result<(), StoreError> {
        let epochs = self.epochs(job).await?;
        let mut kept = Vec::new();
        for epoch in epochs.iter().rev().take(KEPT_EPOCHS) {
            kept.push(self.manifest(job, *epoch).await?);
        }
        let chunks = self.list(&self.job_path(job, "chunks")).await?;
        let root = format!("{}/", self.prefix.clone().join(job));
        let relative: Vec<String> =
            chunks.iter().filter_map(|path| path.as_ref().strip_prefix(&root).map(str::to_owned)).collect();
        let garbage = garbage::garbage(&epochs, &kept, &relative);
        let manifests = garbage.epochs.iter().map(|epoch| self.manifest_path(job, *epoch));
        let files = garbage.chunks.iter().map(|path| self.job_path(job, path));
        for path in manifests.chain(files) {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(store_error(&path, "delete it", source)),
            }
        }
        Ok(())
    }

    async fn epochs(&self, job: &str) -> Result<Vec<Epoch>, StoreError> {
        let files = self.list(&self.job_path(job, "epochs")).await?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        let mut epochs: Vec<Epoch> = files.iter().filter_map(number).collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    async fn manifest(&self, job: &str, epoch: Epoch) -> Result<Manifest, StoreError> {
        let path = self.manifest_path(job, epoch);
        let bytes = self.get(&path).await?;
        let wrong = |reason: String| StoreError::Manifest { path: path.to_string(), reason };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(wrong(format!("format {} is not the {FORMAT} that this version reads", manifest.format)));
        }
        Ok(manifest)
    }

    async fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let path = self.manifest_path(&manifest.job, manifest.epoch);
        let bytes = serde_json::to_vec_pretty(manifest)
            .map_err(|error| StoreError::Manifest { path: path.to_string(), reason: error.to_string() })?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                Err(StoreError::Fenced { job: manifest.job.clone(), epoch: manifest.epoch })
            }
            Err(source) => Err(store_error(&path, "write it", source)),
        }
    }

    async fn write_chunk(&self, job: &str, path: String, rows: ChunkRows) -> Result<(), StoreError> {
        let rows = rows.read().map_err(|source| StoreError::Rows { path: path.clone(), source })?;
        let encoded =
            encode(&rows).map_err(|source| StoreError::Chunk { path: path.clone(), step: "encode it", source })?;
        let path = self.job_path(job, &path);
        match self.store.put(&path, PutPayload::from(encoded)).await {
            Ok(_) => Ok(()),
            Err(source) => Err(store_error(&path, "write it", source)),
        }
    }

    async fn read_chunk(&self, job: &str, chunk: &ChunkRef) -> Result<RestoredChunk, StoreError> {
        let bytes = self.get(&self.job_path(job, &chunk.path)).await?;
        let rows =
            decode(bytes).map_err(|source| StoreError::Chunk { path: chunk.path.clone(), step: "read it", source })?;
        Ok(RestoredChunk { table: chunk.table.clone(), rows })
    }

    async fn get(&self, path: &Path) -> Result<Bytes, StoreError> {
        let read = async { self.store.get(path).await?.bytes().await };
        read.await.map_err(|source| store_error(path, "read it", source))
    }

    async fn list(&self, prefix: &Path) -> Result<Vec<Path>, StoreError> {
        let files = self.store.list(Some(prefix)).map_ok(|file| file.location).try_collect();
        files.await.map_err(|source| store_error(prefix, "list it", source))
    }

    fn manifest_path(&self, job: &str, epoch: Epoch) -> Path {
        self.job_path(job, &format!("epochs/{epoch:020}.json"))
    }

    fn job_path(&self, job: &str, relative: &str) -> Path {
        let job = self.prefix.clone().join(job);
        relative.split('/').fold(job, |path, part| path.join(part))
    }
}

fn find_known(instance: Option<&InstanceState>, table: &str, id: &str) -> Option<ChunkRef> {
    instance?.chunks.iter().find(|chunk| chunk.table == table && chunk.id == id).cloned()
}

fn store_error(path: &Path, step: &'static str, source: object_store::Error) -> StoreError {
    StoreError::Store { path: path.to_string(), step, source }
}

fn encode(rows: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = FileWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    writer.into_inner()
}

fn decode(bytes: Bytes) -> Result<RecordBatch, ArrowError> {
    let reader = FileReader::try_new(std::io::Cursor::new(bytes), None)?;
    let schema: SchemaRef = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    arrow::compute::concat_batches(&schema, &batches)
}

#[cfg(test)]
mod tests;
