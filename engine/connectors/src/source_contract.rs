//! The contract of [`Source`], checked on any source: read a part, take the positions, open again and go on. For every
//! place to stop, both parts together must be what one uninterrupted reading gives.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use headwater_core::{Positions, Source, SourceContext, SourceEvent, SourceFactory};

use crate::formats::json::{TimestampFormat, encode_lines, split_lines};

/// No event of a local source or broker takes this long; a source that hangs fails here.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows by the partition's name, each as a line of JSON.
pub(crate) type RowsByPartition = BTreeMap<String, Vec<String>>;

/// The rows of batches as lines of JSON.
pub(crate) fn rows_of(batches: &[RecordBatch]) -> Vec<String> {
    let lines = batches.iter().flat_map(|batch| encode_lines(batch, TimestampFormat::Rfc3339));
    lines.flat_map(|lines| split_lines(&lines).map(text).collect::<Vec<_>>()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The context of a subtask that goes on at `positions`.
pub(crate) fn context(subtask: usize, parallelism: usize, positions: &Positions) -> SourceContext {
    SourceContext { job: "contract".into(), subtask, parallelism, positions: positions.clone() }
}

/// Every batch of a bounded source, read by one instance.
pub(crate) async fn read_all(factory: &dyn SourceFactory) -> Vec<RecordBatch> {
    let mut source = factory.open(context(0, 1, &Positions::new())).await.unwrap();
    let mut batches = Vec::new();
    loop {
        match source.next().await.unwrap() {
            SourceEvent::Partitions(_) => {}
            SourceEvent::Batch { batch, .. } | SourceEvent::Sifted { batch, .. } => batches.push(batch),
            SourceEvent::End => return batches,
        }
    }
}

/// The name under which bad records of all partitions are counted among the rows.
pub(crate) const BAD: &str = "bad records";

/// Reads at most `batches` batches, or to the end, and adds their rows, bad records under a name of their own. Says
/// whether the end was reached.
pub(crate) async fn read_some(source: &mut dyn Source, batches: usize, rows: &mut RowsByPartition) -> bool {
    let mut partitions: Option<Vec<String>> = None;
    let mut read = 0;
    while read < batches {
        let event = tokio::time::timeout(PATIENCE, source.next()).await.expect("the source hangs").unwrap();
        match event {
            SourceEvent::Partitions(names) => partitions = Some(names),
            SourceEvent::Batch { partition, batch } => {
                let names = partitions.as_ref().expect("partitions are said before batches");
                assert!(batch.num_rows() > 0, "an empty batch says nothing");
                rows.entry(names[partition].clone()).or_default().extend(rows_of(&[batch]));
                read += 1;
            }
            SourceEvent::Sifted { partition, batch, bad } => {
                let names = partitions.as_ref().expect("partitions are said before batches");
                rows.entry(names[partition].clone()).or_default().extend(rows_of(&[batch]));
                let letters = rows.entry(BAD.to_owned()).or_default();
                letters.extend(rows_of(&[bad]));
                // Partitions may be read in any order.
                letters.sort();
                read += 1;
            }
            SourceEvent::End => return true,
        }
    }
    false
}

/// Checks the contract at every stop after 0 to `stops` batches, and over two instances.
pub(crate) async fn check_contract(factory: &dyn SourceFactory, stops: usize) {
    let whole = read_by(factory, 1, usize::MAX, 1).await;
    assert!(whole.values().any(|rows| rows.len() > 1), "nothing to compare: {whole:?}");
    for stop in 0..=stops {
        assert_eq!(read_by(factory, 1, stop, 1).await, whole, "stopped after {stop} batches");
    }
    if factory.parallel() {
        assert_eq!(read_by(factory, 2, 1, 3).await, whole, "stopped two instances, went on with three");
    }
}

/// Reads up to `stop` batches by each of `before` instances, and the rest by `after` new ones.
async fn read_by(factory: &dyn SourceFactory, before: usize, stop: usize, after: usize) -> RowsByPartition {
    let mut rows = RowsByPartition::new();
    let mut positions = Positions::new();
    for subtask in 0..before {
        let mut source = factory.open(context(subtask, before, &Positions::new())).await.unwrap();
        read_some_draining(&mut *source, factory.bounded(), stop, &mut rows).await;
        positions.extend(source.positions());
    }
    for subtask in 0..after {
        let mut source = factory.open(context(subtask, after, &positions)).await.unwrap();
        let ended = read_some_draining(&mut *source, factory.bounded(), usize::MAX, &mut rows).await;
        assert!(ended);
        let again = source.positions();
        let mut rest = RowsByPartition::new();
        let mut source = factory.open(context(subtask, after, &again)).await.unwrap();
        read_some_draining(&mut *source, factory.bounded(), usize::MAX, &mut rest).await;
        assert_eq!(rest, RowsByPartition::new(), "rows after the end");
    }
    rows
}

async fn read_some_draining(source: &mut dyn Source, bounded: bool, stop: usize, rows: &mut RowsByPartition) -> bool {
    if !bounded {
        source.drain().await.unwrap();
    }
    read_some(source, stop, rows).await
}
