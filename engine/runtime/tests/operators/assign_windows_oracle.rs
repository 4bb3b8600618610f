//! Rows with their windows, and the rows that no window takes any more: against windows that are found one by one, over
//! rows that come late by any amount. A window takes rows until the watermark is its end and the lateness.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::script::Collected;
use headwater_core::{EventTime, Operator, StreamSchema, Watermark};
use headwater_plan::window::window_type;
use headwater_plan::{AssignWindowsNode, Graph, LateRowsNode, NodeKind, Slicing};
use headwater_runtime::operators::{Storage, build};

use crate::rows::Random;
use crate::slice_oracle::slicings;

/// A batch, and the watermark behind it.
struct Round {
    batch: RecordBatch,
    watermark: i64,
}

fn input() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![Field::new("id", DataType::Int64, false)]))
}

/// Rows up to `late` behind the newest before them; the watermark is 10 behind it, and leaps now and then.
fn rounds(random: &mut Random, late: u64) -> Vec<Round> {
    let (mut newest, mut id, mut watermark) = (random.below(100) as i64 - 50, 0, i64::MIN);
    let mut round = || {
        if random.below(20) == 0 {
            newest += 1_000_000_007 * random.below(100_000) as i64;
        }
        let rows = 1 + random.below(12) as i64;
        let mut times = Vec::new();
        for _ in 0..rows {
            newest += [0, 1, 2, 7][random.below(4) as usize];
            times.push(newest - if random.below(2) == 0 { random.below(late) as i64 } else { 0 });
        }
        let ids = Int64Array::from_iter_values(id..id + rows);
        id += rows;
        watermark = watermark.max(newest - 10);
        let batch = input().batch(vec![Arc::new(ids)], Arc::new(TimestampNanosecondArray::from(times)));
        Round { batch: batch.unwrap(), watermark }
    };
    (0..60).map(|_| round()).collect()
}

/// The rows of a batch, as number and event time.
fn rows(batch: &RecordBatch) -> Vec<(i64, i64)> {
    let ids = batch.column(0).as_primitive::<Int64Type>().values();
    ids.iter().copied().zip(event_times(batch).unwrap().values().iter().copied()).collect()
}

/// The windows that a row is in, as start and end.
fn windows(slicing: &Slicing, time: i64) -> Vec<(i64, i64)> {
    let Slicing { width, slide, offset, step } = *slicing;
    let newest = (time - offset).div_euclid(slide);
    let starts = (newest - width / slide - 1..=newest).map(|number| offset + number * slide);
    let step = step.unwrap_or(width);
    let windows = starts.flat_map(|start| (1..=width / step).map(move |steps| (start, start + steps * step)));
    windows.filter(|(start, end)| *start <= time && time < *end).collect()
}

fn is_closed(end: i64, lateness: i64, watermark: Option<i64>) -> bool {
    watermark.is_some_and(|watermark| end + lateness <= watermark)
}

fn make(kind: NodeKind, schema: StreamSchema) -> Box<dyn Operator> {
    let mut graph = Graph::default();
    let id = graph.add(kind, schema, true);
    build(&graph, id, &Storage::new(true)).unwrap()
}

fn assign_windows(slicing: Slicing, lateness: i64) -> Box<dyn Operator> {
    let lateness = Duration::from_nanos(lateness as u64);
    let mut fields: Vec<_> = input().visible().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("_window", window_type(), false)));
    let schema = StreamSchema::append_only(&Schema::new(fields));
    make(NodeKind::AssignWindows(AssignWindowsNode { slicing, lateness }), schema)
}

fn late_rows(windows: Vec<Slicing>, lateness: i64) -> Box<dyn Operator> {
    let lateness = Duration::from_nanos(lateness as u64);
    make(NodeKind::LateRows(LateRowsNode { windows, lateness }), input())
}

