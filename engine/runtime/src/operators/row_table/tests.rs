//! The table against a list of rows: with all of them in memory, and with hardly any.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use headwater_core::StreamSchema;
use headwater_core::spill::MemorySpill;
use proptest::prelude::*;

use super::*;
use crate::operators::storage::SpillSpace;

/// A row of the model: its key is its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: i64,
    key: u64,
    time: i64,
    weight: i64,
    degree: i64,
}

#[derive(Clone, Debug)]
enum Step {
    /// So many rows with keys and times from a seed.
    Insert {
        rows: usize,
        seed: u64,
    },
    Take(Vec<u64>),
    Probe(Vec<u64>),
    /// Removes what is older than the newest row by so much.
    Expire(i64),
    /// Removes every so manieth row.
    Thin(usize),
    /// Adds to the degrees of a key's rows.
    Meet(u64),
    ReadAll,
    /// Rows from a time up to another.
    Between(i64, i64),
}

const KEYS: u64 = 40;

fn step() -> impl Strategy<Value = Step> {
    let keys = || prop::collection::vec(0..KEYS, 0..6);
    prop_oneof![
        6 => (prop_oneof![1..20_usize, 200..3_000_usize], any::<u64>()).prop_map(|(rows, seed)| Step::Insert { rows, seed }),
        2 => keys().prop_map(Step::Take),
        3 => keys().prop_map(Step::Probe),
        2 => (0..6_000_i64).prop_map(Step::Expire),
        1 => (1..4_usize).prop_map(Step::Thin),
        1 => (0..KEYS).prop_map(Step::Meet),
        1 => Just(Step::ReadAll),
        1 => (0..9_000_i64, 0..9_000_i64).prop_map(|(from, to)| Step::Between(from, to)),
    ]
}

fn schema() -> SchemaRef {
    let visible = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("key", DataType::Int64, false),
        Field::new("name", DataType::Utf8, false),
    ]);
    StreamSchema::append_only(&visible).full().clone()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.key as i64))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| format!("row {}", row.id)))),
        Arc::new(TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.time))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Rows as the table gives them, in order of their ids.
fn sorted(rows: &RecordBatch, weights: Vec<i64>, degrees: Vec<i64>) -> Vec<Row> {
    let (ids, keys) = (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_primitive::<Int64Type>());
    let names = rows.column(2).as_string::<i32>();
    let times = headwater_core::schema::event_times(rows).unwrap();
    let row = |i: usize| {
        assert_eq!(names.value(i), format!("row {}", ids.value(i)));
        let (id, key, time) = (ids.value(i), keys.value(i) as u64, times.value(i));
        Row { id, key, time, weight: weights[i], degree: degrees[i] }
    };
    let mut rows: Vec<Row> = (0..rows.num_rows()).map(row).collect();
    rows.sort();
    rows
}

/// The table and what should be in it.
struct Checked {
    table: RowTable,
    model: Vec<Row>,
    newest: i64,
}

impl Checked {
    fn new(storage: &Storage) -> Self {
        Checked { table: RowTable::new(schema(), storage), model: Vec::new(), newest: 1 }
    }

    fn in_slots(&self, slots: &[SlotId]) -> Vec<Row> {
        let weights = slots.iter().map(|slot| self.table.weight(*slot)).collect();
        let degrees = slots.iter().map(|slot| self.table.degree(*slot)).collect();
        sorted(&self.table.rows(slots).unwrap(), weights, degrees)
    }

    fn where_(&self, holds: impl Fn(&Row) -> bool) -> Vec<Row> {
        let mut rows: Vec<Row> = self.model.iter().copied().filter(holds).collect();
        rows.sort();
        rows
    }

    fn insert(&mut self, rows: usize, seed: u64) {
        let first = self.model.iter().map(|row| row.id).max().unwrap_or(0) + 1;
        let mut rows: Vec<Row> = (0..rows as u64)
            .map(|number| {
                let chance = headwater_core::key::hash_bytes(&(seed.wrapping_add(number)).to_le_bytes());
                let time = self.newest + (chance >> 20) as i64 % 200;
                let weight = 1 + (chance >> 40) as i64 % 2;
                Row { id: first + number as i64, key: chance % KEYS, time, weight, degree: 0 }
            })
            .collect();
        self.newest += 100;
        // Rows of one key are not together, nor rows of one time.
        rows.sort_by_key(|row| headwater_core::key::hash_bytes(&row.id.to_le_bytes()));
        let hashes: Vec<u64> = rows.iter().map(|row| row.key).collect();
        self.table.insert(batch(&rows), &hashes, |row| rows[row].weight, |_| 0).unwrap();
        self.model.extend(rows);
    }

