//! A temporal join: each left row with the version of the right side that held at its event time.
//!
//! A left row waits until the watermark has passed it; then every version up to its time is known. Of the versions of
//! a key only the last one before the watermark, and those after it, can still be asked for. Of versions of the same time
//! the one holds whose columns are the greatest, from left to right with null the least, whichever came first.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{ArrayRef, BooleanArray, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use headwater_core::schema::event_times;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::JoinNode;

use super::pairs::Pairing;
use super::side::{Alone, Side};
use super::{JoinInputs, rows_at};
use crate::operators::chunk::{Chunk, ChunkNames, StoredWatermark, check_columns, in_range};
use crate::operators::row_table::SlotId;
use crate::operators::storage::Storage;

/// The state table of left rows that wait.
const WAITING: &str = "waiting";

/// A temporal join, INNER or LEFT.
pub(crate) struct AsOfJoin {
    pairing: Pairing,
    left: Side,
    left_schema: SchemaRef,
    left_hash: Vec<usize>,
    versions: Side,
    outer: bool,
    schema: StreamSchema,
    /// Left rows that wait, in chunks as they came.
    waiting: Vec<Chunk>,
    watermark: EventTime,
    /// The hashes of versions that came behind the watermark, to be looked at with those that it passes next.
    late_versions: Vec<u64>,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

impl AsOfJoin {
    /// `schema` is the node's output.
    pub(crate) fn new(
        node: &JoinNode,
        inputs: JoinInputs,
        schema: StreamSchema,
        storage: &Storage,
    ) -> Result<Self, OperatorError> {
        let JoinInputs { schemas: [left, right], hash_columns: [left_hash, right_hash] } = inputs;
        let outer = match node.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            other => return Err(OperatorError::plan(format!("a temporal {other} join"))),
        };
        let alone = if outer { Alone::Outer } else { Alone::Nothing };
        Ok(AsOfJoin {
            pairing: Pairing::new(node, &left, &right)?,
            left: Side::new("left", node.left_keys.clone(), &left, alone, left_hash.clone(), &Storage::new(false)),
            left_schema: left.full().clone(),
            left_hash,
            versions: Side::new("versions", node.right_keys.clone(), &right, Alone::Nothing, right_hash, storage),
            outer,
            schema,
            waiting: Vec::new(),
            watermark: EventTime::MIN,
            late_versions: Vec::new(),
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// Takes out the left rows whose versions are all known.
    fn take_due(&mut self, watermark: EventTime) -> Result<Option<RecordBatch>, OperatorError> {
        let due = |time: i64| time < watermark.nanos() || watermark == EventTime::MAX;
        let mut taken = Vec::new();
        for chunk in std::mem::take(&mut self.waiting) {
            let times = event_times(&chunk.rows)?;
            let mask: BooleanArray = times.values().iter().map(|time| Some(due(*time))).collect();
            match mask.true_count() {
                0 => self.waiting.push(chunk),
                all if all == chunk.rows.num_rows() => taken.push(chunk.rows),
                _ => {
                    taken.push(filter_record_batch(&chunk.rows, &mask).map_err(failed)?);
                    let rest = arrow::compute::not(&mask).map_err(failed)?;
                    self.waiting.push(Chunk::new(filter_record_batch(&chunk.rows, &rest).map_err(failed)?));
                }
            }
        }
        match taken.is_empty() {
            true => Ok(None),
            false => concat_batches(&self.left_schema, &taken).map(Some).map_err(failed),
        }
    }

    fn join(&self, rows: &RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let weights = vec![1; rows.num_rows()];
        let arrived = self.left.arrived(rows, weights, self.pairing.null_equal)?;
        let probed = self.versions.table.probe(&arrived.hashes, |row| arrived.keyless(row));
        let pairs = self.pairing.pairs(0, &arrived, probed, &self.versions)?;
        let chosen = self.latest(rows, &pairs.own_rows, &pairs.slots)?;
        let picked = UInt32Array::from_iter_values(chosen.iter().flatten().copied());
        let columns: Vec<ArrayRef> =
            pairs.columns.iter().map(|c| take(c, &picked, None)).collect::<Result<_, _>>().map_err(failed)?;
        let own: Vec<u32> = picked.values().iter().map(|pair| pairs.own_rows[*pair as usize]).collect();
        let own = rows_at(rows, &own)?;
        out.emit(self.schema.batch(columns, own.column(self.left.visible).clone())?)?;
        if self.outer {
            let alone: Vec<u32> = (0..rows.num_rows() as u32).filter(|row| chosen[*row as usize].is_none()).collect();
            let alone = rows_at(rows, &alone)?;
            let visible = alone.columns()[..self.left.visible].to_vec();
            let columns = Alone::Outer.columns(visible, 0, false, alone.num_rows(), &self.schema)?;
            out.emit(self.schema.batch(columns, alone.column(self.left.visible).clone())?)?;
        }
        Ok(())
    }

    /// For each left row the number of its pair with the latest version that is not younger.
    fn latest(&self, rows: &RecordBatch, own: &[u32], slots: &[SlotId]) -> Result<Vec<Option<u32>>, OperatorError> {
        let left = event_times(rows)?;
        let versions = Versions::new(self.versions.table.rows(slots)?)?;
        let mut chosen: Vec<Option<u32>> = vec![None; rows.num_rows()];
        for (pair, row) in own.iter().enumerate() {
            if versions.times.value(pair) > left.value(*row as usize) {
                continue;
            }
            let best = &mut chosen[*row as usize];
            let is_later = match best {
                Some(best) => versions.is_later(pair, *best as usize)?,
                None => true,
            };
            if is_later {
                *best = Some(pair as u32);
            }
        }
        Ok(chosen)
    }

    /// Lets go of versions that a later one has replaced for everyone who may still come. Only a key of which the
    /// watermark has passed a version since it stood at `before` can have any.
    fn forget_versions(&mut self, before: EventTime, watermark: EventTime) -> Result<(), OperatorError> {
        if watermark == EventTime::MAX {
            return Ok(());
        }
        let table = &self.versions.table;
        let mut hashes = std::mem::take(&mut self.late_versions);
        hashes.extend(table.between(before.nanos(), watermark.nanos())?.into_iter().map(|slot| table.hash(slot)));
        hashes.sort_unstable();
        hashes.dedup();
        let (_, mut old) = table.probe(&hashes, |_| false);
        let times = event_times(&table.rows(&old)?)?.clone();
        let mut times = times.values().iter();
        old.retain(|_| times.next().is_some_and(|time| *time < watermark.nanos()));
        if old.len() < 2 {
            return Ok(());
        }
        let rows = self.versions.table.rows(&old)?;
        let arrived = self.versions.arrived(&rows, vec![1; old.len()], self.pairing.null_equal)?;
        let encoded = encode(&arrived.keys, old.len())?;
        let versions = Versions::new(rows)?;
        let mut last: HashMap<&[u8], usize> = HashMap::new();
        let mut replaced = Vec::new();
        for row in 0..old.len() {
            match last.entry(encoded[row].as_ref()) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(row);
                }
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    let other = *entry.get();
                    let newer = versions.is_later(row, other)?;
                    replaced.push(old[if newer { other } else { row }]);
                    if newer {
                        entry.insert(row);
                    }
                }
            }
        }
        self.versions.forget(&replaced)
    }
}

