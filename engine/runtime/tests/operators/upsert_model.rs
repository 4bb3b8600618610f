//! The last row of each key against a map, over random upserts, with checkpoints and a recovery at another parallelism.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use headwater_core::key::owner;
use headwater_core::schema::weights;
use headwater_core::script::Collected;
use headwater_core::{EventTime, KeyRange, NO_TIME, Operator, StreamSchema, Watermark, hash_columns};
use headwater_plan::{Graph, NodeKind, Partitioning, UpsertNode};
use headwater_runtime::operators::{Storage, build};

use crate::drive::{Stored, overlapping, stored};
use crate::rows::Random;

/// The key is a text and, behind the one other column, a number.
const KEY: [usize; 2] = [0, 2];

type Key = (String, i64);

/// A row that came, or a key that is gone.
#[derive(Clone, Debug)]
struct Change {
    key: Key,
    value: Option<i64>,
    time: i64,
}

fn schema(nullable: bool) -> StreamSchema {
    StreamSchema::updating(&Schema::new(vec![
        Field::new("k", DataType::Utf8, false),
        Field::new("v", DataType::Int64, nullable),
        Field::new("id", DataType::Int64, false),
    ]))
}

fn batch(changes: &[Change]) -> RecordBatch {
    let time = |change: &Change| change.value.map_or(NO_TIME.nanos(), |_| change.time);
    let weight = |change: &Change| if change.value.is_some() { 1 } else { -1 };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(changes.iter().map(|change| &change.key.0))),
        Arc::new(changes.iter().map(|change| change.value).collect::<Int64Array>()),
        Arc::new(Int64Array::from_iter_values(changes.iter().map(|change| change.key.1))),
        Arc::new(TimestampNanosecondArray::from_iter_values(changes.iter().map(time))),
        Arc::new(Int64Array::from_iter_values(changes.iter().map(weight))),
    ];
    RecordBatch::try_new(schema(true).full().clone(), columns).unwrap()
}

fn operator(ttl_nanos: Option<u64>) -> Box<dyn Operator> {
    let mut graph = Graph::default();
    let from = graph.add(NodeKind::Union, schema(true), true);
    let ttl = ttl_nanos.map(std::time::Duration::from_nanos);
    let node = graph.add(NodeKind::Upsert(UpsertNode { key: KEY.to_vec(), ttl }), schema(false), true);
    graph.connect(from, node, 0, Partitioning::Hash(KEY.to_vec()));
    build(&graph, node, &Storage::new(true)).unwrap()
}

/// Instances of the operator, and what all that they sent adds up to.
struct Instances {
    operators: Vec<Box<dyn Operator>>,
    stored: Vec<Stored>,
    rows: BTreeMap<(Key, i64), i64>,
}

impl Instances {
    fn new(count: usize, stored: &[Stored], rows: BTreeMap<(Key, i64), i64>) -> Self {
        let restored = |index: usize| {
            let mut operator = operator(None);
            let range = KeyRange::of(index, count);
            if !stored.is_empty() {
                operator.restore(overlapping(stored, range), range).unwrap();
            }
            operator
        };
        Instances { operators: (0..count).map(restored).collect(), stored: vec![Stored::new(); count], rows }
    }

    fn send(&mut self, batch: &RecordBatch) {
        let keys: Vec<ArrayRef> = KEY.iter().map(|index| batch.column(*index).clone()).collect();
        let hashes = hash_columns(&keys, batch.num_rows()).unwrap();
        let count = self.operators.len();
        for (index, operator) in self.operators.iter_mut().enumerate() {
            let own: BooleanArray = hashes.iter().map(|hash| Some(owner(*hash, count) == index)).collect();
            let part = filter_record_batch(batch, &own).unwrap();
            if part.num_rows() > 0 {
                let mut out = Collected::default();
                operator.on_batch(0, part, &mut out).unwrap();
                out.0.iter().for_each(|batch| add(&mut self.rows, batch));
            }
        }
    }

    fn checkpoint(&mut self, epoch: u64) {
        for (operator, kept) in self.operators.iter_mut().zip(&mut self.stored) {
            let mut out = Collected::default();
            *kept = stored(operator.on_barrier(epoch, &mut out).unwrap(), kept);
            assert!(out.0.is_empty(), "nothing waits for a barrier");
        }
    }
}

/// Adds changes up; a row is never there twice and never taken back before it came.
fn add(rows: &mut BTreeMap<(Key, i64), i64>, batch: &RecordBatch) {
    assert_eq!(batch.schema(), *schema(false).full());
    let keys = batch.column(0).as_string::<i32>();
    let (values, ids) = (batch.column(1).as_primitive::<Int64Type>(), batch.column(2).as_primitive::<Int64Type>());
    for (row, weight) in weights(batch).unwrap().values().iter().enumerate() {
        assert!([-1, 1].contains(weight));
        let sum = rows.entry(((keys.value(row).to_owned(), ids.value(row)), values.value(row))).or_default();
        *sum += weight;
        assert!([0, 1].contains(sum), "{batch:?}");
    }
    rows.retain(|_, sum| *sum != 0);
}

