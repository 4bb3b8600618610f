//! What travels between tasks: a batch, a watermark, a barrier, or the end.

use arrow::record_batch::RecordBatch;

use crate::watermark::Watermark;

/// The number of a checkpoint; 1 is the first one of a job.
pub type Epoch = u64;

/// The cut that a checkpoint makes through the stream: what came before it is in the snapshot, what comes after is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The checkpoint that this cut belongs to.
    pub epoch: Epoch,
    /// Nothing follows: the job stops with this checkpoint and can go on from it. Windows stay open.
    pub stop: bool,
}

/// One message on a channel. Batches, watermarks and barriers of one sender keep their order.
#[derive(Clone, Debug)]
pub enum Message {
    /// Rows, in the schema of the edge they travel on.
    Batch(RecordBatch),
    /// No older row follows on this channel.
    Watermark(Watermark),
    /// The cut of a checkpoint.
    Barrier(Barrier),
    /// A bounded input is at its end: nothing follows, and every window may close.
    End,
}
