//! Changes that wait for the watermark: results that are given whole at their end and corrected after, and changelogs
//! that settle behind a watermark which is held back. Against maps of weights, over restores at other parallelisms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::key::owner;
use headwater_core::schema::{event_times, weights};
use headwater_core::script::Collected;
use headwater_core::{EventTime, KeyRange, Operator, StreamSchema, Watermark, hash_columns};
use headwater_plan::{Graph, NodeKind, Partitioning};
use headwater_runtime::operators::{Storage, build};

use crate::drive::{Stored, overlapping, stored};
use crate::rows::Random;

/// Key, count and event time.
type Row = (i64, i64, i64);

fn visible() -> Schema {
    Schema::new(vec![Field::new("k", DataType::Int64, false), Field::new("n", DataType::Int64, false)])
}

fn batch(changes: &[(Row, i64)]) -> RecordBatch {
    let column = |pick: fn(&(Row, i64)) -> i64| changes.iter().map(pick).collect::<Vec<i64>>();
    let visible_columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(column(|((k, ..), _)| *k))),
        Arc::new(Int64Array::from(column(|((_, n, _), _)| *n))),
    ];
    let times = Arc::new(TimestampNanosecondArray::from(column(|((.., time), _)| *time)));
    let weights = Int64Array::from(column(|(_, weight)| *weight));
    StreamSchema::updating(&visible()).changes(visible_columns, times, weights).unwrap()
}

/// The rows of batches with their weights; 1 in a stream that only grows.
fn changes(out: &Collected) -> Vec<(Row, i64)> {
    let mut changes = Vec::new();
    for batch in &out.0 {
        let number = |index: usize| batch.column(index).as_primitive::<Int64Type>().values();
        let times = event_times(batch).unwrap().values();
        for row in 0..batch.num_rows() {
            let weight = weights(batch).map_or(1, |weights| weights.value(row));
            changes.push(((number(0)[row], number(1)[row], times[row]), weight));
        }
    }
    changes
}

/// What changes add up to.
fn sum(changes: impl IntoIterator<Item = (Row, i64)>) -> BTreeMap<Row, i64> {
    let mut sums = BTreeMap::new();
    for (row, weight) in changes {
        *sums.entry(row).or_default() += weight;
    }
    sums.retain(|_, weight| *weight != 0);
    sums
}

/// Results that are corrected again and again: a window of 10 a key, counted up, down and away.
struct Results {
    random: Random,
    now: i64,
    counts: BTreeMap<(i64, i64), i64>,
}

impl Results {
    fn new(seed: u64) -> Self {
        Results { random: Random(seed), now: 0, counts: BTreeMap::new() }
    }

    /// Some changes of results up to `behind` before now.
    fn changes(&mut self, behind: u64) -> Vec<(Row, i64)> {
        let mut changes = Vec::new();
        for _ in 0..self.random.below(10) {
            self.now += [0, 0, 1, 3][self.random.below(4) as usize];
            let time = (self.now + 25 - self.random.below(behind) as i64).div_euclid(10) * 10 + 9;
            let key = (self.random.below(5) as i64, time);
            let count = self.random.below(5) as i64;
            let old = if count == 0 { self.counts.remove(&key) } else { self.counts.insert(key, count) };
            changes.extend(old.map(|old| ((key.0, old, time), -1)));
            changes.extend((count > 0).then_some(((key.0, count, time), 1)));
        }
        changes
    }
}

/// Instances of an operator, which rows find by their key.
struct Instances<'a> {
    make: &'a dyn Fn() -> Box<dyn Operator>,
    keys: Vec<usize>,
    operators: Vec<Box<dyn Operator>>,
    stored: Vec<Stored>,
    late_before: u64,
}

impl<'a> Instances<'a> {
    fn new(make: &'a dyn Fn() -> Box<dyn Operator>, keys: Vec<usize>) -> Self {
        Instances { make, keys, operators: vec![make()], stored: vec![Stored::new()], late_before: 0 }
    }

    fn batch(&mut self, batch: &RecordBatch) -> Collected {
        let keys: Vec<_> = self.keys.iter().map(|index| batch.column(*index).clone()).collect();
        let hashes = hash_columns(&keys, batch.num_rows()).unwrap();
        let count = self.operators.len();
        let mut out = Collected::default();
        for (instance, operator) in self.operators.iter_mut().enumerate() {
            let own: BooleanArray = hashes.iter().map(|hash| Some(owner(*hash, count) == instance)).collect();
            operator.on_batch(0, filter_record_batch(batch, &own).unwrap(), &mut out).unwrap();
        }
        out
    }

