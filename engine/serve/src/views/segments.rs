//! The rows of a view as a queue of immutable segments: what retention lets go, when small ones become one, and which
//! of them a checkpoint already has. Pure: no lock, no clock, no file.
//!
//! Segments are merged like the digits of a binary counter: whenever the newest is at least half as large as the one
//! before it, the two become one, up to [`SEGMENT_ROWS_MAX`]. So a row is copied a logarithm of times, and there are
//! few segments however small the batches were.

use std::collections::VecDeque;

use arrow::array::TimestampNanosecondArray;
use arrow::compute::{concat_batches, filter_record_batch, kernels::aggregate, kernels::cmp::gt_eq};
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{EventTime, OperatorError};

use super::ViewSettings;

/// Merged segments do not grow beyond this many rows.
pub(super) const SEGMENT_ROWS_MAX: usize = 64 * 1024;

/// Rows that were published together, or were merged.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// The rows, with their hidden columns.
    pub rows: RecordBatch,
    /// The least event time.
    first: EventTime,
    /// The greatest event time.
    last: EventTime,
    /// The checkpoint chunk that holds exactly these rows, once one does.
    chunk: Option<String>,
}

impl Segment {
    fn new(rows: RecordBatch) -> Result<Self, OperatorError> {
        let (first, last) = bounds(event_times(&rows)?);
        Ok(Segment { rows, first, last, chunk: None })
    }
}

/// A piece of a checkpoint: rows that no checkpoint has yet, or the name of those that one has.
#[derive(Debug, PartialEq)]
pub(super) struct Chunk {
    pub id: String,
    pub rows: Option<RecordBatch>,
}

/// The visible rows of one view.
#[derive(Debug)]
pub(super) struct Segments {
    settings: ViewSettings,
    segments: VecDeque<Segment>,
    rows: usize,
    /// The greatest event time ever taken in.
    newest: EventTime,
    watermark: EventTime,
    /// Rows older than this are gone; never goes back.
    retained_from: EventTime,
}

impl Segments {
    pub(super) fn new(settings: ViewSettings) -> Self {
        Segments {
            settings,
            segments: VecDeque::new(),
            rows: 0,
            newest: EventTime::MIN,
            watermark: EventTime::MIN,
            retained_from: EventTime::MIN,
        }
    }

    pub(super) fn watermark(&self) -> EventTime {
        self.watermark
    }

    pub(super) fn retained_from(&self) -> EventTime {
        self.retained_from
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Puts rows in the place of all there are.
    pub(super) fn replace(&mut self, rows: RecordBatch) -> Result<(), OperatorError> {
        self.segments.clear();
        self.rows = 0;
        self.append(rows)
    }

    /// Bytes of the rows in memory.
    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows.get_array_memory_size()).sum()
    }

    /// Takes rows in at the end, and lets go what is too old or too much.
    pub(super) fn append(&mut self, rows: RecordBatch) -> Result<(), OperatorError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let segment = Segment::new(rows)?;
        self.newest = self.newest.max(segment.last);
        self.rows += segment.rows.num_rows();
        self.segments.push_back(segment);
        self.merge()?;
        self.evict();
        Ok(())
    }

    /// Moves time on; it never goes back.
    pub(super) fn advance(&mut self, watermark: EventTime) {
        self.watermark = self.watermark.max(watermark);
        self.evict();
    }

    /// Everything that makes up the view, for a checkpoint. `next_id` names what is new.
    pub(super) fn stage(&mut self, mut next_id: impl FnMut() -> String) -> Vec<Chunk> {
        let stage = |segment: &mut Segment| match &segment.chunk {
            Some(id) => Chunk { id: id.clone(), rows: None },
            None => {
                let id = next_id();
                segment.chunk = Some(id.clone());
                Chunk { id, rows: Some(segment.rows.clone()) }
            }
        };
        self.segments.iter_mut().map(stage).collect()
    }

    fn merge(&mut self) -> Result<(), OperatorError> {
        while let [.., before, newest] = self.segments.make_contiguous() {
            let (before_rows, newest_rows) = (before.rows.num_rows(), newest.rows.num_rows());
            if newest_rows * 2 < before_rows || newest_rows + before_rows > SEGMENT_ROWS_MAX {
                break;
            }
            let rows = concat_batches(&before.rows.schema(), [&before.rows, &newest.rows])
                .map_err(|source| OperatorError::arrow("merge rows of a view", source))?;
            let (first, last) = (before.first.min(newest.first), before.last.max(newest.last));
            *before = Segment { rows, first, last, chunk: None };
            self.segments.pop_back();
        }
        Ok(())
    }

    /// Whole segments that are too old go; [`retained`] leaves out the old rows of the others. Too many rows go from
    /// the front.
    fn evict(&mut self) {
        let now = match self.watermark {
            EventTime::MIN | EventTime::MAX => self.newest,
            watermark => watermark,
        };
        if now > EventTime::MIN {
            self.retained_from = self.retained_from.max(now.minus(self.settings.retention));
        }
        let retained_from = self.retained_from;
        self.segments.retain(|segment| segment.last >= retained_from);
        self.rows = self.segments.iter().map(|segment| segment.rows.num_rows()).sum();
        while self.rows > self.settings.rows_max
            && let Some(oldest) = self.segments.front_mut()
        {
            let excess = self.rows - self.settings.rows_max;
            let rows = oldest.rows.num_rows();
            if rows > excess {
                // The chunk holds more rows than the segment now; restoring it cuts them off again.
                oldest.rows = oldest.rows.slice(excess, rows - excess);
                self.rows -= excess;
            } else {
                self.rows -= rows;
                self.segments.pop_front();
            }
        }
    }
}

/// The segment's rows that are not older than `from`.
pub(super) fn retained(segment: &Segment, from: EventTime) -> Result<RecordBatch, OperatorError> {
    if segment.first >= from {
        return Ok(segment.rows.clone());
    }
    let keep = gt_eq(event_times(&segment.rows)?, &TimestampNanosecondArray::new_scalar(from.nanos()));
    keep.and_then(|keep| filter_record_batch(&segment.rows, &keep))
        .map_err(|source| OperatorError::arrow("leave out old rows of a view", source))
}

fn bounds(times: &TimestampNanosecondArray) -> (EventTime, EventTime) {
    let first = aggregate::min(times).map_or(EventTime::MAX, EventTime);
    let last = aggregate::max(times).map_or(EventTime::MIN, EventTime);
    (first, last)
}
