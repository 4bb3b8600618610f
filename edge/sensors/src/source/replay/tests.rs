//! Files that are played: fast, live, again and again.

use super::*;
use crate::feed::{Queue, SourceCounters};
use crate::source::running::Running;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn running(path: &Path, pace: Pace, repeat: bool) -> Running {
    let replay = Replay::new(&CsvSettings { path: path.to_owned(), pace, repeat });
    Running::start(4, move |outlet, state, stop| replay.run(outlet, state, stop))
}

/// Plays a file and takes readings until it ends or there are so many.
fn played(path: &Path, pace: Pace, repeat: bool, count: usize) -> (Vec<Reading>, SourceCounters) {
    let running = running(path, pace, repeat);
    let mut readings = Vec::new();
    while readings.len() < count {
        let Some(more) = running.take() else { break };
        readings.extend(more);
    }
    (readings, running.stopped())
}

#[test]
fn a_fast_replay_gives_every_row_with_the_files_times_and_ends() {
    let text: String = (0..100).map(|row| format!("{},a,{row}\n", row * 60_000)).collect();
    let file = file(&format!("timestamp,sensor,value\n{text}oops\n"));
    let (readings, counters) = played(file.path(), Pace::Fast, false, usize::MAX);
    let found: Vec<(i64, f64)> = readings.iter().map(|reading| (reading.ts_ms, reading.value)).collect();
    let expected: Vec<(i64, f64)> = (0..100).map(|row| (row * 60_000, row as f64)).collect();
    assert_eq!(found, expected);
    assert_eq!((counters.readings, counters.rejected, counters.failures), (100, 1, 0));
    assert!(counters.last_error.unwrap().starts_with("line 102 of "));
}

#[test]
fn a_repeated_replay_goes_on_in_time() {
    let file = file("timestamp,sensor,value\n1000,a,1\n2000,a,2\n");
    let (readings, _) = played(file.path(), Pace::Fast, true, 6);
    let times: Vec<i64> = readings.iter().map(|reading| reading.ts_ms).take(6).collect();
    assert_eq!(times, [1000, 2000, 3000, 4000, 5000, 6000]);
}

#[test]
fn a_live_replay_moves_the_files_times_to_now() {
    let file = file("timestamp,sensor,value,unit\n1000,a,1,lux\n1020,a,2,lux\n1050,a,3,lux\n");
    let before = wall_ms();
    let (readings, _) = played(file.path(), Pace::Live, false, usize::MAX);
    let start = readings[0].ts_ms;
    assert!(start >= before);
    let offsets: Vec<i64> = readings.iter().map(|reading| reading.ts_ms - start).collect();
    assert_eq!(offsets, [0, 20, 50]);
    assert!(wall_ms() - before >= 50, "it took as long as the file says");
    assert_eq!((&*readings[0].unit, &*readings[0].method), ("lux", &*format!("csv:{}", file.path().display())));
}

#[test]
fn a_live_replay_says_of_a_row_from_the_past_that_it_is_from_the_past() {
    let file = file("timestamp,sensor,value\n5000,a,1\n2000,a,2\n");
    let (readings, _) = played(file.path(), Pace::Live, false, usize::MAX);
    assert_eq!(readings[1].ts_ms - readings[0].ts_ms, -3000);
}

#[test]
fn a_live_replay_that_waits_for_a_far_row_can_be_stopped() {
    let file = file("timestamp,sensor,value\n0,a,1\n999999999999,a,2\n");
    assert_eq!(played(file.path(), Pace::Live, true, 1).0.len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.csv");
    let running = running(&path, Pace::Fast, false);
    assert!(running.wait_for_failure().contains("late.csv"));
    std::fs::write(&path, "timestamp,sensor,value\n1,a,2\n").unwrap();
    assert_eq!(running.next().value, 2.0);
    assert_eq!(running.take(), None, "it ends of itself");
}

#[test]
fn an_empty_file_that_repeats_does_not_spin() {
    let file = file("timestamp,sensor,value\n");
    let error = running(file.path(), Pace::Fast, true).wait_for_failure();
    assert!(error.ends_with("has no row that can be used"), "{error}");
}

#[test]
fn what_has_no_end_or_no_writer_is_not_played_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
        let error = running(path, Pace::Fast, false).wait_for_failure();
        assert!(error.contains("it is no file of rows"), "{}: {error}", path.display());
    }
}

#[test]
fn a_file_of_garbage_does_not_keep_it_from_stopping() {
    let rows = "garbage\n".repeat(1000);
    let file = file(&format!("timestamp,sensor,value\n{rows}"));
    let (queue, state, stop) = (Queue::new(4), SourceState::new("csv"), Stop::default());
    let settings = CsvSettings { path: file.path().to_owned(), pace: Pace::Fast, repeat: false };
    stop.stop();
    let replay = Replay::new(&settings);
    let played = replay.play(&mut Playhead::default(), &mut None, &queue.outlet(), &state, &stop);
    assert_eq!((played.unwrap(), state.counters().rejected), (0, 1));
}
