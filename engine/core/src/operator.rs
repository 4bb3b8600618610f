//! The contract of an operator, and of the state that it hands over at a barrier.
//!
//! An operator is a plain state machine. It never awaits, reads no clock and opens no file: a task drives it, and so
//! does a [`script`](crate::script) in a test.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::error::OperatorError;
use crate::key::KeyRange;
use crate::message::Epoch;
use crate::spill::SpilledRows;
use crate::watermark::Watermark;

/// Where an operator's results go: the next operator of its chain, or a channel.
pub trait Output {
    /// Sends rows on. Empty batches are dropped on the way.
    fn emit(&mut self, batch: RecordBatch) -> Result<(), OperatorError>;
}

/// A step of a dataflow.
///
/// # Contract
/// - **Order**: batches of one input come in the order in which they were sent; inputs are interleaved in any order.
/// - **Watermarks**: `on_watermark` gets the merge of all inputs, which never goes back. The operator emits what the
///   watermark completes and returns the watermark to send on, at most the one it got; no row that it makes afterwards
///   may be older than what it returned. Rows that came late may be passed on late, and are counted where they are
///   dropped.
/// - **Barriers**: `on_barrier` is called once all inputs have reached the barrier. Rows that must not wait for the
///   next epoch are emitted in it, *before* the barrier goes on; what it returns is everything needed to go on from
///   here.
/// - **Flushes**: `on_flush` is called now and then (once a second, say) so that changes which an operator folds do not
///   wait for ever. Nothing but how often a result is corrected may depend on it; barriers and the end flush by
///   themselves.
/// - **Restore**: `restore` is called at most once and before anything else, with the chunks of every instance whose
///   key range overlaps this one's, those of an instance in the order in which they were handed over; rows outside
///   `range` are to be left out. Chunks may be offered to `restore_chunk` before, in the same order, so that not all of
///   them have to be in memory at once.
/// - **End**: after the last input ended, `on_watermark` is called with [`Watermark::END`]; then the operator is
///   dropped.
/// - **Determinism**: what is emitted depends only on what came in. Nothing depends on the wall clock.
pub trait Operator: Send {
    /// A short name for logs, metrics and explain.
    fn name(&self) -> &str;

    /// Takes rows of input number `input`.
    fn on_batch(&mut self, input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError>;

    /// Learns that no row older than `watermark` follows, and says what may be sent on.
    fn on_watermark(&mut self, watermark: Watermark, _out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        Ok(watermark)
    }

    /// Emits the changes that it has folded so far.
    fn on_flush(&mut self, _out: &mut dyn Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Hands over its state as of this barrier.
    fn on_barrier(&mut self, _epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        Ok(Snapshot::default())
    }

    /// Takes back one chunk of a checkpoint's state where the operator can take it by itself, and gives back one that is
    /// for [`Operator::restore`].
    fn restore_chunk(
        &mut self,
        chunk: RestoredChunk,
        _range: KeyRange,
    ) -> Result<Option<RestoredChunk>, OperatorError> {
        Ok(Some(chunk))
    }

    /// Takes back the state of a checkpoint, or what of it `restore_chunk` gave back.
    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        chunks.into_iter().try_for_each(|chunk| self.restore_chunk(chunk, range).map(drop))
    }

    /// Rows that came too late for any window since the operator began.
    fn late_rows(&self) -> u64 {
        0
    }

    /// Bytes of state held in memory, by the operator's own reckoning.
    fn state_bytes(&self) -> usize {
        0
    }

    /// Bytes of state that memory had no room for, as they are in the [`SpillStore`](crate::SpillStore).
    fn spilled_bytes(&self) -> usize {
        0
    }
}

/// An operator's whole state at a barrier, as a set of named immutable chunks.
///
/// A chunk that has not changed since the barrier before is named without its rows, and its file is kept: a snapshot
/// costs what changed. A chunk that is no longer named is forgotten.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Everything that makes up the state.
    pub chunks: Vec<StateChunk>,
}

/// A piece of state, written once and never changed.
#[derive(Debug, Clone)]
pub struct StateChunk {
    /// The operator's table that it belongs to.
    pub table: String,
    /// Its name, unique within the operator instance for ever. A changed chunk is a new one.
    pub id: String,
    /// Its rows, or `None` when an earlier snapshot of this instance already handed them over.
    pub rows: Option<ChunkRows>,
}

/// The rows of a chunk, until they are written.
#[derive(Debug, Clone)]
pub enum ChunkRows {
    /// At hand.
    Memory(RecordBatch),
    /// So many, where memory had no room for them.
    Spilled(Arc<dyn SpilledRows>, usize),
}

impl ChunkRows {
    /// The rows.
    ///
    /// # Errors
    /// When they are spilled and cannot be read.
    pub fn read(&self) -> Result<RecordBatch, OperatorError> {
        match self {
            ChunkRows::Memory(rows) => Ok(rows.clone()),
            ChunkRows::Spilled(rows, _) => rows.read(None),
        }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        match self {
            ChunkRows::Memory(rows) => rows.num_rows(),
            ChunkRows::Spilled(_, count) => *count,
        }
    }
}

impl From<RecordBatch> for ChunkRows {
    fn from(rows: RecordBatch) -> Self {
        ChunkRows::Memory(rows)
    }
}

/// A chunk that was read back.
#[derive(Debug, Clone)]
pub struct RestoredChunk {
    /// The operator's table that it belongs to.
    pub table: String,
    /// Its rows.
    pub rows: RecordBatch,
}
