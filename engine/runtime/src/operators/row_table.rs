//! Rows by the hash of their key, with weights: the state of joins, and of whatever is computed anew for the keys that
//! changed.
//!
//! Rows lie in segments, immutable batches, of which there are few: eight of a size are merged into one, so that a row
//! is copied a logarithmic number of times. A *slot* says where a row is now, and the index goes from a hash to slots.
//! Two keys of one hash share an entry: whoever must tell them apart compares the keys.
//!
//! What is gone takes no room for long: a segment most of whose rows are gone is written anew without them, and so are
//! slots and index. Where the table has more memory than its [`Share`], the rows of segments that nobody has looked at
//! for the longest time are spilled; slots and index stay, so that only a row that is really there is ever read back.

mod segment;
mod set_off;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{concat_batches, interleave, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use headwater_core::key::HashedMap;
use headwater_core::{NO_TIME, OperatorError, SpillStore};

use super::storage::{Share, Storage};
use segment::Segment;
pub(super) use set_off::Changes;

/// So many segments of one size are merged.
const SEGMENTS_MAX: usize = 8;
/// Segments up to this many rows are of the smallest size.
const SMALL_ROWS: usize = 1024;
/// No segment is merged to more rows: one is read, or written, at a time.
const SEGMENT_ROWS_MAX: usize = 128 * 1024;
/// Dead slots that are not worth sweeping.
const DEAD_MIN: usize = 1024;
/// Segments of fewer rows are not worth writing anew.
const HOLLOW_MIN: usize = 64;

/// A number for a row as long as it is in the table. Whatever takes rows out may give the others new ones.
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
    /// How many rows weigh less than nothing: they were taken back before they came.
    debts: usize,
    /// Counts what was done, to know which segment has rested longest.
    clock: Cell<u64>,
    share: Option<Share>,
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
    pub(super) fn new(schema: SchemaRef, storage: &Storage) -> Self {
        RowTable {
            schema,
            segments: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            live: 0,
            dead: 0,
            debts: 0,
            clock: Cell::new(0),
            share: storage.share(),
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
        let segments = self.segments.iter().flatten();
        let rows: usize = segments.map(|segment| segment.memory_bytes() + segment.len() * size_of::<SlotId>()).sum();
        let slots = self.slots.capacity() * size_of::<Slot>() + self.free.capacity() * size_of::<SlotId>();
        rows + slots + self.index.capacity() * size_of::<(u64, Slots)>()
    }

    /// Bytes of what is spilled.
    pub(super) fn spilled_bytes(&self) -> usize {
        self.segments.iter().flatten().map(Segment::spilled_bytes).sum()
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
        self.segments[segment] = Some(Segment::new(rows, ids, self.tick()));
        self.merge_segments()?;
        self.make_room()
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
        let mut sources: Vec<Source> = Vec::new();
        let mut numbers = vec![u32::MAX; self.segments.len()];
        let mut indices = Vec::with_capacity(slots.len());
        for slot in slots {
            let slot = &self.slots[*slot as usize];
            let gone = || OperatorError::plan("a row's segment is gone");
            let number = numbers.get_mut(slot.segment as usize).ok_or_else(gone)?;
            if *number == u32::MAX {
                *number = sources.len() as u32;
                let segment = self.segments[slot.segment as usize].as_ref().ok_or_else(gone)?;
                sources.push(Source { segment, wanted: (!segment.is_loaded()).then(Vec::new) });
            }
            indices.push((*number as usize, sources[*number as usize].place(slot.row)));
        }
        let now = self.tick();
        let batches = sources.into_iter().map(|source| self.gather(source, now)).collect::<Result<Vec<_>, _>>()?;
        interleaved(&self.schema, &batches, &indices)
    }

    /// What a segment has of the rows that are wanted. Where it had to be read, only they are copied, and it stays in
    /// memory as long as there is room.
    fn gather(&self, source: Source<'_>, now: u64) -> Result<RecordBatch, OperatorError> {
        let rows = source.segment.load(&self.schema, now)?;
        let Some(wanted) = source.wanted else { return Ok(rows) };
        let failed = |source| OperatorError::arrow("gather rows by key", source);
        let wanted = take_record_batch(&rows, &UInt32Array::from(wanted)).map_err(failed)?;
        drop(rows);
        self.let_go()?;
        Ok(wanted)
    }

    /// The hash of a row's key.
    pub(super) fn hash(&self, slot: SlotId) -> u64 {
        self.slots[slot as usize].hash
    }

    /// The weight of a row.
    pub(super) fn weight(&self, slot: SlotId) -> i64 {
        self.slots[slot as usize].weight
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
        self.sweep()?;
        Ok(Taken { rows, weights })
    }

    /// The slots of all rows, those of rows that lie together one after another.
    pub(super) fn slots(&self) -> Vec<SlotId> {
        let mut found = Vec::with_capacity(self.live);
        for (number, segment) in self.segments.iter().enumerate() {
            let slots = segment.iter().flat_map(|segment| segment.slots.iter().enumerate());
            found.extend(slots.filter(|(row, slot)| self.is_at(**slot, number, *row)).map(|(_, slot)| *slot));
        }
        found
    }

    /// The store where rows of the table are, if memory had no room for them.
    pub(super) fn crowded(&self) -> Option<&dyn SpillStore> {
        let share = self.share.as_ref().filter(|_| self.spilled_bytes() > 0);
        share.map(Share::store)
    }

    /// The slots of rows that are older than `before`, by event time.
    pub(super) fn older(&self, before: i64) -> Result<Vec<SlotId>, OperatorError> {
        self.between(i64::MIN, before)
    }

    /// The slots of rows that are to be forgotten for their age: those older than `before` but for rows without a time.
    pub(super) fn aged(&self, before: i64) -> Result<Vec<SlotId>, OperatorError> {
        let none = NO_TIME.nanos();
        let mut found = self.between(i64::MIN, before.min(none))?;
        found.extend(self.between(none + 1, before)?);
        Ok(found)
    }

    /// The slots of rows from the event time `from` up to, and without, `before`.
    pub(super) fn between(&self, from: i64, before: i64) -> Result<Vec<SlotId>, OperatorError> {
        let mut found = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let touched = |segment: &&Segment| segment.earliest < before && segment.latest >= from;
            let Some(segment) = segment.as_ref().filter(touched) else { continue };
            let all = segment.earliest >= from && segment.latest < before;
            // A segment all of whose rows are meant need not be read.
            let times = if all { None } else { Some(segment.times(&self.schema)?) };
            for (row, slot) in segment.slots.iter().enumerate() {
                // What has no time is the result of no rows, and never old.
                let within = |times: &TimestampNanosecondArray| {
                    times.is_valid(row) && (from..before).contains(&times.value(row))
                };
                let meant = times.as_ref().is_none_or(within);
                if meant && self.is_at(*slot, number, row) {
                    found.push(*slot);
                }
            }
        }
        Ok(found)
    }

