//! The store against a real directory and in memory: what was written comes back, and only what is needed stays.

use arrow::array::{Int64Array, RecordBatch};
use headwater_core::StateChunk;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::*;

fn rows(values: &[i64]) -> RecordBatch {
    let column: arrow::array::ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    RecordBatch::try_from_iter([("v", column)]).unwrap()
}

fn chunk(id: &str, values: Option<&[i64]>) -> StateChunk {
    StateChunk { table: "slices".into(), id: id.into(), rows: values.map(rows).map(Into::into) }
}

fn acks(chunks: Vec<StateChunk>) -> BTreeMap<InstanceId, InstanceAck> {
    BTreeMap::from([((0, 0), InstanceAck { chunks, ..InstanceAck::default() })])
}

async fn read(store: &CheckpointStore, manifest: &Manifest) -> Vec<RestoredChunk> {
    store.read("j", &manifest.nodes[0].chunks_for(0, 1)).try_collect().await.unwrap()
}

async fn checkpoint_three_times(store: &CheckpointStore) -> Manifest {
    let nodes = ["aggregate".to_owned()];
    let first = store.write("j", 1, &nodes, acks(vec![chunk("a", Some(&[1])), chunk("b", Some(&[2]))]), None);
    let first = first.await.unwrap();
    let second = acks(vec![chunk("a", None), chunk("c", Some(&[3, 4]))]);
    let second = store.write("j", 2, &nodes, second, Some(&first)).await.unwrap();
    store.write("j", 3, &nodes, acks(vec![chunk("a", None), chunk("c", None)]), Some(&second)).await.unwrap()
}

#[tokio::test]
async fn an_unchanged_chunk_is_written_once_and_read_from_a_later_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()), "checkpoints");
    checkpoint_three_times(&store).await;
    let latest = store.latest("j").await.unwrap().unwrap();
    let chunks = read(&store, &latest).await;
    assert_eq!(chunks.iter().map(|c| c.rows.num_rows()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(chunks[1].rows, rows(&[3, 4]));
    assert!(store.latest("another").await.unwrap().is_none());
}

#[tokio::test]
async fn garbage_goes_and_the_kept_epochs_can_still_be_read() {
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let store = CheckpointStore::new(memory.clone(), "checkpoints");
    checkpoint_three_times(&store).await;
    store.collect_garbage("j").await.unwrap();
    let left: Vec<String> = memory.list(None).map_ok(|f| f.location.to_string()).try_collect().await.unwrap();
    let chunks: Vec<_> = left.iter().filter(|path| path.contains("chunks")).collect();
    assert_eq!(chunks, ["checkpoints/j/chunks/1/0-0-0.arrow", "checkpoints/j/chunks/2/0-0-1.arrow"]);
    assert_eq!(left.len(), 4, "two manifests: {left:?}");
    let latest = store.latest("j").await.unwrap().unwrap();
    assert_eq!(read(&store, &latest).await.len(), 2);
}

#[tokio::test]
async fn the_second_writer_of_an_epoch_is_told() {
    let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
    let nodes = ["n".to_owned()];
    store.write("j", 1, &nodes, acks(vec![]), None).await.unwrap();
    let error = store.write("j", 1, &nodes, acks(vec![]), None).await.unwrap_err();
    assert_eq!(error.to_string(), "job j is run by somebody else: epoch 1 exists already");
}

#[tokio::test]
async fn a_broken_manifest_and_an_unknown_chunk_name_the_thing() {
    let memory = Arc::new(InMemory::new());
    let store = CheckpointStore::new(memory.clone(), "checkpoints");
    let error = store.write("j", 1, &["n".to_owned()], acks(vec![chunk("ghost", None)]), None).await.unwrap_err();
    assert!(error.to_string().contains("ghost"), "{error}");
    memory.put(&store.manifest_path("j", 9), PutPayload::from_static(b"{\"format\": 2")).await.unwrap();
    let error = store.latest("j").await.unwrap_err();
    assert!(error.to_string().contains("epochs/00000000000000000009.json"), "{error}");
}
