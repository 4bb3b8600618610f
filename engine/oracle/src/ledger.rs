//! A sink in memory that is exactly-once: rows are staged at a barrier, and count once their checkpoint is committed.
//!
//! A [`Ledger`] belongs to an output and outlives the jobs that write it, as a table outlives a process. What a job
//! wrote after its last checkpoint is lost with the job, and has to come again.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, Staged, StreamSchema};
use tokio::sync::watch;

/// The rows of an output.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
    /// Whether the query writes it: a table may be there to be read alone.
    pub(crate) written: AtomicBool,
    epoch: watch::Sender<Epoch>,
}

#[derive(Debug, Default)]
struct Entries {
    staged: BTreeMap<u64, Vec<RecordBatch>>,
    next: u64,
    committed: Vec<RecordBatch>,
}

impl Ledger {
    /// Forgets all rows.
    pub(crate) fn clear(&self) {
        *self.entries() = Entries::default();
        self.epoch.send_replace(0);
    }

    /// The committed rows, with their hidden columns.
    pub(crate) fn rows(&self) -> Vec<RecordBatch> {
        self.entries().committed.clone()
    }

    /// Waits until an epoch has been committed.
    pub(crate) async fn committed(&self) {
        // The sender is `self`, so it cannot be gone.
        let _ = self.epoch.subscribe().wait_for(|epoch| *epoch > 0).await;
    }

    /// Waits until an epoch has been committed that began after now; one may be under way.
    #[cfg(test)]
    pub(crate) async fn committed_anew(&self) {
        let mut epochs = self.epoch.subscribe();
        let now = *epochs.borrow_and_update();
        let _ = epochs.wait_for(|epoch| *epoch > now + 1).await;
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes into a ledger.
#[derive(Debug)]
pub(crate) struct LedgerFactory {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) schema: StreamSchema,
}

#[async_trait]
impl SinkFactory for LedgerFactory {
    fn wants_hidden_columns(&self) -> bool {
        true
    }

    async fn open(&self, context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        let name = format!("{} of {}", context.subtask, context.parallelism);
        let expected = self.schema.clone();
        Ok(Box::new(LedgerSink { ledger: self.ledger.clone(), expected, name, written: Vec::new() }))
    }

    async fn committer(&self, _job: &str, _node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(Some(Arc::new(LedgerCommitter(self.ledger.clone()))))
    }
}

struct LedgerSink {
    ledger: Arc<Ledger>,
    expected: StreamSchema,
    name: String,
    written: Vec<RecordBatch>,
}

#[async_trait]
impl Sink for LedgerSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let (given, expected) = (batch.schema(), self.expected.full());
        let types = |schema: &arrow::datatypes::Schema| {
            schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>()
        };
        if types(&given) != types(expected) {
            let reason = format!("a batch has the columns {given:?}, and the plan says {expected:?}");
            return Err(ConnectorError::fatal("ledger", self.name.clone(), "write a batch", reason));
        }
        self.written.push(batch);
        Ok(())
    }

    async fn stage(&mut self, _epoch: Epoch, _last: bool) -> Result<Staged, ConnectorError> {
        let mut entries = self.ledger.entries();
        let id = entries.next;
        entries.next += 1;
        entries.staged.insert(id, std::mem::take(&mut self.written));
        Ok(Staged { chunks: Vec::new(), commit: Some(id.into()) })
    }
}

struct LedgerCommitter(Arc<Ledger>);

#[async_trait]
impl Committer for LedgerCommitter {
    async fn commit(&self, epoch: Epoch, staged: &[serde_json::Value]) -> Result<(), ConnectorError> {
        let mut entries = self.0.entries();
        for id in staged.iter().filter_map(serde_json::Value::as_u64) {
            // Taken out, so that a second commit changes nothing.
            let rows = entries.staged.remove(&id).unwrap_or_default();
            entries.committed.extend(rows);
        }
        drop(entries);
        self.0.epoch.send_replace(epoch);
        Ok(())
    }
}