    fn watermark(&mut self, watermark: Watermark) -> Collected {
        let mut out = Collected::default();
        for operator in &mut self.operators {
            assert_eq!(operator.on_watermark(watermark, &mut out).unwrap(), watermark);
        }
        out
    }

    fn checkpoint(&mut self, epoch: u64) {
        for (operator, stored_before) in self.operators.iter_mut().zip(&mut self.stored) {
            let mut out = Collected::default();
            *stored_before = stored(operator.on_barrier(epoch, &mut out).unwrap(), stored_before);
            assert!(out.0.is_empty(), "what waits goes on waiting");
        }
    }

    /// Goes on from the checkpoint that was just taken, with so many instances.
    fn restore(&mut self, count: usize) {
        self.late_before = self.late_rows();
        let restored = (0..count).map(|index| {
            let (mut operator, range) = ((self.make)(), KeyRange::of(index, count));
            operator.restore(overlapping(&self.stored, range), range).unwrap();
            operator
        });
        self.operators = restored.collect();
        self.stored = vec![Stored::new(); count];
    }

    fn late_rows(&self) -> u64 {
        self.late_before + self.operators.iter().map(|operator| operator.late_rows()).sum::<u64>()
    }
}

fn hold(schema: StreamSchema) -> Box<dyn Operator> {
    let mut graph = Graph::default();
    let id = graph.add(NodeKind::Hold(vec![0]), schema, true);
    build(&graph, id, &Storage::new(true)).unwrap()
}

fn check_hold(seed: u64) {
    let make = || hold(StreamSchema::updating(&visible()));
    let (mut results, mut holds) = (Results::new(seed), Instances::new(&make, vec![0]));
    let (mut held, mut given) = (BTreeMap::new(), BTreeMap::new());
    let mut watermark = i64::MIN;
    for epoch in 1..200 {
        let all = results.changes(60);
        let (corrections, waiting): (Vec<_>, Vec<_>) =
            all.iter().copied().partition(|((.., time), _)| *time < watermark);
        held = sum(held.into_iter().chain(waiting));
        let out = changes(&holds.batch(&batch(&all)));
        assert_eq!(sum(out.clone()), sum(corrections), "{seed}: what is out is corrected at once");
        given = sum(given.into_iter().chain(out));
        match results.random.below(6) {
            0 => holds.checkpoint(epoch),
            1 => {
                holds.checkpoint(epoch);
                holds.restore(1 + results.random.below(3) as usize);
            }
            _ => {}
        }
        if results.random.below(3) == 0 {
            watermark = watermark.max(results.now);
            let out = changes(&holds.watermark(Watermark::at(EventTime(watermark))));
            let due = |((.., time), _): &(Row, i64)| *time < watermark;
            let (due, left): (Vec<_>, Vec<_>) = held.into_iter().partition(due);
            held = left.into_iter().collect();
            assert!(out.iter().all(|(_, weight)| *weight == 1), "{seed}: a result is given whole, and once: {out:?}");
            assert_eq!(out.len(), due.len(), "{seed}: it is folded");
            assert_eq!(sum(out.clone()), sum(due), "{seed}");
            given = sum(given.into_iter().chain(out));
        }
    }
    let last = changes(&holds.watermark(Watermark::END));
    assert_eq!(sum(last.clone()), held, "{seed}");
    let all: BTreeMap<Row, i64> = results.counts.iter().map(|((k, time), n)| ((*k, *n, *time), 1)).collect();
    assert_eq!(sum(given.into_iter().chain(last)), all, "{seed}: every result is as it was last");
    assert!(holds.operators.iter().all(|operator| operator.state_bytes() == 0), "{seed}: state is left at the end");
}

#[test]
fn results_are_given_whole_at_their_end_and_corrected_after() {
    for seed in 0..40 {
        check_hold(seed);
    }
}

