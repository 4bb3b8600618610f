//! A segment: rows that do not change, in memory, spilled, or both.

use std::cell::{Cell, OnceCell, RefCell};

use arrow::array::{Array, TimestampNanosecondArray};
use arrow::compute::{max, min};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{EVENT_TIME, OperatorError, SpillStore, SpilledRows};

use super::SlotId;

/// Rows that lie together.
///
/// Rows that were spilled once stay so until the segment is gone. What is read back of them stays in memory too, and
/// costs nothing to let go of again: the segments in memory are the cache of those on disk.
#[derive(Debug)]
pub(super) struct Segment {
    /// The slot of each row.
    pub(super) slots: Vec<SlotId>,
    /// How many of the rows are alive.
    pub(super) live: usize,
    /// The least and the greatest event time of its rows. One without a time is at the end of time.
    pub(super) earliest: i64,
    pub(super) latest: i64,
    rows: RefCell<Option<RecordBatch>>,
    spilled: OnceCell<Box<dyn SpilledRows>>,
    /// What the rows take in memory.
    bytes: usize,
    /// When it was looked at, by the table's own count.
    used: Cell<u64>,
}

impl Segment {
    /// Rows in memory, all alive.
    pub(super) fn new(rows: RecordBatch, slots: Vec<SlotId>, used: u64) -> Self {
        let times = event_times(&rows).ok();
        Segment {
            live: slots.len(),
            slots,
            earliest: times.and_then(min).unwrap_or(i64::MAX),
            latest: times.filter(|times| times.null_count() == 0).and_then(max).unwrap_or(i64::MAX),
            bytes: rows.get_array_memory_size(),
            rows: RefCell::new(Some(rows)),
            spilled: OnceCell::new(),
            used: Cell::new(used),
        }
    }

    /// How many rows there are, with those that are gone.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether its rows are in memory.
    pub(super) fn is_loaded(&self) -> bool {
        self.rows.borrow().is_some()
    }

    /// Whether its rows are spilled, whether or not they are in memory too.
    pub(super) fn is_spilled(&self) -> bool {
        self.spilled.get().is_some()
    }

    /// What its rows take in memory now.
    pub(super) fn memory_bytes(&self) -> usize {
        if self.is_loaded() { self.bytes } else { 0 }
    }

    /// What its rows take where they were spilled to.
    pub(super) fn spilled_bytes(&self) -> usize {
        self.spilled.get().map_or(0, |rows| rows.bytes())
    }

    /// When it was looked at.
    pub(super) fn used(&self) -> u64 {
        self.used.get()
    }

    /// The rows, read back where they are only spilled: they are in memory then.
    pub(super) fn load(&self, schema: &SchemaRef, now: u64) -> Result<RecordBatch, OperatorError> {
        self.used.set(now);
        let mut rows = self.rows.borrow_mut();
        if let Some(rows) = rows.as_ref() {
            return Ok(rows.clone());
        }
        let read = self.read(None)?;
        let read = RecordBatch::try_new(schema.clone(), read.columns().to_vec())
            .map_err(|source| OperatorError::arrow("read spilled rows", source))?;
        Ok(rows.insert(read).clone())
    }

    /// The event times. Rows that are only spilled stay so.
    pub(super) fn times(&self, schema: &SchemaRef) -> Result<TimestampNanosecondArray, OperatorError> {
        if let Some(rows) = self.rows.borrow().as_ref() {
            return event_times(rows).cloned();
        }
        let column = schema.index_of(EVENT_TIME).map_err(|source| OperatorError::arrow("find event times", source))?;
        event_times(&self.read(Some(&[column]))?).cloned()
    }

    /// Takes the rows out of memory; they are written first where they have not been.
    pub(super) fn unload(&self, store: &dyn SpillStore) -> Result<(), OperatorError> {
        let mut rows = self.rows.borrow_mut();
        if let (Some(rows), None) = (rows.as_ref(), self.spilled.get()) {
            // Nothing was there, so nothing is refused.
            let _ = self.spilled.set(store.write(rows)?);
        }
        *rows = None;
        Ok(())
    }

    fn read(&self, columns: Option<&[usize]>) -> Result<RecordBatch, OperatorError> {
        let spilled = self.spilled.get().ok_or_else(|| OperatorError::plan("a segment is nowhere"))?;
        let read = spilled.read(columns)?;
        match read.num_rows() == self.slots.len() {
            true => Ok(read),
            false => Err(OperatorError::spill("read spilled rows", "there are not as many as were written")),
        }
    }
}