/// Versions in the order in which each replaces the one before.
struct Versions {
    rows: RecordBatch,
    times: TimestampNanosecondArray,
    /// The visible columns as comparable bytes, once two versions of the same time have met.
    encoded: OnceCell<Vec<Box<[u8]>>>,
}

impl Versions {
    fn new(rows: RecordBatch) -> Result<Self, OperatorError> {
        let times = event_times(&rows)?.clone();
        Ok(Versions { rows, times, encoded: OnceCell::new() })
    }

    fn is_later(&self, row: usize, other: usize) -> Result<bool, OperatorError> {
        match self.times.value(row).cmp(&self.times.value(other)) {
            Ordering::Equal => {}
            order => return Ok(order == Ordering::Greater),
        }
        let encoded = match self.encoded.get() {
            Some(encoded) => encoded,
            None => {
                let visible = &self.rows.columns()[..self.rows.num_columns() - 1];
                let encoded = encode(visible, self.rows.num_rows())?;
                self.encoded.get_or_init(|| encoded)
            }
        };
        Ok(encoded[row] > encoded[other])
    }
}

/// Keys as comparable bytes; one empty key where there are no columns.
fn encode(keys: &[ArrayRef], rows: usize) -> Result<Vec<Box<[u8]>>, OperatorError> {
    use arrow::row::{RowConverter, SortField};
    if keys.is_empty() {
        return Ok(vec![Box::default(); rows]);
    }
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let encoded = RowConverter::new(fields).and_then(|converter| converter.convert_columns(keys)).map_err(failed)?;
    Ok((0..rows).map(|row| encoded.row(row).as_ref().into()).collect())
}

