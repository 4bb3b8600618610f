//! One view: its state behind a lock, what its sink does to it, and what its readers see.
//!
//! The lock is held for appending and for cloning references, never while rows are filtered, read or sent. Each change
//! is announced under the lock, so a subscription that began with a snapshot misses none and sees none twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::TimestampNanosecondArray;
use arrow::compute::{filter_record_batch, kernels::cmp::lt, not};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use headwater_core::changelog::{expand, fold};
use headwater_core::schema::event_times;
use headwater_core::{EventTime, OperatorError, StreamSchema};
use tokio::sync::broadcast;

use super::ViewSettings;
use super::segments::{Chunk, Segments, retained};
use super::subscription::Subscription;

/// Changes that wait for the slowest subscriber; one that is further behind starts again with a snapshot.
const CHANGES_WAITING_MAX: usize = 64;

/// Changes of a view that are not worth folding.
const FOLD_ROWS_MIN: usize = 16 * 1024;

/// A materialized view.
#[derive(Debug)]
pub struct View {
    name: String,
    schema: StreamSchema,
    settings: ViewSettings,
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
}

/// What a view holds at one moment.
#[derive(Clone, Debug)]
pub struct ViewSnapshot {
    /// The rows, without hidden columns, in the order in which they came.
    pub rows: Vec<RecordBatch>,
    /// Every row older than this is in `rows`, unless it came late or was let go.
    pub watermark: EventTime,
    /// Rows older than this were let go.
    pub retained_from: EventTime,
}

/// What subscribers are told.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Rows became visible, with their hidden columns.
    Rows(RecordBatch),
    /// Time moved on.
    Progress { watermark: EventTime, retained_from: EventTime },
    /// The view went back to a checkpoint: only a snapshot tells what it holds now.
    Restored,
}

#[derive(Debug)]
struct State {
    segments: Segments,
    /// Rows that the watermark has not passed, in the order in which they came. None in an eager view.
    pending: VecDeque<RecordBatch>,
    /// Counts the instances of the sink: only the last one that was opened may write.
    writer: u64,
    /// How many rows a changelog came to when it was last folded.
    folded_rows: usize,
}

impl View {
    pub(super) fn new(name: &str, schema: StreamSchema, settings: ViewSettings) -> Self {
        let segments = Segments::new(kept(&schema, settings));
        let state = State { segments, pending: VecDeque::new(), writer: 0, folded_rows: 0 };
        let (changes, _) = broadcast::channel(CHANGES_WAITING_MAX);
        View { name: name.to_owned(), schema, settings, state: Mutex::new(state), changes }
    }

    /// The name in SQL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns that SQL sees.
    pub fn schema(&self) -> SchemaRef {
        self.schema.visible()
    }

    /// What the view keeps and when it shows it.
    pub fn settings(&self) -> ViewSettings {
        self.settings
    }

    pub(super) fn stream_schema(&self) -> &StreamSchema {
        &self.schema
    }

    /// Bytes of the visible rows in memory.
    pub fn bytes(&self) -> usize {
        self.lock().segments.bytes()
    }

    /// What the view holds now.
    ///
    /// # Errors
    /// When Arrow refuses to filter the rows, which no type of column is known to cause.
    pub fn snapshot(&self) -> Result<ViewSnapshot, OperatorError> {
        self.snapshot_and(|| ()).map(|(snapshot, ())| snapshot)
    }

