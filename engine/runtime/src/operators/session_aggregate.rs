//! Session windows: rows of a key, less than a gap apart, belong together.
//!
//! Rows of a batch first become *runs* ([`runs`]): a run is what one batch has of one session, as a row of states.
//! [`SessionPartial`] sends runs over an exchange; [`SessionAggregate`] joins runs that touch into sessions, and emits
//! a session once the watermark has passed its last row by the gap. A session is `[first, last + gap)`.

mod partial;
mod run_chunk;
mod runs;
mod sessions;
mod store;

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::time::saturating_nanos;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::{Phase, WindowAggregateNode};

use super::BATCH_ROWS;
use super::aggregation::Aggregation;
use super::chunk::{ChunkNames, StoredWatermark, check_columns, in_range};
use super::window_rows::WindowRows;
pub(super) use partial::SessionPartial;
use runs::{Runs, SESSION_LAST, run_schema};
use store::SessionStore;

/// The state table: a chunk holds runs of any keys.
const TABLE: &str = "runs";

/// Joins runs into sessions and closes them.
pub(super) struct SessionAggregate {
    aggregation: Arc<Aggregation>,
    phase: Phase,
    gap: i64,
    store: SessionStore,
    rows: WindowRows,
    watermark: EventTime,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

impl SessionAggregate {
    /// `schema` is the node's output.
    pub(super) fn new(node: &WindowAggregateNode, gap: Duration, schema: StreamSchema) -> Result<Self, OperatorError> {
        let gap = positive(gap)?;
        let aggregation = Aggregation::new(node)?;
        Ok(SessionAggregate {
            store: SessionStore::new(&aggregation, gap)?,
            aggregation,
            phase: node.phase,
            gap,
            rows: WindowRows::new(schema, node.window_index),
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// The runs of a batch: made of raw rows, or as they came over the exchange.
    fn runs(&self, batch: &RecordBatch) -> Result<Runs, OperatorError> {
        let times = event_times(batch)?;
        if self.phase != Phase::Final {
            return Runs::of_rows(&self.aggregation, &self.aggregation.rows(batch)?, times.values(), self.gap);
        }
        let last = batch.column_by_name(SESSION_LAST);
        let last = last.ok_or_else(|| OperatorError::plan(format!("a batch has no column {SESSION_LAST}")))?;
        Runs::of_states(&self.aggregation, batch, times, last)
    }
}

impl Operator for SessionAggregate {
    fn name(&self) -> &str {
        if self.phase == Phase::Final { "session-final" } else { "session" }
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        let runs = self.runs(&batch)?;
        self.late_rows += self.store.add(&runs, self.watermark.nanos())?;
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time > self.watermark {
            loop {
                let closed = self.store.close(watermark.time.nanos(), BATCH_ROWS)?;
                let Some(closed) = closed else { break };
                self.rows.push(closed.keys, closed.results, closed.starts, closed.ends, out)?;
            }
            self.rows.finish(out)?;
            self.watermark = watermark.time;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::new();
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        self.store.hand_over(TABLE, &mut names, &mut chunks)?;
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        let schema = run_schema(&self.aggregation);
        for chunk in chunks.iter().filter(|chunk| chunk.table == TABLE) {
            check_columns(chunk, &schema)?;
            let rows = in_range(&chunk.rows, &self.aggregation.key_indices(), range)?;
            // Every run in a snapshot is of an open session: none is late, however far apart its neighbours are.
            self.store.add(&Runs::restored(rows), i64::MIN)?;
        }
        self.watermark = StoredWatermark::restored(&chunks);
        Ok(())
    }

    /// Rows in [`Phase::Single`]; runs of them in [`Phase::Final`].
    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.store.size()
    }
}

fn positive(gap: Duration) -> Result<i64, OperatorError> {
    match saturating_nanos(gap) {
        0 => Err(OperatorError::plan("a session without a gap")),
        gap => Ok(gap),
    }
}