fn random_changes(random: &mut Random, now: &mut i64) -> Vec<Change> {
    let count = 1 + random.below(40);
    let change = |_| {
        *now += random.below(3) as i64;
        let key = (["a", "b", ""][random.below(3) as usize].to_owned(), random.below(12) as i64);
        // Few values, so that a row often comes as it was.
        Change { key, value: (random.below(4) > 0).then(|| random.below(3) as i64), time: 1 + *now }
    };
    (0..count).map(change).collect()
}

/// The rows that stand after all changes.
fn model(changes: &[Vec<Change>]) -> BTreeMap<(Key, i64), i64> {
    let mut last: HashMap<&Key, Option<i64>> = HashMap::new();
    last.extend(changes.iter().flatten().map(|change| (&change.key, change.value)));
    last.into_iter().filter_map(|(key, value)| Some(((key.clone(), value?), 1))).collect()
}

#[test]
fn what_stands_is_the_last_row_of_each_key_over_a_recovery() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut now = 0;
        let changes: Vec<Vec<Change>> = (0..60).map(|_| random_changes(&mut random, &mut now)).collect();
        let mut instances = Instances::new(1 + random.below(3) as usize, &[], BTreeMap::new());
        let crash = 10 + random.below(40) as usize;
        let every = 1 + random.below(4) as usize;
        for (index, changes_now) in changes[..crash].iter().enumerate() {
            instances.send(&batch(changes_now));
            assert_eq!(instances.rows, model(&changes[..=index]), "{seed} {index}");
            if index % every == 0 {
                instances.checkpoint(index as u64 + 1);
            }
        }
        instances.checkpoint(500);
        let (stored, rows) = (instances.stored.clone(), instances.rows.clone());
        // What comes after the checkpoint is lost, and comes once more.
        instances.send(&batch(&changes[crash]));
        let mut instances = Instances::new(1 + random.below(3) as usize, &stored, rows);
        for (index, changes_now) in changes.iter().enumerate().skip(crash) {
            instances.send(&batch(changes_now));
            assert_eq!(instances.rows, model(&changes[..=index]), "{seed} {index} after the recovery");
            if index % every == 0 {
                instances.checkpoint(index as u64 + 1_000);
            }
        }
    }
}

fn change(value: Option<i64>, time: i64) -> Change {
    Change { key: ("a".to_owned(), 1), value, time }
}

const NOTHING: [(i64, i64); 0] = [];

/// The values and weights that come of changes of one key.
fn sent(operator: &mut dyn Operator, changes: &[Change]) -> Vec<(i64, i64)> {
    let mut out = Collected::default();
    operator.on_batch(0, batch(changes), &mut out).unwrap();
    let values = |batch: &RecordBatch| {
        let values = batch.column(1).as_primitive::<Int64Type>().values().to_vec();
        values.into_iter().zip(weights(batch).unwrap().values().to_vec()).collect::<Vec<_>>()
    };
    out.0.iter().flat_map(values).collect()
}

#[test]
fn a_change_takes_back_what_was_and_nothing_says_nothing() {
    let mut operator = operator(None);
    let operator = operator.as_mut();
    assert_eq!(sent(operator, &[change(None, 1)]), NOTHING, "a key that never was");
    assert_eq!(sent(operator, &[change(Some(7), 1), change(Some(8), 2)]), [(8, 1)]);
    assert_eq!(sent(operator, &[change(Some(8), 2)]), NOTHING, "the same row again");
    assert_eq!(sent(operator, &[change(Some(9), 3)]), [(8, -1), (9, 1)]);
    assert_eq!(sent(operator, &[change(None, 4), change(Some(9), 3)]), NOTHING, "gone and there again");
    assert_eq!(sent(operator, &[change(None, 5)]), [(9, -1)]);
    assert_eq!(sent(operator, &[change(None, 6)]), NOTHING);
    assert_eq!(sent(operator, &[change(Some(9), 7)]), [(9, 1)]);
}

#[test]
fn a_row_is_forgotten_for_its_age() {
    let mut operator = operator(Some(80));
    let operator = operator.as_mut();
    assert_eq!(sent(operator, &[change(Some(7), 10)]), [(7, 1)]);
    let forget = |operator: &mut dyn Operator, time| {
        operator.on_watermark(Watermark::at(EventTime(time)), &mut Collected::default()).unwrap();
    };
    forget(operator, 85);
    assert_eq!(sent(operator, &[change(Some(8), 20)]), [(7, -1), (8, 1)]);
    forget(operator, 200);
    assert_eq!(sent(operator, &[change(Some(9), 210)]), [(9, 1)], "what it was stands as it is");
}