/// What windows were given, as the row's number, start and end.
fn assigned(out: &Collected) -> Vec<(i64, i64, i64)> {
    let mut found = Vec::new();
    for batch in &out.0 {
        let window = batch.column(1).as_struct();
        let bound = |index: usize| window.column(index).as_primitive::<TimestampNanosecondType>().values();
        for (row, (id, time)) in rows(batch).into_iter().enumerate() {
            let (start, end) = (bound(0)[row], bound(1)[row]);
            assert_eq!(time, end - 1, "a row has the event time of its window's result");
            found.push((id, start, end));
        }
    }
    found.sort_unstable();
    found
}

fn check_assigned(seed: u64, slicing: Slicing, lateness: i64) {
    let mut random = Random(seed);
    let mut operator = assign_windows(slicing, lateness);
    let (mut watermark, mut late, mut late_before) = (None, 0, 0);
    for round in rounds(&mut random, 21 + 2 * slicing.width.min(60) as u64 + lateness as u64) {
        let mut expected = Vec::new();
        for (id, time) in rows(&round.batch) {
            let all = windows(&slicing, time);
            let open = all.iter().filter(|(_, end)| !is_closed(*end, lateness, watermark));
            let before = expected.len();
            expected.extend(open.map(|(start, end)| (id, *start, *end)));
            late += u64::from(!all.is_empty() && expected.len() == before);
        }
        expected.sort_unstable();
        let mut out = Collected::default();
        operator.on_batch(0, round.batch, &mut out).unwrap();
        assert_eq!(assigned(&out), expected, "{seed} {slicing:?} late by {lateness}");
        assert_eq!(operator.late_rows() + late_before, late, "{seed} {slicing:?} late by {lateness}");
        if random.below(8) == 0 {
            // It keeps nothing; how far time was, its task tells it.
            assert!(operator.on_barrier(1, &mut out).unwrap().chunks.is_empty());
            late_before += operator.late_rows();
            operator = assign_windows(slicing, lateness);
        }
        let given = Watermark::at(EventTime(round.watermark));
        assert_eq!(operator.on_watermark(given, &mut out).unwrap(), given);
        watermark = Some(round.watermark);
    }
    let overlap = slicing.step.is_some() || slicing.width >= slicing.slide;
    assert!(late > 0 || !overlap, "{seed} {slicing:?}: nothing came late, so this says nothing");
}

#[test]
fn rows_are_given_the_windows_that_are_not_closed_for_longer_than_the_lateness() {
    for (index, slicing) in (0..).zip(slicings()) {
        // Rows near each other are never late for windows of a second.
        if slicing.width > 1_000_000 {
            continue;
        }
        for lateness in [0, 1, 7, 45] {
            check_assigned(index * 100 + lateness as u64, slicing, lateness);
        }
    }
}

#[test]
fn a_window_takes_rows_until_it_has_been_closed_for_the_lateness() {
    let mut operator = assign_windows(Slicing::hop(10, 20, 0), 5);
    let row = |time: i64| {
        let times = Arc::new(TimestampNanosecondArray::from_value(time, 1));
        input().batch(vec![Arc::new(Int64Array::from_value(time, 1))], times).unwrap()
    };
    let mut take = |watermark: i64, time: i64| {
        let mut out = Collected::default();
        operator.on_watermark(Watermark::at(EventTime(watermark)), &mut out).unwrap();
        operator.on_batch(0, row(time), &mut out).unwrap();
        (assigned(&out), operator.late_rows())
    };
    assert_eq!(take(24, 13), (vec![(13, 0, 20), (13, 10, 30)], 0), "closed, and still taking rows");
    assert_eq!(take(25, 13), (vec![(13, 10, 30)], 0), "only the window that is open");
    assert_eq!(take(34, 13), (vec![(13, 10, 30)], 0));
    assert_eq!(take(35, 13), (vec![], 1), "both have been closed for long enough");
    assert_eq!(take(i64::MAX, 13), (vec![], 2));
}

/// Whether every window that a row is in has been closed for the lateness; it has to be in one.
fn is_late(window: &Slicing, time: i64, lateness: i64, watermark: Option<i64>) -> Option<bool> {
    let last = windows(window, time).into_iter().map(|(_, end)| end).max()?;
    Some(is_closed(last, lateness, watermark))
}