    /// Follows the view: first a snapshot, then every change.
    ///
    /// # Errors
    /// As [`View::snapshot`].
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        Subscription::new(Arc::clone(self))
    }

    /// A snapshot and the receiver of every change after it.
    pub(super) fn snapshot_and_changes(&self) -> Result<(ViewSnapshot, broadcast::Receiver<Change>), OperatorError> {
        self.snapshot_and(|| self.changes.subscribe())
    }

    /// A snapshot, with something that is done at the same moment.
    fn snapshot_and<T>(&self, at_once: impl FnOnce() -> T) -> Result<(ViewSnapshot, T), OperatorError> {
        let (segments, watermark, retained_from, extra) = {
            let state = self.lock();
            let segments: Vec<_> = state.segments.iter().cloned().collect();
            (segments, state.segments.watermark(), state.segments.retained_from(), at_once())
        };
        let mut rows = Vec::with_capacity(segments.len());
        for segment in &segments {
            rows.push(retained(segment, retained_from)?);
        }
        if self.schema.is_updating() && !rows.is_empty() {
            rows = vec![expand(&self.folded(&rows)?)?];
        }
        let rows = rows.iter().map(|rows| self.schema.strip(rows)).collect::<Result<_, _>>()?;
        Ok((ViewSnapshot { rows, watermark, retained_from }, extra))
    }

    /// A new instance of the sink takes over; what an older one still writes is ignored.
    pub(super) fn open_writer(&self) -> u64 {
        let mut state = self.lock();
        state.writer += 1;
        state.writer
    }

    /// Replaces what the view holds by rows of a checkpoint, or by nothing.
    pub(super) fn restore(&self, writer: u64, chunks: Vec<RecordBatch>) -> Result<(), OperatorError> {
        let mut segments = Segments::new(kept(&self.schema, self.settings));
        for rows in chunks {
            segments.append(rows)?;
        }
        let mut state = self.lock();
        if state.writer == writer {
            state.segments = segments;
            state.pending.clear();
            // Nobody may be listening.
            let _ = self.changes.send(Change::Restored);
        }
        Ok(())
    }

    /// Takes rows, with their hidden columns.
    pub(super) fn write(&self, writer: u64, rows: RecordBatch) -> Result<(), OperatorError> {
        let mut state = self.lock();
        if state.writer != writer || rows.num_rows() == 0 {
            return Ok(());
        }
        // What changes is shown as it is: its changes have been folded on the way.
        if self.settings.eager || self.schema.is_updating() {
            return self.publish(&mut state, rows);
        }
        state.pending.push_back(rows);
        let mut waiting: usize = state.pending.iter().map(RecordBatch::num_rows).sum();
        // A view never holds more than `rows_max`: of more that wait, the oldest would be gone when they are shown.
        while waiting > self.settings.rows_max
            && state.pending.len() > 1
            && let Some(oldest) = state.pending.pop_front()
        {
            waiting -= oldest.num_rows();
        }
        Ok(())
    }

    /// Shows the rows that the watermark has passed, and moves time on.
    pub(super) fn on_watermark(&self, writer: u64, watermark: EventTime) -> Result<(), OperatorError> {
        let mut state = self.lock();
        if state.writer != writer {
            return Ok(());
        }
        let pending = std::mem::take(&mut state.pending);
        for rows in pending {
            let passed = lt(event_times(&rows)?, &TimestampNanosecondArray::new_scalar(watermark.nanos()));
            let split =
                |passed| Ok((filter_record_batch(&rows, &passed)?, filter_record_batch(&rows, &not(&passed)?)?));
            let (passed, waiting) =
                passed.and_then(split).map_err(|source| OperatorError::arrow("publish rows of a view", source))?;
            self.publish(&mut state, passed)?;
            if waiting.num_rows() > 0 {
                state.pending.push_back(waiting);
            }
        }
        state.segments.advance(watermark);
        let _ = self.changes.send(Change::Progress {
            watermark: state.segments.watermark(),
            retained_from: state.segments.retained_from(),
        });
        Ok(())
    }

    /// Shows all that waits, because a barrier is a consistent cut too, and gives everything as chunks.
    pub(super) fn stage(&self, writer: u64, next_id: impl FnMut() -> String) -> Result<Vec<Chunk>, OperatorError> {
        let mut state = self.lock();
        if state.writer != writer {
            return Err(OperatorError::plan(format!("view {} has another writer", self.name)));
        }
        for rows in std::mem::take(&mut state.pending) {
            self.publish(&mut state, rows)?;
        }
        Ok(state.segments.stage(next_id))
    }

    fn publish(&self, state: &mut State, rows: RecordBatch) -> Result<(), OperatorError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        state.segments.append(rows.clone())?;
        if self.schema.is_updating() && state.segments.rows() > 2 * state.folded_rows + FOLD_ROWS_MIN {
            let all: Vec<_> = state.segments.iter().map(|segment| segment.rows.clone()).collect();
            let folded = self.folded(&all)?;
            state.folded_rows = folded.num_rows();
            state.segments.replace(folded)?;
        }
        // Nobody may be listening.
        let _ = self.changes.send(Change::Rows(rows));
        Ok(())
    }

    /// What the rows of a changelog add up to.
    fn folded(&self, rows: &[RecordBatch]) -> Result<RecordBatch, OperatorError> {
        fold(self.schema.full(), rows, &[self.schema.event_time_index()])
    }

    /// The state is consistent between statements, so a reader may go on after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of a stream: of one whose rows are taken back when they are past, all.
fn kept(schema: &StreamSchema, settings: ViewSettings) -> ViewSettings {
    match schema.is_updating() {
        true => ViewSettings { retention: Duration::MAX, rows_max: usize::MAX, ..settings },
        false => settings,
    }
}
