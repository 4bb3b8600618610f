//! Rows by the hash of their key, with weights: the state of joins, and of whatever is computed anew for the keys that
//! changed.
//!
//! Rows lie in segments, immutable batches, of which there are few: eight of a size are merged into one, so that a row
//! is copied a logarithmic number of times. A *slot* says where a row is now, and the index goes from a hash to slots.
//! Two keys of one hash share an entry: whoever must tell them apart compares the keys.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat_batches, interleave, min, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use headwater_core::NO_TIME;
use headwater_core::OperatorError;
use headwater_core::schema::event_times;

use headwater_core::key::HashedMap;

/// So many segments of one size are merged.
const SEGMENTS_MAX: usize = 8;
/// Segments up to this many rows are of the smallest size.
const SMALL_ROWS: usize = 1024;
/// Dead slots that are not worth sweeping.
const DEAD_MIN: usize = 4096;

/// A number for a row as long as it is in the table.
pub(super) type SlotId = u32;

/// Where a row is, and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    /// 0 for a slot whose row is gone.
    weight: i64,
    /// How many rows of the other side of a join it has met, by weight.
    degree: i64,
    segment: u32,
    row: u32,
}

#[derive(Debug)]
struct Segment {
    rows: RecordBatch,
    slots: Vec<SlotId>,
    live: usize,
    /// The least event time of its rows; the end of time where they have none.
    earliest: i64,
}

/// The slots of one hash; most have one.
#[derive(Debug)]
enum Slots {
    One(SlotId),
    Many(Vec<SlotId>),
}

impl Slots {
    fn as_slice(&self) -> &[SlotId] {
        match self {
            Slots::One(slot) => std::slice::from_ref(slot),
            Slots::Many(slots) => slots,
        }
    }

    fn push(&mut self, slot: SlotId) {
        match self {
            Slots::One(first) => *self = Slots::Many(vec![*first, slot]),
            Slots::Many(slots) => slots.push(slot),
        }
    }

