//! Joins of two inputs, each of which may be a changelog.
//!
//! A join is linear in each side: a row that comes pairs with the rows of the other side that are there, with the
//! product of their weights. What outer, semi, anti and mark joins say of a row by itself depends on its *degree*, the
//! weight of what it has met; when that comes to more than nothing or goes back to it, what was said is taken back.
//!
//! Where the watermark says when a row has had its last chance ([`JoinTime::Interval`]), nothing has to be taken back:
//! a row that met nobody is said to have met nobody when its chance is gone.

mod as_of;
mod pairs;
mod side;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, UInt32Array};
use arrow::compute::{filter, filter_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use headwater_core::{
    Epoch, EventTime, KeyRange, Operator, OperatorError, Output, RestoredChunk, Snapshot, StreamSchema, Watermark,
};
use headwater_plan::{JoinNode, JoinTime};

use super::chunk::{ChunkNames, StoredWatermark};
use super::retention::Retention;
use super::row_table::SlotId;
use super::storage::Storage;
pub(super) use as_of::AsOfJoin;
use headwater_core::changelog::row_weights;
use headwater_core::key::HashedMap;
use pairs::{Pairing, Pairs};
use side::{Alone, Arrived, Side};

/// A join of any type by equal keys.
pub(super) struct JoinOperator {
    pairing: Pairing,
    sides: [Side; 2],
    time: JoinTime,
    pairs_come_out: bool,
    schema: StreamSchema,
    retention: Retention,
    /// Sides that nothing is forgotten of.
    lasting: [bool; 2],
    watermark: EventTime,
    stored_watermark: StoredWatermark,
    late_rows: u64,
}

/// What an operator is of its inputs: their schemas, and the columns by which their rows find an instance.
pub(super) struct JoinInputs {
    /// Of the left and the right input.
    pub(super) schemas: [StreamSchema; 2],
    /// Of the left and the right input.
    pub(super) hash_columns: [Vec<usize>; 2],
}

impl JoinOperator {
    /// `schema` is the node's output.
    pub(super) fn new(
        node: &JoinNode,
        inputs: JoinInputs,
        schema: StreamSchema,
        storage: &Storage,
    ) -> Result<Self, OperatorError> {
        let [left, right] = alone(node.join_type);
        let JoinInputs { schemas: [left_schema, right_schema], hash_columns: [left_hash, right_hash] } = inputs;
        let ttl = match node.time {
            JoinTime::Updating(ttl) => ttl,
            _ => None,
        };
        Ok(JoinOperator {
            pairing: Pairing::new(node, &left_schema, &right_schema)?,
            sides: [
                Side::new("left", node.left_keys.clone(), &left_schema, left, left_hash, storage),
                Side::new("right", node.right_keys.clone(), &right_schema, right, right_hash, storage),
            ],
            time: node.time,
            pairs_come_out: matches!(
                node.join_type,
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full
            ),
            schema,
            retention: Retention::new(ttl),
            lasting: node.lasting,
            watermark: EventTime::MIN,
            stored_watermark: StoredWatermark::new(),
            late_rows: 0,
        })
    }

    /// Whether the result only grows, so that a row waits for its last chance before it is said to be alone.
    fn waits(&self) -> bool {
        matches!(self.time, JoinTime::Interval { .. })
    }

    /// The event time before which the rows of a side have had their last chance.
    fn deadline(&self, side: usize, watermark: EventTime) -> i64 {
        let JoinTime::Interval { least, most } = self.time else { return i64::MIN };
        match (watermark, side) {
            (EventTime::MAX, _) => i64::MAX,
            (EventTime::MIN, _) => i64::MIN,
            (time, 0) => time.nanos().saturating_add(least),
            (time, _) => time.nanos().saturating_sub(most),
        }
    }

    /// Rows that still have a chance; the others are counted.
    fn in_time(&mut self, input: usize, batch: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let deadline = self.deadline(input, self.watermark);
        let times = headwater_core::schema::event_times(&batch)?;
        if times.values().iter().all(|time| *time >= deadline) {
            return Ok(batch);
        }
        let mask: BooleanArray = times.values().iter().map(|time| Some(*time >= deadline)).collect();
        self.late_rows += (batch.num_rows() - mask.true_count()) as u64;
        filter_record_batch(&batch, &mask).map_err(|source| OperatorError::arrow("leave out late rows", source))
    }

    fn emit_pairs(&self, pairs: &Pairs, weights: &[i64], out: &mut dyn Output) -> Result<(), OperatorError> {
        if !self.pairs_come_out || pairs.is_empty() {
            return Ok(());
        }
        let weight =
            |(own, other): (&u32, &SlotId)| weights[*own as usize] * self.sides[pairs.other].table.weight(*other);
        let weights = pairs.own_rows.iter().zip(&pairs.slots).map(weight);
        let weights = Int64Array::from_iter_values(weights);
        out.emit(self.schema.changes(pairs.columns.clone(), pairs.times.clone(), weights)?)
    }

    /// What is said of rows by themselves, with these weights; nothing where nothing is.
    fn emit_alone(
        &self,
        side: usize,
        rows: &RecordBatch,
        matched: bool,
        weights: Int64Array,
        out: &mut dyn Output,
    ) -> Result<(), OperatorError> {
        if rows.num_rows() == 0 || !self.sides[side].alone.says(matched) {
            return Ok(());
        }
        let visible: Vec<ArrayRef> = rows.columns()[..self.sides[side].visible].to_vec();
        let columns = self.sides[side].alone.columns(visible, side, matched, rows.num_rows(), &self.schema)?;
        out.emit(self.schema.changes(columns, rows.column(self.sides[side].visible).clone(), weights)?)
    }

    /// What is said of the rows that came, now that it is known whom they met.
    fn arrived_alone(&self, input: usize, arrived: &Arrived, out: &mut dyn Output) -> Result<(), OperatorError> {
        for matched in [false, true] {
            if !self.sides[input].alone.says(matched) {
                continue;
            }
            // Without a key a row has no chance to wait for.
            let said = |row: usize| {
                let is_matched = arrived.degrees[row] > 0;
                is_matched == matched && (matched || !self.waits() || arrived.keyless(row))
            };
            let mask: BooleanArray = (0..arrived.rows.num_rows()).map(|row| Some(said(row))).collect();
            if mask.true_count() == 0 {
                continue;
            }
            let failed = |source| OperatorError::arrow("choose rows of a join", source);
            let rows = filter_record_batch(&arrived.rows, &mask).map_err(failed)?;
            let weights = filter(&Int64Array::from(arrived.weights.clone()), &mask).map_err(failed)?;
            let weights: &Int64Array = arrow::array::AsArray::as_primitive(&weights);
            self.emit_alone(input, &rows, matched, weights.clone(), out)?;
        }
        Ok(())
    }

    /// What is said of the other side's rows, whose degrees the pairs change.
    fn met(&mut self, pairs: &Pairs, weights: &[i64], out: &mut dyn Output) -> Result<(), OperatorError> {
        if self.sides[pairs.other].alone == Alone::Nothing || pairs.is_empty() {
            return Ok(());
        }
        let mut changes: HashedMap<i64> = HashedMap::default();
        for (own, slot) in pairs.own_rows.iter().zip(&pairs.slots) {
            *changes.entry(u64::from(*slot)).or_default() += weights[*own as usize];
        }
        let (mut found, mut lost) = (Vec::new(), Vec::new());
        let mut slots: Vec<(SlotId, i64)> =
            changes.into_iter().map(|(slot, change)| (slot as SlotId, change)).collect();
        slots.sort_unstable();
        for (slot, change) in slots {
            let table = &mut self.sides[pairs.other].table;
            let before = table.degree(slot) > 0;
            table.add_degree(slot, change);
            match (before, table.degree(slot) > 0) {
                (false, true) => found.push(slot),
                (true, false) => lost.push(slot),
                _ => {}
            }
        }
        for (slots, now) in [(found, true), (lost, false)] {
            let rows = self.sides[pairs.other].table.rows(&slots)?;
            self.sides[pairs.other].turned(&slots, &rows, now)?;
            let weight = |sign: i64| {
                Int64Array::from_iter_values(
                    slots.iter().map(|slot| sign * self.sides[pairs.other].table.weight(*slot)),
                )
            };
            if !self.waits() {
                self.emit_alone(pairs.other, &rows, !now, weight(-1), out)?;
            }
            self.emit_alone(pairs.other, &rows, now, weight(1), out)?;
        }
        Ok(())
    }

    /// Lets go of rows that have had their last chance; those that met nobody are said to have.
    fn expire(&mut self, side: usize, deadline: i64, out: &mut dyn Output) -> Result<(), OperatorError> {
        let slots = self.sides[side].table.older(deadline)?;
        if slots.is_empty() {
            return Ok(());
        }
        if self.sides[side].alone.says(false) {
            let table = &self.sides[side].table;
            let alone: Vec<SlotId> = slots.iter().copied().filter(|slot| table.degree(*slot) <= 0).collect();
            let rows = table.rows(&alone)?;
            let weights = Int64Array::from_iter_values(alone.iter().map(|slot| table.weight(*slot)));
            self.emit_alone(side, &rows, false, weights, out)?;
        }
        self.sides[side].forget(&slots)
    }
}

/// What a join says of each side's rows by themselves.
fn alone(join_type: JoinType) -> [Alone; 2] {
    use Alone::{Anti, Mark, Nothing, Outer, Semi};
    match join_type {
        JoinType::Inner => [Nothing, Nothing],
        JoinType::Left => [Outer, Nothing],
        JoinType::Right => [Nothing, Outer],
        JoinType::Full => [Outer, Outer],
        JoinType::LeftSemi => [Semi, Nothing],
        JoinType::RightSemi => [Nothing, Semi],
        JoinType::LeftAnti => [Anti, Nothing],
        JoinType::RightAnti => [Nothing, Anti],
        JoinType::LeftMark => [Mark, Nothing],
        JoinType::RightMark => [Nothing, Mark],
    }
}

impl Operator for JoinOperator {
    fn name(&self) -> &str {
        "join"
    }

    fn on_batch(&mut self, input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let batch = self.in_time(input, self.sides[input].folded(batch)?)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut arrived =
            self.sides[input].arrived(&batch, row_weights(&batch).values().to_vec(), self.pairing.null_equal)?;
        let other = 1 - input;
        let (own_rows, slots) = self.sides[other].table.probe(&arrived.hashes, |row| arrived.keyless(row));
        let pairs = self.pairing.pairs(input, &arrived, (own_rows, slots), &self.sides[other])?;
        for (own, slot) in pairs.own_rows.iter().zip(&pairs.slots) {
            arrived.degrees[*own as usize] += self.sides[other].table.weight(*slot);
        }
        self.emit_pairs(&pairs, &arrived.weights, out)?;
        self.arrived_alone(input, &arrived, out)?;
        self.met(&pairs, &arrived.weights, out)?;
        self.sides[input].insert(arrived)
    }

    fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        if let Some(before) = self.retention.due(watermark.time) {
            for (side, lasting) in self.sides.iter_mut().zip(self.lasting) {
                if !lasting {
                    let slots = side.table.aged(before)?;
                    side.forget(&slots)?;
                }
            }
        }
        if !self.waits() {
            return Ok(watermark);
        }
        if watermark.time > self.watermark {
            self.watermark = watermark.time;
            for side in [0, 1] {
                self.expire(side, self.deadline(side, watermark.time), out)?;
            }
        }
        // Also where only idleness has changed, or a checkpoint is gone on from.
        let mut leaving = watermark;
        for side in (0..2).filter(|side| self.sides[*side].alone != Alone::Nothing) {
            leaving.time = leaving.time.min(EventTime(self.deadline(side, self.watermark)));
        }
        Ok(leaving)
    }

    fn on_barrier(&mut self, epoch: Epoch, _out: &mut dyn Output) -> Result<Snapshot, OperatorError> {
        let mut names = ChunkNames::of(epoch);
        let mut chunks = Vec::new();
        chunks.extend(self.stored_watermark.hand_over(self.watermark, &mut names)?);
        for side in &mut self.sides {
            chunks.extend(side.hand_over(&mut names)?);
        }
        Ok(Snapshot { chunks })
    }

    fn restore_chunk(&mut self, chunk: RestoredChunk, range: KeyRange) -> Result<Option<RestoredChunk>, OperatorError> {
        for side in &mut self.sides {
            if side.restore(&chunk, range, self.pairing.null_equal)? {
                return Ok(None);
            }
        }
        Ok(Some(chunk))
    }

    fn restore(&mut self, chunks: Vec<RestoredChunk>, range: KeyRange) -> Result<(), OperatorError> {
        self.watermark = StoredWatermark::restored(&chunks);
        for chunk in chunks {
            self.restore_chunk(chunk, range)?;
        }
        let matched = self.sides.each_mut().map(Side::take_matched);
        self.restore_degrees(matched)
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }

    fn state_bytes(&self) -> usize {
        self.sides.iter().map(Side::size).sum()
    }

    fn spilled_bytes(&self) -> usize {
        self.sides.iter().map(|side| side.table.spilled_bytes()).sum()
    }
}