fn check_late(seed: u64, windows: &[Slicing], lateness: i64) -> usize {
    let mut random = Random(seed);
    let mut operator = late_rows(windows.to_vec(), lateness);
    let (mut watermark, mut count) = (None, 0);
    for round in rounds(&mut random, 200 + lateness as u64) {
        let none_takes = |time: i64| {
            let mut late = windows.iter().filter_map(|window| is_late(window, time, lateness, watermark)).peekable();
            late.peek().is_some() && late.all(|late| late)
        };
        let expected: Vec<_> = rows(&round.batch).into_iter().filter(|(_, time)| none_takes(*time)).collect();
        count += expected.len();
        let mut out = Collected::default();
        operator.on_batch(0, round.batch, &mut out).unwrap();
        let found: Vec<_> = out.0.iter().flat_map(rows).collect();
        assert_eq!(found, expected, "{seed} {windows:?} late by {lateness}");
        if random.below(8) == 0 {
            operator = late_rows(windows.to_vec(), lateness);
        }
        let given = Watermark::at(EventTime(round.watermark));
        assert_eq!(operator.on_watermark(given, &mut out).unwrap(), given);
        watermark = Some(round.watermark);
    }
    count
}

/// Up to three windows, without such as have gaps between them where `gaps` does not say so.
fn some_windows(random: &mut Random, gaps: bool) -> Vec<Slicing> {
    let known: Vec<_> = slicings().into_iter().filter(|slicing| gaps || slicing.slide <= slicing.width).collect();
    let count = 1 + random.below(3);
    (0..count).map(|_| known[random.below(known.len() as u64) as usize]).collect()
}

#[test]
fn late_rows_are_those_that_no_window_takes() {
    let mut late = 0;
    for seed in 0..120 {
        let windows = some_windows(&mut Random(1_000 + seed), false);
        late += check_late(seed, &windows, [0, 3, 40][seed as usize % 3]);
    }
    assert!(late > 1_000, "{late} late rows say little");
}

/// A row between two windows is in none of them, so it is not late for them either.
#[test]
fn rows_between_windows_are_not_late() {
    let gaps = Slicing::hop(30, 10, 0);
    check_late(7, &[gaps], 0);
    check_late(8, &[gaps, Slicing::tumble(20, 0)], 5);
    for seed in 0..60 {
        let windows = some_windows(&mut Random(2_000 + seed), true);
        check_late(500 + seed, &windows, [0, 3, 40][seed as usize % 3]);
    }
}

/// What stands beside the windows lets through what all of them leave out, batch by batch.
#[test]
fn windows_and_late_rows_have_every_row_between_them() {
    for seed in 0..30 {
        let mut random = Random(3_000 + seed);
        let known: Vec<_> = slicings().into_iter().filter(|slicing| slicing.slide <= slicing.width).collect();
        let chosen: Vec<Slicing> = (0..2).map(|_| known[random.below(known.len() as u64) as usize]).collect();
        let lateness = random.below(50) as i64;
        let mut windows: Vec<_> = chosen.iter().map(|slicing| assign_windows(*slicing, lateness)).collect();
        let mut beside = late_rows(chosen.clone(), lateness);
        for round in rounds(&mut random, 150) {
            let mut taken = BTreeSet::new();
            let mut late = Collected::default();
            for operator in &mut windows {
                let mut out = Collected::default();
                operator.on_batch(0, round.batch.clone(), &mut out).unwrap();
                taken.extend(assigned(&out).into_iter().map(|(id, ..)| id));
                operator.on_watermark(Watermark::at(EventTime(round.watermark)), &mut out).unwrap();
            }
            beside.on_batch(0, round.batch.clone(), &mut late).unwrap();
            beside.on_watermark(Watermark::at(EventTime(round.watermark)), &mut late).unwrap();
            let late: BTreeSet<i64> = late.0.iter().flat_map(rows).map(|(id, _)| id).collect();
            assert!(taken.is_disjoint(&late), "{seed} {chosen:?} late by {lateness}");
            let all: BTreeSet<i64> = rows(&round.batch).into_iter().map(|(id, _)| id).collect();
            assert_eq!(&taken | &late, all, "{seed} {chosen:?} late by {lateness}");
        }
    }
}