/// The groups of a window without aggregates are rows that only come; held ones leave as such.
#[test]
fn what_only_grows_leaves_a_hold_as_it_came() {
    let schema = StreamSchema::append_only(&visible());
    let mut operator = hold(schema.clone());
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(Int64Array::from(vec![1, 1]))];
    let rows = schema.batch(columns, Arc::new(TimestampNanosecondArray::from(vec![9, 19]))).unwrap();
    let mut out = Collected::default();
    operator.on_batch(0, rows, &mut out).unwrap();
    assert!(out.0.is_empty());
    operator.on_watermark(Watermark::at(EventTime(10)), &mut out).unwrap();
    operator.on_watermark(Watermark::END, &mut out).unwrap();
    assert_eq!(changes(&out), [((1, 1, 9), 1), ((2, 1, 19), 1)]);
    for batch in &out.0 {
        assert_eq!(&batch.schema(), schema.full(), "a batch has other columns than its stream");
    }
}

fn settle() -> Box<dyn Operator> {
    let mut graph = Graph::default();
    let from = graph.add(NodeKind::Union, StreamSchema::updating(&visible()), true);
    let id = graph.add(NodeKind::Settle, StreamSchema::append_only(&visible()), true);
    graph.connect(from, id, 0, Partitioning::Hash(vec![0, 1]));
    build(&graph, id, &Storage::new(true)).unwrap()
}

fn delay(by: i64) -> Box<dyn Operator> {
    let mut graph = Graph::default();
    let kind = NodeKind::Delay(Duration::from_nanos(by as u64));
    let id = graph.add(kind, StreamSchema::updating(&visible()), true);
    build(&graph, id, &Storage::new(true)).unwrap()
}

/// A changelog with rows up to `behind` the watermark, and what has settled of it; gives how many changes were late.
fn check_settle(seed: u64, lateness: i64, behind: u64) -> u64 {
    let (mut results, mut settles) = (Results::new(seed), Instances::new(&settle, vec![0, 1]));
    let mut delay = delay(lateness);
    let (mut waiting, mut late, mut watermark) = (BTreeMap::new(), 0, None);
    for epoch in 1..200 {
        let all = results.changes(behind);
        let mut passed = Collected::default();
        delay.on_batch(0, batch(&all), &mut passed).unwrap();
        assert_eq!(changes(&passed), all, "{seed}: rows are not delayed");
        for batch in &passed.0 {
            assert!(settles.batch(batch).0.is_empty(), "{seed}: nothing is settled by a row");
        }
        let is_late = |((.., time), _): &(Row, i64)| watermark.is_some_and(|watermark| *time < watermark - lateness);
        let (too_late, in_time): (Vec<_>, Vec<_>) = all.into_iter().partition(is_late);
        late += too_late.len() as u64;
        waiting = sum(waiting.into_iter().chain(in_time));
        match results.random.below(6) {
            0 => settles.checkpoint(epoch),
            1 => {
                settles.checkpoint(epoch);
                settles.restore(1 + results.random.below(3) as usize);
            }
            _ => {}
        }
        assert_eq!(settles.late_rows(), late, "{seed} delayed by {lateness}");
        if results.random.below(3) == 0 {
            watermark = watermark.max(Some(results.now));
            let mut none = Collected::default();
            let held_back = delay.on_watermark(Watermark::at(EventTime(results.now)), &mut none).unwrap();
            assert_eq!(held_back.time, EventTime(results.now - lateness));
            let out = changes(&settles.watermark(held_back));
            let due = |((.., time), _): &(Row, i64)| *time < results.now - lateness;
            let (due, left): (Vec<_>, Vec<_>) = waiting.into_iter().partition(due);
            waiting = left.into_iter().collect();
            let standing = due.into_iter().filter(|(_, weight)| *weight > 0);
            assert_eq!(sum(out), sum(standing), "{seed} delayed by {lateness}");
        }
    }
    let end = delay.on_watermark(Watermark::END, &mut Collected::default()).unwrap();
    let standing = waiting.into_iter().filter(|(_, weight)| *weight > 0);
    assert_eq!(sum(changes(&settles.watermark(end))), sum(standing), "{seed} delayed by {lateness}");
    late
}

#[test]
fn a_changelog_settles_once_nothing_can_come_late_any_more() {
    for seed in 0..20 {
        // A result's time is that of its window's end less one, so at most 26 behind the least that was asked for.
        assert_eq!(check_settle(seed, 40, 60), 0, "{seed}: all is late by less than the delay");
    }
    let late: u64 = (100..120).map(|seed| check_settle(seed, 15, 90)).sum();
    assert!(late > 100, "{late} late changes say little");
    let late: u64 = (200..210).map(|seed| check_settle(seed, 0, 60)).sum();
    assert!(late > 100, "{late} late changes say little");
}