    fn go(&mut self, step: &Step) {
        match step {
            Step::Insert { rows, seed } => self.insert(*rows, *seed),
            Step::Take(keys) => {
                let taken = self.table.take(keys).unwrap();
                let degrees = vec![0; taken.weights.len()];
                let expected = self.where_(|row| keys.contains(&row.key));
                let expected: Vec<Row> = expected.into_iter().map(|row| Row { degree: 0, ..row }).collect();
                assert_eq!(sorted(&taken.rows, taken.weights, degrees), expected);
                self.model.retain(|row| !keys.contains(&row.key));
            }
            Step::Probe(keys) => {
                let (numbers, slots) = self.table.probe(keys, |number| number == 3);
                let mut expected: Vec<Row> = Vec::new();
                for (number, key) in keys.iter().enumerate().filter(|(number, _)| *number != 3) {
                    let found = self.where_(|row| row.key == *key);
                    assert_eq!(numbers.iter().filter(|n| **n as usize == number).count(), found.len());
                    expected.extend(found);
                }
                expected.sort();
                assert_eq!(self.in_slots(&slots), expected);
            }
            Step::Expire(age) => {
                let before = self.newest - age;
                let slots = self.table.older(before).unwrap();
                assert_eq!(self.in_slots(&slots), self.where_(|row| row.time < before));
                let whole: Vec<u64> = (0..KEYS)
                    .filter(|key| {
                        let of_key = |row: &&Row| row.key == *key;
                        self.model.iter().any(|row| row.key == *key)
                            && self.model.iter().filter(of_key).all(|row| row.time < before)
                    })
                    .collect();
                let mut hashes = self.table.hashes_aged(before).unwrap();
                hashes.sort_unstable();
                assert_eq!(hashes, whole);
                self.table.remove(&slots).unwrap();
                self.model.retain(|row| row.time >= before);
                let slots = self.table.slots.len();
                assert!(slots <= 4 * self.table.len().max(DEAD_MIN) + 4, "{slots} slots for {}", self.table.len());
            }
            Step::Thin(every) => {
                let slots: Vec<SlotId> = self.table.slots().into_iter().step_by(*every).collect();
                let gone: std::collections::HashSet<i64> = self.in_slots(&slots).iter().map(|row| row.id).collect();
                self.table.remove(&slots).unwrap();
                self.model.retain(|row| !gone.contains(&row.id));
            }
            Step::Meet(key) => {
                for slot in self.table.probe(&[*key], |_| false).1 {
                    self.table.add_degree(slot, 2);
                }
                self.model.iter_mut().filter(|row| row.key == *key).for_each(|row| row.degree += 2);
            }
            Step::ReadAll => assert_eq!(self.in_slots(&self.table.slots()), self.where_(|_| true)),
            Step::Between(from, to) => {
                let slots = self.table.between(*from, *to).unwrap();
                assert_eq!(self.in_slots(&slots), self.where_(|row| (*from..*to).contains(&row.time)));
            }
        }
        assert_eq!(self.table.len(), self.model.len());
    }

