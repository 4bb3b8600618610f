//! Sends what a task makes to the instances of the next one.

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::key::{hash_columns, owner};
use headwater_core::{Message, OperatorError};
use headwater_plan::Partitioning;

use crate::channel::{ReaderGone, Sender};

/// The channels of one edge, from one instance to those of the next task.
pub(crate) struct OutEdge {
    partitioning: Partitioning,
    senders: Vec<Sender>,
    next: usize,
}

/// Why rows could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Gone(#[from] ReaderGone),
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

impl OutEdge {
    pub(crate) fn new(partitioning: Partitioning, senders: Vec<Sender>) -> Self {
        OutEdge { partitioning, senders, next: 0 }
    }

    /// Sends rows to the instances that they belong to.
    pub(crate) async fn send(&mut self, batch: RecordBatch) -> Result<(), SendError> {
        match &self.partitioning {
            _ if self.senders.len() == 1 => self.senders[0].send(Message::Batch(batch)).await?,
            Partitioning::Forward => {
                self.next = (self.next + 1) % self.senders.len();
                self.senders[self.next].send(Message::Batch(batch)).await?;
            }
            Partitioning::Hash(columns) => {
                let parts = split_by_hash(&batch, columns, self.senders.len())?;
                for (sender, part) in self.senders.iter().zip(parts) {
                    if part.num_rows() > 0 {
                        sender.send(Message::Batch(part)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends a watermark, a barrier or the end to every instance.
    pub(crate) async fn broadcast(&self, message: &Message) -> Result<(), ReaderGone> {
        for sender in &self.senders {
            sender.send(message.clone()).await?;
        }
        Ok(())
    }
}

/// The rows of each of `count` instances, in the order in which they came.
fn split_by_hash(batch: &RecordBatch, columns: &[usize], count: usize) -> Result<Vec<RecordBatch>, OperatorError> {
    let keys: Vec<_> = columns.iter().map(|column| batch.column(*column).clone()).collect();
    let hashes = hash_columns(&keys, batch.num_rows())?;
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); count];
    for (row, hash) in hashes.iter().enumerate() {
        rows[owner(*hash, count)].push(row as u32);
    }
    let take = |indices: Vec<u32>| {
        if indices.len() == batch.num_rows() {
            return Ok(batch.clone());
        }
        take_record_batch(batch, &UInt32Array::from(indices))
            .map_err(|source| OperatorError::arrow("split rows by key", source))
    };
    rows.into_iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn every_row_goes_to_one_instance_and_equal_keys_to_the_same() {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100).map(|i| i % 10)));
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("k", keys), ("r", rows)]).unwrap();
        let parts = split_by_hash(&batch, &[0], 3).unwrap();
        let mut seen: Vec<i64> = Vec::new();
        let mut home = std::collections::BTreeMap::new();
        for (instance, part) in parts.iter().enumerate() {
            let rows = part.column(1).as_primitive::<Int64Type>().values();
            assert!(rows.is_sorted(), "order within an instance is kept");
            seen.extend(rows);
            for key in part.column(0).as_primitive::<Int64Type>().values() {
                assert_eq!(*home.entry(*key).or_insert(instance), instance);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        assert!(parts.iter().all(|part| part.num_rows() > 0));
    }

    #[test]
    fn no_columns_means_one_instance() {
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
        let batch = RecordBatch::try_from_iter([("r", rows)]).unwrap();
        let counts: Vec<_> = split_by_hash(&batch, &[], 3).unwrap().iter().map(RecordBatch::num_rows).collect();
        assert_eq!(counts.iter().filter(|count| **count == 10).count(), 1);
    }
}