    /// The hashes of rows, each once, all of whose rows are to be forgotten for their age.
    fn hashes_aged(&self, before: i64) -> Result<Vec<u64>, OperatorError> {
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
    pub(super) fn remove(&mut self, slots: &[SlotId]) -> Result<(), OperatorError> {
        for slot in slots {
            self.kill(*slot);
        }
        self.sweep()?;
        self.shrink();
        Ok(())
    }

    /// Takes out the rows of every hash all of whose rows are older than `before` and have a time.
    pub(super) fn take_aged(&mut self, before: i64) -> Result<Taken, OperatorError> {
        let taken = self.take(&self.hashes_aged(before)?)?;
        self.shrink();
        Ok(taken)
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
        let here = |slot: &Slot| slot.weight != 0 && slot.segment as usize == segment && slot.row as usize == row;
        self.slots.get(slot as usize).is_some_and(here)
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
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
}

/// Room: what is gone is swept, what is small is merged, what rests is spilled.
impl RowTable {
    /// Gives back what rows took that are gone.
    fn sweep(&mut self) -> Result<(), OperatorError> {
        for segment in &mut self.segments {
            if segment.as_ref().is_some_and(|segment| segment.live == 0) {
                *segment = None;
            }
        }
        while self.segments.last().is_some_and(Option::is_none) {
            self.segments.pop();
        }
        self.compact_segments()?;
        self.make_room()
    }

    /// Gives back what slots and index took of rows that are gone. Rows that are only taken out to come back changed are
    /// no reason to.
    fn shrink(&mut self) {
        if self.live == 0 || (self.slots.len() > DEAD_MIN && self.slots.len() / 4 > self.live) {
            self.renumber();
        } else if self.dead > self.live + DEAD_MIN {
            let slots = &self.slots;
            self.index.retain(|_, entry| entry.retain(|slot| slots[slot as usize].weight != 0));
            self.free = (0..slots.len() as SlotId).filter(|slot| slots[*slot as usize].weight == 0).collect();
            self.dead = 0;
        }
    }

    /// Writes segments anew most of whose rows are gone: a row that is copied pays for one that went.
    fn compact_segments(&mut self) -> Result<(), OperatorError> {
        let mut hollow: Vec<usize> = Vec::new();
        let mut rows = 0;
        for number in 0..self.segments.len() {
            let Some(segment) = &self.segments[number] else { continue };
            if segment.len() < HOLLOW_MIN || segment.live * 2 >= segment.len() {
                continue;
            }
            rows += segment.live;
            hollow.push(number);
            if rows > SEGMENT_ROWS_MAX / 2 {
                self.merge(&std::mem::take(&mut hollow))?;
                rows = 0;
            }
        }
        if hollow.is_empty() { Ok(()) } else { self.merge(&hollow) }
    }

    /// Numbers the slots anew, without those of rows that are gone.
    fn renumber(&mut self) {
        let mut slots = Vec::with_capacity(self.live);
        let mut index: HashedMap<Slots> = HashMap::default();
        for (number, segment) in self.segments.iter_mut().enumerate() {
            let Some(segment) = segment else { continue };
            for (row, id) in segment.slots.iter_mut().enumerate() {
                let here =
                    |slot: &Slot| slot.weight != 0 && slot.segment as usize == number && slot.row as usize == row;
                let Some(slot) = self.slots.get(*id as usize).copied().filter(here) else {
                    // Names no row: no slot has this number.
                    *id = SlotId::MAX;
                    continue;
                };
                *id = slots.len() as SlotId;
                index.entry(slot.hash).and_modify(|slots| slots.push(*id)).or_insert(Slots::One(*id));
                slots.push(slot);
            }
        }
        (self.slots, self.index, self.free, self.dead) = (slots, index, Vec::new(), 0);
    }

    fn merge_segments(&mut self) -> Result<(), OperatorError> {
        let mut sizes: [Vec<(usize, usize)>; 16] = Default::default();
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(segment) = segment {
                sizes[size_class(segment.len())].push((segment.live, number));
            }
        }
        for size in &mut sizes {
            size.sort_unstable();
            let smallest = size.get(..SEGMENTS_MAX).unwrap_or_default();
            let rows: usize = smallest.iter().map(|(live, _)| live).sum();
            if !smallest.is_empty() && rows <= SEGMENT_ROWS_MAX {
                let numbers: Vec<usize> = smallest.iter().map(|(_, number)| *number).collect();
                return self.merge(&numbers);
            }
        }
        Ok(())
    }

    fn merge(&mut self, numbers: &[usize]) -> Result<(), OperatorError> {
        let failed = |source| OperatorError::arrow("merge rows by key", source);
        let (mut batches, mut slots, mut used) = (Vec::new(), Vec::new(), 0);
        for number in numbers {
            let Some(segment) = self.segments[*number].take() else { continue };
            used = used.max(segment.used());
            let alive: Vec<u32> = (0..segment.slots.len() as u32)
                .filter(|row| self.is_at(segment.slots[*row as usize], *number, *row as usize))
                .collect();
            if alive.is_empty() {
                continue;
            }
            slots.extend(alive.iter().map(|row| segment.slots[*row as usize]));
            let rows = segment.load(&self.schema, used)?;
            batches.push(match alive.len() == rows.num_rows() {
                true => rows,
                false => take_record_batch(&rows, &UInt32Array::from(alive)).map_err(failed)?,
            });
        }
        if slots.is_empty() {
            return Ok(());
        }
        let rows = concat_batches(&self.schema, &batches).map_err(failed)?;
        let number = self.free_segment();
        for (row, slot) in slots.iter().enumerate() {
            let slot = &mut self.slots[*slot as usize];
            (slot.segment, slot.row) = (number as u32, row as u32);
        }
        self.segments[number] = Some(Segment::new(rows, slots, used));
        Ok(())
    }

    /// Bytes that the table has in memory and should not.
    fn excess(&self) -> usize {
        self.share.as_ref().map_or(0, |share| share.excess(self.size()))
    }

    /// Spills the rows that have rested longest, until the table has no more memory than it may, or no rows there.
    fn make_room(&mut self) -> Result<(), OperatorError> {
        while self.excess() > 0 {
            let loaded =
                self.segments.iter().enumerate().filter_map(|(number, segment)| Some((number, segment.as_ref()?)));
            let loaded = loaded.filter(|(_, segment)| segment.is_loaded());
            let Some((coldest, segment)) = loaded.min_by_key(|(_, segment)| (segment.used(), segment.earliest)) else {
                break;
            };
            // What is small is put together first: a file for every few rows would be many files.
            let small = self.small_segments();
            if small.len() > 1 && small.contains(&coldest) {
                self.merge(&small)?;
            } else if let Some(share) = &self.share {
                segment.unload(share.store())?;
            }
        }
        Ok(())
    }

    /// The segments of the smallest size that were never spilled.
    fn small_segments(&self) -> Vec<usize> {
        let is_small = |segment: &Segment| segment.len() < SMALL_ROWS && !segment.is_spilled();
        (0..self.segments.len()).filter(|number| self.segments[*number].as_ref().is_some_and(is_small)).collect()
    }

    /// Lets go of rows that were read back, those first that have rested longest, where there is no room for them.
    fn let_go(&self) -> Result<(), OperatorError> {
        let Some(share) = &self.share else { return Ok(()) };
        while self.excess() > 0 {
            let read = self.segments.iter().flatten().filter(|segment| segment.is_loaded() && segment.is_spilled());
            let Some(coldest) = read.min_by_key(|segment| segment.used()) else { break };
            coldest.unload(share.store())?;
        }
        Ok(())
    }
}

/// A segment from which rows are gathered.
struct Source<'a> {
    segment: &'a Segment,
    /// Which rows, where not all of them are at hand.
    wanted: Option<Vec<u32>>,
}

impl Source<'_> {
    /// Where a row of the segment will be in what is gathered.
    fn place(&mut self, row: u32) -> usize {
        match &mut self.wanted {
            None => row as usize,
            Some(wanted) => {
                wanted.push(row);
                wanted.len() - 1
            }
        }
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

/// Rows of several batches, each by the number of its batch and its own.
fn interleaved(
    schema: &SchemaRef,
    batches: &[RecordBatch],
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