impl JoinOperator {
    /// Degrees follow from the rows, but for a match that has been forgotten since.
    fn restore_degrees(&mut self, matched: [Vec<bool>; 2]) -> Result<(), OperatorError> {
        for (side, matched) in matched.into_iter().enumerate() {
            if self.sides[side].alone == Alone::Nothing {
                continue;
            }
            let slots = self.sides[side].table.slots();
            for part in slots.chunks(super::BATCH_ROWS) {
                let rows = self.sides[side].table.rows(part)?;
                let weights = part.iter().map(|slot| self.sides[side].table.weight(*slot)).collect();
                let arrived = self.sides[side].arrived(&rows, weights, self.pairing.null_equal)?;
                let probed = self.sides[1 - side].table.probe(&arrived.hashes, |row| arrived.keyless(row));
                let pairs = self.pairing.pairs(side, &arrived, probed, &self.sides[1 - side])?;
                for (own, slot) in pairs.own_rows.iter().zip(&pairs.slots) {
                    let weight = self.sides[1 - side].table.weight(*slot);
                    self.sides[side].table.add_degree(part[*own as usize], weight);
                }
            }
            let table = &mut self.sides[side].table;
            for slot in slots.iter().zip(matched).filter(|(_, matched)| *matched).map(|(slot, _)| *slot) {
                if table.degree(slot) <= 0 {
                    table.add_degree(slot, 1 - table.degree(slot));
                }
            }
        }
        Ok(())
    }
}

/// The rows at `rows` of a batch.
fn rows_at(batch: &RecordBatch, rows: &[u32]) -> Result<RecordBatch, OperatorError> {
    arrow::compute::take_record_batch(batch, &UInt32Array::from(rows.to_vec()))
        .map_err(|source| OperatorError::arrow("choose rows of a join", source))
}