impl Operator for AsOfJoin {
    fn name(&self) -> &str {
        "temporal-join"
    }

    fn on_batch(&mut self, input: usize, batch: RecordBatch, _out: &mut dyn Output) -> Result<(), OperatorError> {
        if input == 1 {
            let arrived = self.versions.arrived(&batch, vec![1; batch.num_rows()], self.pairing.null_equal)?;
            let times = event_times(&batch)?.values().iter().zip(&arrived.hashes);
            let late = times.filter(|(time, _)| **time < self.watermark.nanos());
            self.late_versions.extend(late.map(|(_, hash)| *hash));
            return self.versions.insert(arrived);
        }
        let times = event_times(&batch)?;
        let mask: BooleanArray = times.values().iter().map(|time| Some(*time >= self.watermark.nanos())).collect();
        self.late_rows += (batch.num_rows() - mask.true_count()) as u64;
        let batch = filter_record_batch(&batch, &mask).map_err(failed)?;
        if batch.num_rows() > 0 {
            self.waiting.push(Chunk::new(batch));
        }
        Ok(())
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if watermark.time > self.watermark {
            if let Some(rows) = self.take_due(watermark.time)? {
                self.join(&rows, out)?;
            }
            let before = std::mem::replace(&mut self.watermark, watermark.time);
            self.forget_versions(before, watermark.time)?;
        }
        Ok(watermark)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::new();
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        chunks.extend(self.versions.hand_over(&mut names)?);
        chunks.extend(self.waiting.iter_mut().map(|chunk| chunk.hand_over(WAITING, &mut names)));
        Ok(Snapshot { chunks })
    }

    fn restore_chunk(&mut self, chunk: RestoredChunk, range: KeyRange) -> Result<Option<RestoredChunk>, OperatorError> {
        let restored = self.versions.restore(&chunk, range, self.pairing.null_equal)?;
        Ok((!restored).then_some(chunk))
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        self.watermark = StoredWatermark::restored(&chunks);
        for chunk in chunks {
            let Some(chunk) = self.restore_chunk(chunk, range)?.filter(|chunk| chunk.table == WAITING) else {
                continue;
            };
            check_columns(&chunk, &self.left_schema)?;
            let rows = in_range(&chunk.rows, &self.left_hash, range)?;
            let rows = RecordBatch::try_new(self.left_schema.clone(), rows.columns().to_vec()).map_err(failed)?;
            self.waiting.push(Chunk::new(rows));
        }
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|chunk| chunk.rows.get_array_memory_size()).sum();
        waiting + self.versions.size()
    }

    fn spilled_bytes(&self) -> usize {
        self.versions.table.spilled_bytes()
    }
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("join as of a time", source)
}
