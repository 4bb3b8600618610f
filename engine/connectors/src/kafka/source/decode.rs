//! From messages to rows: the decoder with what stands around it.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_core::ConnectorError;
use rdkafka::message::{Message, OwnedMessage};

use super::message::record;
use super::{Framing, SourceSpec};
use crate::formats::bad_records::{DeadLetter, dead_letters};
use crate::formats::{Record, RecordDecoder};

/// Decodes the messages of all partitions of an instance.
pub(super) struct MessageDecoder {
    spec: Arc<SourceSpec>,
    decoder: RecordDecoder,
    /// Records that could not be read so far.
    pub(super) bad_records: u64,
}

/// What became of a run of messages of one partition.
pub(super) struct Sifted {
    /// The rows.
    pub(super) batch: RecordBatch,
    /// The records that could not be read, for the table that collects them.
    pub(super) bad: Option<RecordBatch>,
}

impl MessageDecoder {
    /// A decoder for a source.
    pub(super) fn new(spec: Arc<SourceSpec>) -> Result<Self, ConnectorError> {
        let decoder = spec.decoder();
        let decoder = decoder.map_err(|error| spec.failed(&spec.topics.shown(), "read its format", error))?;
        Ok(MessageDecoder { spec, decoder, bad_records: 0 })
    }

    /// The rows of messages of the partition `name`, none of which is without a value where they are not upserts.
    ///
    /// # Errors
    /// When a record cannot be read and the table says that this is the end.
    pub(super) fn decode(&mut self, name: &str, messages: &[OwnedMessage]) -> Result<Sifted, ConnectorError> {
        let spec = Arc::clone(&self.spec);
        let failed = |error| spec.failed(name, "put rows together", error);
        let (records, message_of) = records(messages, spec.framing);
        let decoded = self.decoder.decode(&records).map_err(failed)?;
        let mut letters = Vec::new();
        for bad in &decoded.bad {
            let message = &messages[message_of[bad.index]];
            let (place, reason) = (format!("{name}/{}", message.offset()), bad.reason.as_str());
            let (topic, partition) = (message.topic(), Some(message.partition()));
            let letter =
                DeadLetter { topic, partition, offset: message.offset(), reason, bytes: records[bad.index].value };
            spec.bad_data
                .deal(letter, (&spec.table, &place), &mut letters)
                .map_err(|reason| spec.failed(&place, &format!("read a record of table {}", spec.table), reason))?;
            self.bad_records += 1;
        }
        let mut rows = vec![0; messages.len()];
        for (message, count) in message_of.iter().zip(&decoded.rows) {
            rows[*message] += count;
        }
        let bad = dead_letters(&letters).map_err(failed)?;
        let batch = spec.layout.rows(decoded.batch, messages, &rows).map_err(failed)?;
        Ok(Sifted { batch, bad })
    }
}

/// The records in messages, and which message each is of.
fn records(messages: &[OwnedMessage], framing: Framing) -> (Vec<Record<'_>>, Vec<usize>) {
    let whole = messages.iter().map(record).zip(0..);
    match framing {
        Framing::None => whole.unzip(),
        Framing::Newline => whole.flat_map(|(whole, message)| lines(whole).map(move |line| (line, message))).unzip(),
    }
}

/// The lines of a message, as records; an empty one is none.
fn lines(whole: Record<'_>) -> impl Iterator<Item = Record<'_>> {
    let lines = whole.value.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.trim_ascii().is_empty()).map(move |value| Record { value, ..whole })
}