    /// What is gone takes no room.
    fn is_lean(&self) {
        let held: usize = self.table.segments.iter().flatten().map(Segment::len).sum();
        let small = SMALL_ROWS * SEGMENTS_MAX;
        assert!(held <= 2 * self.table.len() + small, "{held} rows are held for {}", self.table.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_are_where_they_should_be(steps in prop::collection::vec(step(), 1..50)) {
        let store = Arc::new(MemorySpill::default());
        let mut checked: Vec<Checked> = vec![Checked::new(&Storage::new(true))];
        for bytes in [0, 60_000, 400_000] {
            let space = SpillSpace::new(store.clone(), bytes);
            checked.push(Checked::new(&Storage::new(true).with_spill(space)));
        }
        for step in &steps {
            for (number, checked) in checked.iter_mut().enumerate() {
                checked.go(step);
                checked.is_lean();
                let in_memory = checked.table.segments.iter().flatten().filter(|segment| segment.is_loaded()).count();
                prop_assert!(number != 1 || in_memory == 0, "there is no room for any rows");
            }
        }
        drop(checked);
        prop_assert_eq!(store.batches(), 0);
    }
}

fn filled(storage: &Storage, rows: usize) -> Checked {
    let mut checked = Checked::new(storage);
    for part in 0..rows / 1_000 {
        checked.insert(1_000, part as u64);
    }
    checked
}

#[test]
fn what_rested_longest_is_spilled_first() {
    let store = Arc::new(MemorySpill::default());
    let size = filled(&Storage::new(true), 40_000).table.size();
    let storage = Storage::new(true).with_spill(SpillSpace::new(store.clone(), size * 3 / 4));
    let mut checked = filled(&storage, 40_000);
    assert!(store.batches() > 0);
    assert!(checked.table.size() <= size * 3 / 4, "{} of {size}", checked.table.size());
    let newest = checked.table.between(checked.newest - 100, i64::MAX).unwrap();
    let written = store.written();
    checked.table.rows(&newest).unwrap();
    assert_eq!(store.written(), written);
    let segments = checked.table.segments.iter().flatten();
    let spilled: Vec<(bool, i64)> = segments.map(|segment| (segment.is_loaded(), segment.earliest)).collect();
    let oldest = spilled.iter().min_by_key(|(_, time)| *time).unwrap();
    let youngest = spilled.iter().max_by_key(|(_, time)| *time).unwrap();
    assert!(!oldest.0 && youngest.0, "{spilled:?}");
    checked.go(&Step::ReadAll);
    assert!(checked.table.size() <= size * 3 / 4, "what was read back has room no more than before");
}

#[test]
fn a_store_that_is_full_is_an_error_of_the_insert() {
    let store = Arc::new(MemorySpill::default());
    let mut checked = Checked::new(&Storage::new(true).with_spill(SpillSpace::new(store.clone(), 0)));
    checked.insert(2_000, 1);
    store.fill();
    let rows = batch(&[Row { id: 0, key: 1, time: 0, weight: 1, degree: 0 }]);
    let error = checked.table.insert(rows, &[1], |_| 1, |_| 0).unwrap_err();
    assert_eq!(error.to_string(), "could not spill state to memory");
}

#[test]
fn rows_that_go_give_their_memory_back() {
    for bytes in [usize::MAX, 0] {
        let store = Arc::new(MemorySpill::default());
        let space = SpillSpace::new(store.clone(), bytes);
        let mut checked = filled(&Storage::new(true).with_spill(space), 50_000);
        let (before, spilled) = (checked.table.size(), checked.table.spilled_bytes());
        checked.go(&Step::Expire(500));
        checked.go(&Step::ReadAll);
        assert!(checked.table.len() > 0 && checked.table.size() * 4 < before, "{} of {before}", checked.table.size());
        assert!(checked.table.spilled_bytes() * 4 <= spilled);
        checked.go(&Step::Expire(-1_000));
        assert_eq!(checked.table.len(), 0);
        assert!(checked.table.size() < 4096 && store.batches() == 0, "{} bytes", checked.table.size());
    }
}

#[test]
fn slots_are_numbered_anew_around_rows_that_are_long_gone() {
    let mut checked = Checked::new(&Storage::new(true));
    checked.insert(600, 1);
    // Most of the first rows stay, so that their segment does, with those that are gone.
    let go = |checked: &mut Checked, goes: &dyn Fn(i64) -> bool| {
        let all = checked.table.slots();
        let gone: Vec<SlotId> = all.into_iter().filter(|slot| goes(checked.in_slots(&[*slot])[0].id)).collect();
        checked.table.remove(&gone).unwrap();
        checked.model.retain(|row| !goes(row.id));
        checked.go(&Step::ReadAll);
    };
    go(&mut checked, &|id| id <= 200);
    for seed in [2, 3] {
        checked.insert(1_600, seed);
        go(&mut checked, &|id| id > 600);
    }
}
