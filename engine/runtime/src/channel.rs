//! Channels between tasks, bounded in rows: a sender waits until the reader has caught up.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use headwater_core::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Rows that may wait in one channel.
const CHANNEL_ROWS: usize = 64 * 1024;
/// Messages that may wait in one channel, for streams of tiny batches.
const CHANNEL_MESSAGES: usize = 256;

/// The reader is gone: its task has failed or been cancelled, and so will this one.
#[derive(Debug, thiserror::Error)]
#[error("the task that reads this channel is gone")]
pub(crate) struct ReaderGone;

struct Envelope {
    message: Message,
    _rows: Option<OwnedSemaphorePermit>,
}

/// The sending end.
pub(crate) struct Sender {
    messages: mpsc::Sender<Envelope>,
    rows: Arc<Semaphore>,
}

/// The receiving end.
pub(crate) struct Receiver {
    messages: mpsc::Receiver<Envelope>,
}

/// A channel for one sender and one reader.
pub(crate) fn channel() -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel(CHANNEL_MESSAGES);
    (Sender { messages: sender, rows: Arc::new(Semaphore::new(CHANNEL_ROWS)) }, Receiver { messages: receiver })
}

impl Sender {
    /// Waits for room and sends.
    pub(crate) async fn send(&self, message: Message) -> Result<(), ReaderGone> {
        let permit = match &message {
            Message::Batch(batch) => {
                // A batch larger than the whole channel takes all of it, and so passes alone.
                let rows = batch.num_rows().clamp(1, CHANNEL_ROWS) as u32;
                Some(self.rows.clone().acquire_many_owned(rows).await.map_err(|_| ReaderGone)?)
            }
            _ => None,
        };
        self.messages.send(Envelope { message, _rows: permit }).await.map_err(|_| ReaderGone)
    }
}

impl Receiver {
    /// The next message; `None` when the sender is gone.
    pub(crate) fn poll_receive(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().messages.poll_recv(context).map(|envelope| envelope.map(|e| e.message))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use futures::poll;

    use super::*;

    fn batch(rows: usize) -> Message {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![0; rows]));
        Message::Batch(RecordBatch::try_from_iter([("v", column)]).unwrap())
    }

    #[tokio::test]
    async fn a_sender_waits_for_rows_to_be_read() {
        let (sender, mut receiver) = channel();
        sender.send(batch(CHANNEL_ROWS)).await.unwrap();
        let mut second = std::pin::pin!(sender.send(batch(10 * CHANNEL_ROWS)));
        assert!(poll!(&mut second).is_pending(), "the channel is full");
        assert!(matches!(poll_fn(|c| Pin::new(&mut receiver).poll_receive(c)).await, Some(Message::Batch(_))));
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_gone_reader_is_an_error() {
        let (sender, receiver) = channel();
        drop(receiver);
        assert!(sender.send(Message::End).await.is_err());
    }
}
