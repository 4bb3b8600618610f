//! SQL window functions over the rows of each closed event-time window.
//!
//! Rows of one window share an event time. They wait until the watermark has passed it, are sorted by the functions'
//! `PARTITION BY` and `ORDER BY`, cut into partitions and given to DataFusion's window functions. Nothing is computed
//! before: a function may look at any row of its partition.

mod partitions;
mod results;

use arrow::array::{BooleanArray, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, min, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::WindowFunctionNode;

use super::chunk::{Chunk, ChunkNames, StoredWatermark, check_columns, in_range};
use super::window_rows::Coalescer;
pub(super) use partitions::PartitionOrder;
pub(super) use results::Functions;

/// The state table: a chunk holds rows that wait, of any windows.
const TABLE: &str = "rows";
/// So many chunks there may be before they are merged into one.
const CHUNKS_MAX: usize = 8;

/// Evaluates window functions when windows close.
pub(super) struct WindowFunctionOperator {
    functions: Functions,
    input: SchemaRef,
    schema: StreamSchema,
    hash_columns: Vec<usize>,
    /// Rows that wait, each chunk in order of event time.
    chunks: Vec<Chunk>,
    /// Rows that came since the last chunk was made.
    fresh: Vec<RecordBatch>,
    earliest_fresh: i64,
    coalescer: Coalescer,
    watermark: EventTime,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

impl WindowFunctionOperator {
    /// `schema` is the node's output; `hash_columns` are those by which input rows found this instance, empty where
    /// rows are not exchanged.
    pub(super) fn new(
        node: &WindowFunctionNode,
        schema: StreamSchema,
        hash_columns: Vec<usize>,
    ) -> Result<Self, OperatorError> {
        let visible = schema.visible();
        let taken = visible.fields().len().checked_sub(node.functions.len());
        let taken = taken.ok_or_else(|| OperatorError::plan("fewer columns than window functions"))?;
        let input = StreamSchema::append_only(&Schema::new(visible.fields()[..taken].to_vec())).full().clone();
        Ok(WindowFunctionOperator {
            functions: Functions::new(
                node.functions.clone(),
                node.ranks.clone(),
                PartitionOrder::new(&node.functions, &input, Some(taken), taken + 1)?,
            ),
            coalescer: Coalescer::new(schema.full().clone()),
            input,
            schema,
            hash_columns,
            chunks: Vec::new(),
            fresh: Vec::new(),
            earliest_fresh: i64::MAX,
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// Rows of windows that are not closed yet; the others are counted.
    fn in_time(&mut self, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let times = event_times(&batch)?;
        let watermark = self.watermark.nanos();
        if min(times).is_none_or(|earliest| earliest >= watermark) {
            return Ok(batch);
        }
        let mask: BooleanArray = times.values().iter().map(|time| Some(*time >= watermark)).collect();
        self.late_rows += (batch.num_rows() - mask.true_count()) as u64;
        filter_record_batch(&batch, &mask).map_err(|source| OperatorError::arrow("leave out late rows", source))
    }

    fn add(&mut self, batch: RecordBatch) -> Result<(), OperatorError> {
        if let Some(earliest) = min(event_times(&batch)?) {
            self.earliest_fresh = self.earliest_fresh.min(earliest);
            self.fresh.push(batch);
        }
        Ok(())
    }

    /// Makes one chunk of the fresh rows and of the chunks that `merge` chooses.
    fn merge_chunks(&mut self, merge: impl Fn(&Chunk) -> bool) -> Result<(), OperatorError> {
        let (merged, kept): (Vec<Chunk>, Vec<Chunk>) = std::mem::take(&mut self.chunks).into_iter().partition(merge);
        self.chunks = kept;
        let mut rows: Vec<RecordBatch> = merged.into_iter().map(|chunk| chunk.rows).collect();
        rows.append(&mut self.fresh);
        self.earliest_fresh = i64::MAX;
        if !rows.is_empty() {
            self.chunks.push(Chunk::new(by_event_time(&self.input, &rows)?));
        }
        Ok(())
    }

    /// Takes out all rows that are older than `until`.
    fn take_older(&mut self, until: EventTime) -> Result<Vec<RecordBatch>, OperatorError> {
        let older = |time: i64| time < until.nanos() || until == EventTime::MAX;
        if !self.fresh.is_empty() && older(self.earliest_fresh) {
            let many = self.chunks.len() >= CHUNKS_MAX;
            self.merge_chunks(|chunk| many && !chunk.is_stored())?;
        }
        let mut taken = Vec::new();
        for chunk in std::mem::take(&mut self.chunks) {
            let count = event_times(&chunk.rows)?.values().partition_point(|time| older(*time));
            if count == 0 {
                self.chunks.push(chunk);
                continue;
            }
            let rows = chunk.rows.num_rows();
            taken.push(chunk.rows.slice(0, count));
            if count < rows {
                self.chunks.push(Chunk::new(chunk.rows.slice(count, rows - count)));
            }
        }
        Ok(taken)
    }

    fn evaluate(&mut self, rows: &[RecordBatch], out: &mut dyn Output) -> Result<(), OperatorError> {
        let batch = concat_batches(&self.input, rows).map_err(|e| OperatorError::arrow("join waiting rows", e))?;
        let (batch, results) = self.functions.evaluate(&batch)?;
        let mut columns = batch.columns()[..batch.num_columns() - 1].to_vec();
        columns.extend(results);
        let times = batch.column(batch.num_columns() - 1).clone();
        self.coalescer.push(self.schema.batch(columns, times)?, out)?;
        self.coalescer.finish(out)
    }
}

impl Operator for WindowFunctionOperator {
    fn name(&self) -> &str {
        "window-function"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        let batch = self.in_time(batch)?;
        self.add(batch)
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time > self.watermark {
            let rows = self.take_older(watermark.time)?;
            if !rows.is_empty() {
                self.evaluate(&rows, out)?;
            }
            self.watermark = watermark.time;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let many = self.chunks.len() >= CHUNKS_MAX;
        self.merge_chunks(|chunk| many || !chunk.is_stored())?;
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::with_capacity(self.chunks.len() + 1);
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        chunks.extend(self.chunks.iter_mut().map(|chunk| chunk.hand_over(TABLE, &mut names)));
        Ok(Snapshot { chunks })
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        for chunk in chunks.iter().filter(|chunk| chunk.table == TABLE) {
            check_columns(chunk, &self.input)?;
            let rows = match self.hash_columns.is_empty() {
                true => chunk.rows.clone(),
                false => in_range(&chunk.rows, &self.hash_columns, range)?,
            };
            self.add(rows)?;
        }
        self.watermark = StoredWatermark::restored(&chunks);
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| &chunk.rows);
        chunks.chain(&self.fresh).map(RecordBatch::get_array_memory_size).sum()
    }
}

/// The rows in order of event time; those of one time keep their order.
fn by_event_time(schema: &SchemaRef, rows: &[RecordBatch]) -> Result<RecordBatch, OperatorError> {
    let failed = |source| OperatorError::arrow("sort waiting rows", source);
    let batch = concat_batches(schema, rows).map_err(failed)?;
    let times: &TimestampNanosecondArray = event_times(&batch)?;
    if times.values().is_sorted() {
        return Ok(batch);
    }
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    order.sort_by_key(|row| times.value(*row as usize));
    take_record_batch(&batch, &UInt32Array::from(order)).map_err(failed)
}
