//! A disk that is full, fails, forgets or turns bits: each fault alone, where the model has them all at random.

use std::io::ErrorKind;

use super::fake::{Cut, Fake, Fault};
use super::*;

fn fail(fake: &Fake, kind: ErrorKind) {
    fake.set_fault(Some(Fault { after: 0, kind, is_lasting: true }));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost_by_it() {
    let fake = Fake::default();
    let mut spool = open(&fake, SpoolOptions { when_full: WhenFull::Refuse, ..OPTIONS });
    appended(&mut spool, 20);
    fake.set_capacity(Some(1150));
    let error = spool.append(b"record 20", 1, NOW).unwrap_err();
    assert!(error.is_full() && error.to_string().contains(".seg"), "{error}");
    assert_eq!(numbers(&mut spool), (0..20).collect::<Vec<_>>());
    fake.set_capacity(None);
    spool.append(b"record 20", 1, NOW).unwrap();
    assert_eq!(numbers(&mut spool), (0..21).collect::<Vec<_>>());
}

#[test]
fn on_a_full_disk_the_oldest_segment_makes_room() {
    let fake = Fake::default();
    fake.set_capacity(Some(2000));
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 100);
    let stats = spool.stats(NOW);
    assert!(stats.dropped_records > 0 && stats.bytes <= 2000, "{stats:?}");
    assert_eq!(numbers(&mut spool), (stats.dropped_records..100).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_takes_no_acknowledgement_does_not_stop_delivery() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    fail(&fake, ErrorKind::StorageFull);
    spool.ack(10).unwrap();
    spool.ack(20).unwrap();
    let trouble = spool.take_trouble().unwrap();
    assert!(trouble.to_string().contains("acked"), "{trouble}");
    fake.set_fault(None);
    assert_eq!(numbers(&mut spool), (20..30).collect::<Vec<_>>());
    spool.tend(NOW).unwrap();
    drop(spool);
    assert_eq!(open(&fake, OPTIONS).acked(), 20, "it is tried again");
}

#[test]
fn a_spool_on_a_full_disk_opens_and_empties() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    drop(spool);
    fake.set_capacity(Some(0));
    let mut spool = open(&fake, OPTIONS);
    assert_eq!(numbers(&mut spool), (0..30).collect::<Vec<_>>());
    spool.ack(spool.next()).unwrap();
    assert_eq!((numbers(&mut spool), fake.segments().len()), (Vec::new(), 1));
}

#[test]
fn an_append_that_fails_leaves_no_trace() {
    for after in 0..12 {
        let fake = Fake::default();
        let mut spool = open(&fake, SpoolOptions { sync: SyncPolicy::EveryMessage, ..OPTIONS });
        let mut expected = Vec::new();
        fake.set_fault(Some(Fault { after, kind: ErrorKind::Other, is_lasting: false }));
        for number in 0..20 {
            if spool.append(format!("record {number}").as_bytes(), 1, NOW).is_ok() {
                expected.push(number);
            }
        }
        assert_eq!(expected.len(), 19, "fault after {after}");
        assert_eq!(numbers(&mut spool), expected);
        drop(spool);
        fake.power_cut(Cut::LoseAll);
        assert_eq!(numbers(&mut open(&fake, OPTIONS)), expected, "fault after {after}");
    }
}

#[test]
fn a_segment_that_could_not_be_made_hides_no_record() {
    for after in 0..8 {
        let fake = Fake::default();
        let mut spool = open(&fake, OPTIONS);
        appended(&mut spool, 5);
        fake.set_fault(Some(Fault { after, kind: ErrorKind::Other, is_lasting: true }));
        let made = spool.append(&[0; 500], 1, NOW);
        fake.set_fault(None);
        if made.is_ok() {
            assert!(after > 4, "the fault is not where it was thought to be");
            continue;
        }
        // Fits into the segment before, whose positions now go past the first of what is left of the other.
        spool.append(b"record 5", 1, NOW).unwrap();
        drop(spool);
        let mut spool = open(&fake, OPTIONS);
        assert_eq!(numbers(&mut spool), (0..6).collect::<Vec<_>>(), "fault after {after}");
    }
}

#[test]
fn a_flipped_bit_costs_at_most_its_record() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    drop(spool);
    let paths = fake.segments();
    let whole = fake.bytes_of(&paths[1]);
    for bit in 0..whole.len() * 8 {
        let mut wrong = whole.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        fake.put(&paths[1], &wrong);
        let mut spool = open(&fake, OPTIONS);
        let left = numbers(&mut spool);
        let is_in_header = bit / 8 < SEGMENT_HEADER_BYTES;
        assert_eq!(left.len(), if is_in_header { 30 } else { 29 }, "bit {bit}");
        let opened = spool.opened();
        assert!(is_in_header || opened.damaged_records == 1 || opened.cut_bytes > 0, "bit {bit} is not counted");
    }
}

#[test]
fn a_bit_that_flips_while_the_spool_is_open_is_seen_by_the_read() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    let path = &fake.segments()[0];
    let mut bytes = fake.bytes_of(path);
    bytes[SEGMENT_HEADER_BYTES + HEADER_BYTES + 3] ^= 4;
    fake.put(path, &bytes);
    assert_eq!(numbers(&mut spool), (1..30).collect::<Vec<_>>());
    let stats = spool.stats(NOW);
    assert_eq!((stats.damaged_records, stats.records), (1, 29));
}

