//! Holds the changes of results back until the watermark has passed their event time, folded; a correction of a result
//! that is out already goes on at once. So a window that takes late rows is given whole when it closes, and corrected
//! after.

use arrow::array::BooleanArray;
use arrow::compute::{filter_record_batch, not};
use arrow::record_batch::RecordBatch;
use headwater_core::changelog::expand;
use headwater_core::schema::event_times;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};

use super::chunk::{ChunkNames, StoredWatermark, check_columns, in_range};
use super::held_rows::HeldRows;

/// The state table: changes that wait.
const TABLE: &str = "held";

/// The operator of `NodeKind::Hold`.
pub(super) struct Hold {
    held: HeldRows,
    schema: StreamSchema,
    keys: Vec<usize>,
    watermark: EventTime,
    stored_watermark: StoredWatermark,
}

impl Hold {
    /// `schema` is that of the changelog, `keys` the columns by which its rows found this instance.
    pub(super) fn new(schema: &StreamSchema, keys: Vec<usize>) -> Self {
        Hold {
            held: HeldRows::new(schema),
            schema: schema.clone(),
            keys,
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
        }
    }

    fn past(&self, batch: &RecordBatch) -> Result<BooleanArray, OperatorError> {
        let past = |time: &i64| Some(*time < self.watermark.nanos() || self.watermark == EventTime::MAX);
        Ok(event_times(batch)?.values().iter().map(past).collect())
    }

    /// Held rows as the stream has them: where it only grows, without weights.
    fn given(&self, rows: RecordBatch) -> Result<RecordBatch, OperatorError> {
        if self.schema.is_updating() {
            return Ok(rows);
        }
        let rows = expand(&rows)?;
        let visible = self.schema.visible_count();
        self.schema.batch(rows.columns()[..visible].to_vec(), rows.column(visible).clone())
    }

    /// Rows that are past, and the others.
    fn split(&self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch), OperatorError> {
        let past = self.past(batch)?;
        let others = filter_record_batch(batch, &not(&past).map_err(failed)?).map_err(failed)?;
        Ok((filter_record_batch(batch, &past).map_err(failed)?, others))
    }
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("hold changes back", source)
}

impl Operator for Hold {
    fn name(&self) -> &str {
        "hold"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let (corrections, held) = self.split(&batch)?;
        self.held.add(&held)?;
        out.emit(corrections)
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time > self.watermark {
            self.watermark = watermark.time;
            let rows = self.held.take()?;
            let (due, held) = self.split(&rows)?;
            self.held.put(held);
            out.emit(self.given(due)?)?;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::new();
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        chunks.extend(self.held.chunks.iter_mut().map(|chunk| chunk.hand_over(TABLE, &mut names)));
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        self.watermark = StoredWatermark::restored(&chunks);
        for chunk in chunks.iter().filter(|chunk| chunk.table == TABLE) {
            check_columns(chunk, &self.held.schema)?;
            let rows = in_range(&chunk.rows, &self.keys, range)?;
            let rows = RecordBatch::try_new(self.held.schema.clone(), rows.columns().to_vec()).map_err(failed)?;
            self.held.put(rows);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.held.size()
    }
}
