//! The spool by what it promises: one test a promise here, all of them at once in [`model`].

mod disk;
mod fake;
mod faults;
mod model;

use super::*;
use crate::options::WhenFull;

const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
const OPTIONS: SpoolOptions = SpoolOptions {
    max_bytes: 4000,
    segment_bytes: 700,
    max_age_ms: None,
    when_full: WhenFull::DropOldest,
    sync: SyncPolicy::Never,
};
const NOW: Moment = Moment { wall_ms: 1_700_000_000_000, elapsed_ms: 5 };

fn directory() -> &'static Path {
    Path::new("/spool")
}

fn open(fake: &fake::Fake, options: SpoolOptions) -> Spool {
    Spool::open_on(fake.boxed(), directory(), options, NOW).unwrap()
}

fn appended(spool: &mut Spool, count: u64) {
    (0..count).for_each(|number| {
        spool.append(format!("record {number}").as_bytes(), 1, NOW).unwrap();
    });
}

/// The numbers of the records that wait.
fn numbers(spool: &mut Spool) -> Vec<u64> {
    let records = spool.read(0, ALL).unwrap();
    let text = |record: &Record| String::from_utf8(record.payload.to_vec()).unwrap();
    records.iter().map(|record| text(record).strip_prefix("record ").unwrap().parse().unwrap()).collect()
}

#[test]
fn the_oldest_go_first_and_are_counted() {
    let fake = fake::Fake::default();
    let mut spool = open(&fake, SpoolOptions { max_bytes: 1000, segment_bytes: 250, ..OPTIONS });
    appended(&mut spool, 100);
    let stats = spool.stats(NOW);
    assert!(stats.bytes <= 1000);
    assert_eq!((stats.appended_records, stats.records + stats.dropped_records), (100, 100));
    assert!(stats.records >= 8, "{stats:?}");
    assert_eq!(numbers(&mut spool), (stats.dropped_records..100).collect::<Vec<_>>());
    assert!(matches!(spool.append(&[0; 1000], 1, NOW), Err(SpoolError::RecordTooLarge { .. })));
}

#[test]
fn a_spool_that_refuses_says_full_and_goes_on_when_there_is_room() {
    let fake = fake::Fake::default();
    let options = SpoolOptions { max_bytes: 1000, segment_bytes: 250, when_full: WhenFull::Refuse, ..OPTIONS };
    let mut spool = open(&fake, options);
    let mut taken = 0;
    let full = loop {
        match spool.append(format!("record {taken}").as_bytes(), 1, NOW) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(full.is_full() && full.to_string().contains("/spool holds"), "{full}");
    assert_eq!(spool.stats(NOW).refused_records, 1);
    assert_eq!(numbers(&mut spool), (0..taken).collect::<Vec<_>>(), "nothing was dropped");
    spool.ack(spool.next()).unwrap();
    appended(&mut spool, taken);
    assert_eq!(spool.stats(NOW).dropped_records, 0);
}

#[test]
fn acknowledged_segments_leave_the_disk() {
    let fake = fake::Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 50);
    assert!(fake.segments().len() > 3);
    let acked = spool.next();
    spool.ack(acked).unwrap();
    assert_eq!(fake.segments().len(), 1);
    assert!(matches!(spool.ack(51), Err(SpoolError::AckBeyondEnd { position: 51, next: 50 })));
    drop(spool);
    let spool = open(&fake, OPTIONS);
    assert_eq!((spool.opened().records, spool.acked()), (0, acked));
}

#[test]
fn records_go_when_they_are_too_old_and_are_counted() {
    let fake = fake::Fake::default();
    let options = SpoolOptions { max_age_ms: Some(1000), ..OPTIONS };
    let at = |elapsed_ms| Moment { elapsed_ms, ..NOW };
    let mut spool = open(&fake, options);
    for elapsed_ms in [100, 600, 1100] {
        spool.append(b"record 0", 3, at(elapsed_ms)).unwrap();
    }
    assert_eq!(spool.stats(at(1100)).oldest_age_ms, Some(1000));
    spool.tend(at(1101)).unwrap();
    let stats = spool.stats(at(1101));
    assert_eq!((stats.records, stats.expired_records, stats.expired_rows, stats.dropped_records), (2, 1, 3, 0));
    spool.append(b"record 1", 1, at(1700)).unwrap();
    assert_eq!(spool.stats(at(1700)).expired_records, 2, "an append looks too");
}

#[test]
fn a_leap_of_the_wall_clock_drops_at_most_the_older_half() {
    let fake = fake::Fake::default();
    let options = SpoolOptions { max_age_ms: Some(1000), ..OPTIONS };
    let at = |wall_ms, elapsed_ms| Moment { wall_ms, elapsed_ms };
    let mut spool = open(&fake, options);
    for number in 0..10 {
        spool.append(format!("record {number}").as_bytes(), 1, at(0, 5 + number * 100)).unwrap();
    }
    spool.tend(at(i64::MAX, 905)).unwrap();
    assert_eq!(numbers(&mut spool).len(), 10, "while it is open no leap counts");
    drop(spool);
    let mut spool = Spool::open_on(fake.boxed(), directory(), options, at(i64::MAX, 0)).unwrap();
    assert_eq!(numbers(&mut spool), [4, 5, 6, 7, 8, 9]);
    drop(spool);
    let mut spool = Spool::open_on(fake.boxed(), directory(), options, at(i64::MIN, 0)).unwrap();
    assert_eq!(numbers(&mut spool), [4, 5, 6, 7, 8, 9], "a leap back makes nothing older");
    spool.tend(at(i64::MIN, 1001)).unwrap();
    assert_eq!(numbers(&mut spool), [0; 0], "and keeps nothing for ever");
}

#[test]
fn a_flush_by_interval_bounds_what_a_power_cut_takes() {
    let fake = fake::Fake::default();
    let options = SpoolOptions { sync: SyncPolicy::Interval { ms: 1000 }, ..OPTIONS };
    let mut spool = open(&fake, options);
    appended(&mut spool, 30);
    spool.tend(Moment { elapsed_ms: 1004, ..NOW }).unwrap();
    assert_eq!(spool.stats(NOW).syncs, 0);
    spool.tend(Moment { elapsed_ms: 1005, ..NOW }).unwrap();
    assert!(spool.stats(NOW).syncs > 1, "segments that are closed since are flushed too");
    let synced = numbers(&mut spool);
    spool.append(b"record 99", 1, NOW).unwrap();
    drop(spool);
    fake.power_cut(fake::Cut::LoseAll);
    assert_eq!(numbers(&mut open(&fake, options)), synced);
}

#[test]
fn a_position_that_a_power_cut_freed_is_not_used_again() {
    let fake = fake::Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 5);
    let seen = spool.read(0, ALL).unwrap().last().unwrap().position;
    drop(spool);
    fake.power_cut(fake::Cut::LoseAll);
    let mut spool = open(&fake, OPTIONS);
    assert_eq!(spool.opened().records, 0);
    assert!(spool.append(b"record 6", 1, NOW).unwrap() > seen);
}