#[test]
fn a_record_that_can_never_be_read_does_not_stop_delivery() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 3);
    fail(&fake, ErrorKind::Other);
    let one = ReadLimit { records: 1, bytes: 1 };
    for _ in 0..2 {
        let error = spool.read(0, one).unwrap_err();
        assert!(error.to_string().contains("00000000000000000000.seg"), "{error}");
    }
    spool.tend(Moment { elapsed_ms: NOW.elapsed_ms + 60_000, ..NOW }).unwrap();
    fake.set_fault(Some(Fault { after: 0, kind: ErrorKind::Other, is_lasting: false }));
    assert_eq!(spool.read(0, one).unwrap()[0].position, 1);
    assert_eq!(spool.stats(NOW).damaged_records, 1);
    assert!(spool.take_trouble().is_some());
}

#[test]
fn a_disk_that_is_away_for_less_than_a_minute_costs_no_record() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    fail(&fake, ErrorKind::Other);
    for second in 0..60 {
        spool.tend(Moment { elapsed_ms: NOW.elapsed_ms + 1000 * second, ..NOW }).unwrap();
        (0..5).for_each(|_| drop(spool.read(0, ALL).unwrap_err()));
    }
    fake.set_fault(None);
    assert_eq!(numbers(&mut spool), (0..30).collect::<Vec<_>>());
    // It was read in between: another minute begins.
    fail(&fake, ErrorKind::Other);
    spool.tend(Moment { elapsed_ms: NOW.elapsed_ms + 60_000, ..NOW }).unwrap();
    (0..5).for_each(|_| drop(spool.read(0, ALL).unwrap_err()));
    fake.set_fault(None);
    assert_eq!(numbers(&mut spool), (0..30).collect::<Vec<_>>());
    assert_eq!(spool.stats(NOW).damaged_records, 0);
    assert!(spool.take_trouble().is_none());
}

#[test]
fn a_disk_that_is_away_for_hours_costs_no_record_either() {
    for kind in [ErrorKind::Other, ErrorKind::NotFound] {
        let fake = Fake::default();
        let mut spool = open(&fake, OPTIONS);
        appended(&mut spool, 30);
        fail(&fake, kind);
        for hour in 0..5 {
            spool.tend(Moment { elapsed_ms: NOW.elapsed_ms + 3_600_000 * hour, ..NOW }).unwrap();
            (0..5).for_each(|_| drop(spool.read(0, ALL).unwrap_err()));
        }
        fake.set_fault(None);
        assert_eq!(numbers(&mut spool), (0..30).collect::<Vec<_>>());
        assert_eq!(spool.stats(NOW).damaged_records, 0);
    }
}

#[test]
fn a_segment_that_is_gone_costs_its_records_and_one_minute() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 40);
    let segments = fake.segments();
    let first = |segment: usize| -> u64 { segments[segment].file_stem().unwrap().to_str().unwrap().parse().unwrap() };
    let gone = first(1)..first(2);
    assert!(gone.start > 1 && gone.end > gone.start + 2 && segments.len() > 3);
    fake.boxed().remove(&segments[1]).unwrap();
    assert_eq!(numbers(&mut spool), (0..gone.start).collect::<Vec<_>>(), "up to it all is there");
    (0..3).for_each(|_| drop(spool.read(gone.start, ALL).unwrap_err()));
    spool.tend(Moment { elapsed_ms: NOW.elapsed_ms + 60_000, ..NOW }).unwrap();
    let behind = spool.read(gone.start, ALL).unwrap();
    assert_eq!(behind.iter().map(|record| record.position).collect::<Vec<_>>(), (gone.end..40).collect::<Vec<_>>());
    assert_eq!(spool.stats(NOW).damaged_records, gone.end - gone.start);
}

#[test]
fn a_segment_that_cannot_be_flushed_is_tried_again_and_stops_no_other() {
    let fake = Fake::default();
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    let segments = fake.segments().len() as u64;
    assert!(segments > 2);
    fake.set_fault(Some(Fault { after: 0, kind: ErrorKind::Other, is_lasting: false }));
    let error = spool.sync().unwrap_err();
    assert!(error.to_string().contains("00000000000000000000.seg"), "{error}");
    let stats = spool.stats(NOW);
    assert_eq!((stats.syncs, stats.failed_syncs), (segments, 1));
    spool.sync().unwrap();
    spool.sync().unwrap();
    let stats = spool.stats(NOW);
    assert_eq!((stats.syncs, stats.failed_syncs), (segments + 1, 1), "what is durable is not flushed again");
    drop(spool);
    fake.power_cut(Cut::LoseAll);
    assert_eq!(numbers(&mut open(&fake, OPTIONS)), (0..30).collect::<Vec<_>>());
}

#[test]
fn alien_and_empty_files_are_left_alone_and_named() {
    let fake = Fake::default();
    let aliens = ["00000000000000000000.seg", "00000000000000000007.seg", "9.seg", "notes.txt"];
    for (name, bytes) in aliens.iter().zip([&b""[..], &[7; 500], b"HWSPOOL", b"mine"]) {
        fake.put(&directory().join(name), bytes);
    }
    let mut spool = open(&fake, OPTIONS);
    appended(&mut spool, 30);
    spool.ack(spool.next()).unwrap();
    drop(spool);
    let spool = open(&fake, OPTIONS);
    assert_eq!(spool.opened().alien_files, aliens.map(|name| directory().join(name)));
    assert_eq!(fake.bytes_of(&directory().join(aliens[1])), [7; 500]);
}

#[test]
fn a_segment_of_another_version_is_refused_by_name() {
    let fake = Fake::default();
    let mut old = b"HWSPOOL1".to_vec();
    old.extend_from_slice(&[0; 100]);
    fake.put(&directory().join("00000000000000000009.seg"), &old);
    let error = Spool::open_on(fake.boxed(), directory(), OPTIONS, NOW).err().unwrap();
    assert!(error.to_string().contains("9.seg is a spool segment of version 1"), "{error}");
}
