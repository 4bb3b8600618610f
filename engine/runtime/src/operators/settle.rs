//! A changelog with event times as an append-only stream: a row waits until the watermark has passed its event time, and
//! comes out unless it has been taken back by then. What comes for a time that is past is late.

use arrow::array::BooleanArray;
use arrow::compute::{filter_record_batch, not};
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};

use super::chunk::{ChunkNames, StoredWatermark, check_columns, in_range};
use super::held_rows::HeldRows;
use headwater_core::changelog::expand;

/// The state table: rows that wait.
const TABLE: &str = "waiting";

/// The operator of `NodeKind::Settle`.
pub(super) struct Settle {
    waiting: HeldRows,
    schema: StreamSchema,
    hash_columns: Vec<usize>,
    watermark: EventTime,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

impl Settle {
    /// `input` is the changelog, `schema` the node's output, without weights.
    pub(super) fn new(input: &StreamSchema, schema: StreamSchema, hash_columns: Vec<usize>) -> Self {
        Settle {
            waiting: HeldRows::new(input),
            schema,
            hash_columns,
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        }
    }

    fn older(batch: &RecordBatch, than: EventTime) -> Result<BooleanArray, OperatorError> {
        let older = |time: &i64| Some(*time < than.nanos() || than == EventTime::MAX);
        Ok(event_times(batch)?.values().iter().map(older).collect())
    }
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("settle changes", source)
}

impl Operator for Settle {
    fn name(&self) -> &str {
        "settle"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        let late = Self::older(&batch, self.watermark)?;
        self.late_rows += late.true_count() as u64;
        let in_time = filter_record_batch(&batch, &not(&late).map_err(failed)?).map_err(failed)?;
        if in_time.num_rows() > 0 { self.waiting.add(&in_time) } else { Ok(()) }
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time <= self.watermark {
            return Ok(watermark);
        }
        self.watermark = watermark.time;
        let rows = self.waiting.take()?;
        let due = Self::older(&rows, watermark.time)?;
        let settled = expand(&filter_record_batch(&rows, &due).map_err(failed)?)?;
        self.waiting.put(filter_record_batch(&rows, &not(&due).map_err(failed)?).map_err(failed)?);
        let visible = self.schema.visible_count();
        let columns = settled.columns()[..visible].to_vec();
        out.emit(self.schema.batch(columns, settled.column(visible).clone())?)?;
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::new();
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        chunks.extend(self.waiting.chunks.iter_mut().map(|chunk| chunk.hand_over(TABLE, &mut names)));
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        self.watermark = StoredWatermark::restored(&chunks);
        for chunk in chunks.iter().filter(|chunk| chunk.table == TABLE) {
            check_columns(chunk, &self.waiting.schema)?;
            let rows = match self.hash_columns.is_empty() {
                true => chunk.rows.clone(),
                false => in_range(&chunk.rows, &self.hash_columns, range)?,
            };
            let rows = RecordBatch::try_new(self.waiting.schema.clone(), rows.columns().to_vec()).map_err(failed)?;
            self.waiting.put(rows);
        }
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.waiting.size()
    }
}
