//! Records that cannot be read: what becomes of them by `bad_data`, and how they look in the table that collects them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_core::SourceEvent;
use headwater_core::source::BAD_RECORDS;
use headwater_plan::{Options, TableError};

/// What becomes of a record that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadData {
    /// The job fails and names it.
    Fail,
    /// It is dropped, counted and logged.
    Drop,
    /// It goes to a table of its own, and is counted.
    DeadLetter,
}

impl BadData {
    /// Reads the option `bad_data`; `fail` where unsaid.
    pub(crate) fn of(options: &Options) -> Result<Self, TableError> {
        let choices = [("fail", BadData::Fail), ("drop", BadData::Drop), ("dead_letter", BadData::DeadLetter)];
        Ok(options.choice("bad_data", &choices)?.unwrap_or(BadData::Fail))
    }

    /// Deals with a record of `table`, found at `place`: logs it, or puts it to the `letters`.
    ///
    /// # Errors
    /// Why it cannot be read, when this is the end.
    pub(crate) fn deal<'a>(
        self,
        letter: DeadLetter<'a>,
        (table, place): (&str, &str),
        letters: &mut Vec<DeadLetter<'a>>,
    ) -> Result<(), String> {
        match self {
            BadData::Fail => return Err(letter.reason.to_owned()),
            BadData::Drop => tracing::warn!(table, place, reason = letter.reason, "dropped a bad record"),
            BadData::DeadLetter => letters.push(letter),
        }
        Ok(())
    }
}

/// A record for the table that collects them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetter<'a> {
    /// The topic, or the file's path.
    pub(crate) topic: &'a str,
    /// The partition of a topic.
    pub(crate) partition: Option<i32>,
    /// The offset, or the number of the line.
    pub(crate) offset: i64,
    /// Why it cannot be read.
    pub(crate) reason: &'a str,
    /// The record.
    pub(crate) bytes: &'a [u8],
}

/// The records as rows of [`BAD_RECORDS`]; `None` where there are none.
pub(crate) fn dead_letters(letters: &[DeadLetter<'_>]) -> Result<Option<RecordBatch>, ArrowError> {
    if letters.is_empty() {
        return Ok(None);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(letters.iter().map(|letter| letter.topic))),
        Arc::new(letters.iter().map(|letter| letter.partition).collect::<Int32Array>()),
        Arc::new(Int64Array::from_iter_values(letters.iter().map(|letter| letter.offset))),
        Arc::new(StringArray::from_iter_values(letters.iter().map(|letter| letter.reason))),
        Arc::new(BinaryArray::from_iter_values(letters.iter().map(|letter| letter.bytes))),
    ];
    RecordBatch::try_new(BAD_RECORDS.clone(), columns).map(Some)
}

/// Rows of a partition with the records that were bad among them; `None` where there is neither.
pub(crate) fn event(partition: usize, batch: RecordBatch, bad: Option<RecordBatch>) -> Option<SourceEvent> {
    match bad {
        Some(bad) => Some(SourceEvent::Sifted { partition, batch, bad }),
        None => (batch.num_rows() > 0).then_some(SourceEvent::Batch { partition, batch }),
    }
}