    /// Leaves out slots; false when none is left.
    fn retain(&mut self, keep: impl Fn(SlotId) -> bool) -> bool {
        match self {
            Slots::One(slot) => keep(*slot),
            Slots::Many(slots) => {
                slots.retain(|slot| keep(*slot));
                !slots.is_empty()
            }
        }
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct RowTable {
    schema: SchemaRef,
    segments: Vec<Option<Segment>>,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    index: HashedMap<Slots>,
    live: usize,
    dead: usize,
    /// Rows that weigh less than nothing.
    debts: usize,
}

/// Rows that were taken out.
#[derive(Debug)]
pub(super) struct Taken {
    /// The rows.
    pub(super) rows: RecordBatch,
    /// Their weights.
    pub(super) weights: Vec<i64>,
}

impl RowTable {
    /// An empty table for rows of this schema.
    pub(super) fn new(schema: SchemaRef) -> Self {
        RowTable {
            schema,
            segments: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            live: 0,
            dead: 0,
            debts: 0,
        }
    }

    /// The columns of its rows.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Bytes in memory, about.
    pub(super) fn size(&self) -> usize {
        let rows = self.segments.iter().flatten().map(|segment| segment.rows.get_array_memory_size()).sum::<usize>();
        rows + self.slots.capacity() * (size_of::<Slot>() + size_of::<SlotId>()) + self.index.capacity() * 40
    }

    /// Adds rows with their hashes, weights (none of which is 0) and degrees.
    pub(super) fn insert(
        &mut self,
        rows: RecordBatch,
        hashes: &[u64],
        weights: impl Fn(usize) -> i64,
        degrees: impl Fn(usize) -> i64,
    ) -> Result<(), OperatorError> {
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let segment = self.free_segment();
        let mut ids = Vec::with_capacity(count);
        for (row, hash) in hashes.iter().enumerate().take(count) {
            let (weight, degree) = (weights(row), degrees(row));
            self.debts += usize::from(weight < 0);
            let slot = Slot { hash: *hash, weight, degree, segment: segment as u32, row: row as u32 };
            let id = match self.free.pop() {
                Some(id) => {
                    self.slots[id as usize] = slot;
                    id
                }
                None => {
                    self.slots.push(slot);
                    self.slots.len() as SlotId - 1
                }
            };
            self.index.entry(*hash).and_modify(|slots| slots.push(id)).or_insert(Slots::One(id));
            ids.push(id);
        }
        self.live += count;
        let earliest = earliest(&rows);
        self.segments[segment] = Some(Segment { rows, slots: ids, live: count, earliest });
        self.merge_segments()
    }

    /// The rows of the same hash, as pairs of the number of the hash and a slot. Hashes that `skip` names have none.
    pub(super) fn probe(&self, hashes: &[u64], skip: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<SlotId>) {
        let (mut probes, mut found) = (Vec::new(), Vec::new());
        for (number, hash) in hashes.iter().enumerate() {
            if skip(number) {
                continue;
            }
            for slot in self.index.get(hash).map_or(&[][..], Slots::as_slice) {
                if self.slots[*slot as usize].weight != 0 {
                    probes.push(number as u32);
                    found.push(*slot);
                }
            }
        }
        (probes, found)
    }

    /// The rows in these slots.
    pub(super) fn rows(&self, slots: &[SlotId]) -> Result<RecordBatch, OperatorError> {
        let places: Vec<Option<usize>> = {
            let mut next = 0;
            let place = |segment: &Option<Segment>| {
                segment.as_ref().map(|_| {
                    next += 1;
                    next - 1
                })
            };
            self.segments.iter().map(place).collect()
        };
        let mut indices = Vec::with_capacity(slots.len());
        for slot in slots {
            let slot = &self.slots[*slot as usize];
            let place = places.get(slot.segment as usize).copied().flatten();
            let place = place.ok_or_else(|| OperatorError::plan("a row's segment is gone"))?;
            indices.push((place, slot.row as usize));
        }
        let batches: Vec<&RecordBatch> = self.segments.iter().flatten().map(|segment| &segment.rows).collect();
        gather(&self.schema, &batches, &indices)
    }

    /// The weight of a row.
    pub(super) fn weight(&self, slot: SlotId) -> i64 {
        self.slots[slot as usize].weight
    }

    /// Whether any row weighs less than nothing: it was taken back before it came.
    pub(super) fn has_debts(&self) -> bool {
        self.debts > 0
    }

    /// Adds to the weight of a row; one that weighs nothing then is gone. [`RowTable::sweep`] has to follow.
    pub(super) fn add_weight(&mut self, slot: SlotId, change: i64) {
        let before = self.slots[slot as usize].weight;
        let weight = before + change;
        if weight == 0 {
            return self.kill(slot);
        }
        self.debts = self.debts + usize::from(weight < 0) - usize::from(before < 0);
        self.slots[slot as usize].weight = weight;
    }

    /// The degree of a row.
    pub(super) fn degree(&self, slot: SlotId) -> i64 {
        self.slots[slot as usize].degree
    }

    /// Adds to the degree of a row.
    pub(super) fn add_degree(&mut self, slot: SlotId, change: i64) {
        self.slots[slot as usize].degree += change;
    }

    /// Takes out every row of these hashes. A hash may come twice.
    pub(super) fn take(&mut self, hashes: &[u64]) -> Result<Taken, OperatorError> {
        let mut slots = Vec::new();
        for hash in hashes {
            if let Some(found) = self.index.remove(hash) {
                let live = found.as_slice().iter().copied().filter(|slot| self.slots[*slot as usize].weight != 0);
                let before = slots.len();
                slots.extend(live);
                // What was dead under this hash is in no index any more.
                let dead = found.as_slice().len() - (slots.len() - before);
                self.dead -= dead;
                self.free.extend(found.as_slice().iter().filter(|slot| self.slots[**slot as usize].weight == 0));
            }
        }
        let rows = self.rows(&slots)?;
        let weights = slots.iter().map(|slot| self.weight(*slot)).collect();
        for slot in &slots {
            self.kill(*slot);
        }
        self.dead -= slots.len();
        self.free.extend(slots);
        self.sweep_segments();
        Ok(Taken { rows, weights })
    }

    /// The slots of all rows.
    pub(super) fn slots(&self) -> Vec<SlotId> {
        (0..self.slots.len() as SlotId).filter(|slot| self.slots[*slot as usize].weight != 0).collect()
    }

    /// The slots of rows that are older than `before`, by event time.
    pub(super) fn older(&self, before: i64) -> Result<Vec<SlotId>, OperatorError> {
        self.at_times(before, |time| time < before)
    }

    /// The slots of rows that are to be forgotten for their age: those older than `before` but for rows without a time.
    pub(super) fn aged(&self, before: i64) -> Result<Vec<SlotId>, OperatorError> {
        self.at_times(before, |time| time < before && time != NO_TIME.nanos())
    }

    /// The slots of rows with such event times, all of which are before `before`.
    fn at_times(&self, before: i64, wanted: impl Fn(i64) -> bool) -> Result<Vec<SlotId>, OperatorError> {
        let mut found = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let Some(segment) = segment.as_ref().filter(|segment| segment.earliest < before) else { continue };
            let times = event_times(&segment.rows)?;
            for (row, (slot, time)) in segment.slots.iter().zip(times).enumerate() {
                if time.is_some_and(&wanted) && self.is_at(*slot, number, row) {
                    found.push(*slot);
                }
            }
        }
        Ok(found)
    }

    /// The hashes of rows, each once, all of whose rows are to be forgotten for their age.
    pub(super) fn hashes_aged(&self, before: i64) -> Result<Vec<u64>, OperatorError> {
        let mut counts: HashedMap<usize> = HashMap::default();
        for slot in self.aged(before)? {
            *counts.entry(self.slots[slot as usize].hash).or_default() += 1;
        }
        let live = |hash: &u64| {
            let slots = self.index.get(hash).map_or(&[][..], Slots::as_slice);
            slots.iter().filter(|slot| self.slots[**slot as usize].weight != 0).count()
        };
        Ok(counts.into_iter().filter(|(hash, count)| live(hash) == *count).map(|(hash, _)| hash).collect())
    }

    /// Removes rows.
    pub(super) fn remove(&mut self, slots: &[SlotId]) {
        for slot in slots {
            self.kill(*slot);
        }
        self.sweep();
    }

    /// Lets go of what rows that are gone have left behind.
    pub(super) fn sweep(&mut self) {
        self.sweep_segments();
        if self.dead > self.live + DEAD_MIN {
            let slots = &self.slots;
            self.index.retain(|_, entry| entry.retain(|slot| slots[slot as usize].weight != 0));
            self.free = (0..slots.len() as SlotId).filter(|slot| slots[*slot as usize].weight == 0).collect();
            self.dead = 0;
        }
    }

    fn kill(&mut self, slot: SlotId) {
        let slot = &mut self.slots[slot as usize];
        if slot.weight != 0 {
            self.debts -= usize::from(slot.weight < 0);
            slot.weight = 0;
            self.live -= 1;
            self.dead += 1;
            if let Some(Some(segment)) = self.segments.get_mut(slot.segment as usize) {
                segment.live -= 1;
            }
        }
    }

    /// Whether the row with this number is alive and still in this slot.
    fn is_at(&self, slot: SlotId, segment: usize, row: usize) -> bool {
        let slot = &self.slots[slot as usize];
        slot.weight != 0 && slot.segment as usize == segment && slot.row as usize == row
    }

    fn free_segment(&mut self) -> usize {
        match self.segments.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.segments.push(None);
                self.segments.len() - 1
            }
        }
    }

    fn sweep_segments(&mut self) {
        for segment in &mut self.segments {
            if segment.as_ref().is_some_and(|segment| segment.live == 0) {
                *segment = None;
            }
        }
    }

    fn merge_segments(&mut self) -> Result<(), OperatorError> {
        let mut sizes: [Vec<usize>; 16] = Default::default();
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(segment) = segment {
                sizes[size_class(segment.rows.num_rows())].push(number);
            }
        }
        match sizes.into_iter().find(|segments| segments.len() >= SEGMENTS_MAX) {
            Some(segments) => self.merge(&segments),
            None => Ok(()),
        }
    }

    fn merge(&mut self, numbers: &[usize]) -> Result<(), OperatorError> {
        let failed = |source| OperatorError::arrow("merge rows by key", source);
        let (mut batches, mut slots) = (Vec::new(), Vec::new());
        for number in numbers {
            let Some(segment) = self.segments[*number].take() else { continue };
            let alive: Vec<u32> = (0..segment.slots.len() as u32)
                .filter(|row| self.is_at(segment.slots[*row as usize], *number, *row as usize))
                .collect();
            slots.extend(alive.iter().map(|row| segment.slots[*row as usize]));
            batches.push(match alive.len() == segment.rows.num_rows() {
                true => segment.rows,
                false => take_record_batch(&segment.rows, &UInt32Array::from(alive)).map_err(failed)?,
            });
        }
        let rows = concat_batches(&self.schema, &batches).map_err(failed)?;
        let number = self.free_segment();
        for (row, slot) in slots.iter().enumerate() {
            let slot = &mut self.slots[*slot as usize];
            (slot.segment, slot.row) = (number as u32, row as u32);
        }
        let (live, earliest) = (slots.len(), earliest(&rows));
        self.segments[number] = (live > 0).then_some(Segment { rows, slots, live, earliest });
        Ok(())
    }
}

/// A power of eight for sizes beyond the smallest.
fn size_class(rows: usize) -> usize {
    let mut class = 0;
    let mut size = rows / SMALL_ROWS;
    while size > 0 && class < 15 {
        size /= SEGMENTS_MAX;
        class += 1;
    }
    class
}

fn earliest(rows: &RecordBatch) -> i64 {
    event_times(rows).ok().and_then(min).unwrap_or(i64::MAX)
}

/// Rows of several batches, each by the number of its batch and its own.
fn gather(
    schema: &SchemaRef,
    batches: &[&RecordBatch],
    indices: &[(usize, usize)],
) -> Result<RecordBatch, OperatorError> {
    if indices.is_empty() {
        return Ok(RecordBatch::new_empty(schema.clone()));
    }
    let failed = |source| OperatorError::arrow("gather rows by key", source);
    let column = |number: usize| -> Result<ArrayRef, _> {
        let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(number).as_ref()).collect();
        interleave(&columns, indices)
    };
    let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(failed)
}
