//! The contract of a place where operators put rows that memory has no room for.
//!
//! Operators open no files; whoever builds them hands a store in. What is spilled belongs to one run of a job and to
//! nobody else: a checkpoint never points at it, and after a crash it is worth nothing.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::record_batch::RecordBatch;

use crate::error::OperatorError;

/// Takes rows that memory has no room for.
///
/// # Contract
/// - What was written can be read until its handle is dropped; then it is deleted.
/// - Both may take as long as a local disk takes, and are called between two batches of a task.
/// - A store that cannot take rows (a full disk) says so, with what was tried; the job then ends, and its last
///   checkpoint stands.
pub trait SpillStore: Debug + Send + Sync {
    /// Writes rows.
    fn write(&self, rows: &RecordBatch) -> Result<Box<dyn SpilledRows>, OperatorError>;
}

/// Rows that were written. Dropping this deletes them.
pub trait SpilledRows: Debug + Send + Sync {
    /// Reads them back: all columns, or those with these numbers.
    fn read(&self, columns: Option<&[usize]>) -> Result<RecordBatch, OperatorError>;

    /// How many bytes they take where they are.
    fn bytes(&self) -> usize;
}

/// Keeps in memory what is spilled, for tests of operators without a disk.
#[derive(Debug, Default)]
pub struct MemorySpill {
    batches: Arc<AtomicUsize>,
    written: AtomicUsize,
    full: AtomicBool,
}

impl MemorySpill {
    /// Takes nothing from now on, as a full disk does.
    pub fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// How many batches are there that have not been dropped.
    pub fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }

    /// How many batches were ever written.
    pub fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }
}

impl SpillStore for MemorySpill {
    fn write(&self, rows: &RecordBatch) -> Result<Box<dyn SpilledRows>, OperatorError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(OperatorError::spill("spill state to memory", "no space left on device"));
        }
        self.written.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(InMemory { rows: rows.clone(), batches: self.batches.clone() }))
    }
}

#[derive(Debug)]
struct InMemory {
    rows: RecordBatch,
    batches: Arc<AtomicUsize>,
}

impl SpilledRows for InMemory {
    fn read(&self, columns: Option<&[usize]>) -> Result<RecordBatch, OperatorError> {
        match columns {
            None => Ok(self.rows.clone()),
            Some(columns) => {
                self.rows.project(columns).map_err(|source| OperatorError::spill("read spilled state", source))
            }
        }
    }

    fn bytes(&self) -> usize {
        self.rows.get_array_memory_size()
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        self.batches.fetch_sub(1, Ordering::Relaxed);
    }
}
