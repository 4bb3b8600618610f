//! The spool against a model in memory, under random appends, acknowledgements, reopenings and torn tails.

use std::fs::OpenOptions;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
const OPTIONS: SpoolOptions = SpoolOptions { max_bytes: 4000, segment_bytes: 700, sync: false };

#[derive(Clone, Debug)]
enum Step {
    Append {
        bytes: usize,
        rows: u32,
    },
    /// Acknowledges this share of what waits.
    Ack(f64),
    Read {
        share: f64,
        records: usize,
    },
    Reopen,
    /// The process dies and the tail of the newest segment is lost.
    Crash {
        cut_bytes: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..300, 0u32..50).prop_map(|(bytes, rows)| Step::Append { bytes, rows }),
        2 => (0.0..=1.0).prop_map(Step::Ack),
        2 => (0.0..=1.0, 1usize..20).prop_map(|(share, records)| Step::Read { share, records }),
        1 => Just(Step::Reopen),
        1 => (0u64..900).prop_map(|cut_bytes| Step::Crash { cut_bytes }),
    ]
}

/// A record that should be there, and where its last byte lies.
#[derive(Clone, Debug)]
struct Kept {
    record: Record,
    segment: u64,
    end: u64,
}

/// What the spool should hold: every record appended that is neither acknowledged nor gone.
#[derive(Default)]
struct Model {
    waiting: Vec<Kept>,
    appended: u64,
    /// Positions below this one were acknowledged.
    acked: u64,
}

impl Model {
    fn records(&self) -> Vec<Record> {
        self.waiting.iter().map(|kept| kept.record.clone()).collect()
    }

    fn position_at(&self, share: f64, end: u64) -> u64 {
        let index = (share * self.waiting.len() as f64) as usize;
        self.waiting.get(index).map_or(end, |kept| kept.record.position)
    }

    fn append(&mut self, spool: &mut Spool, bytes: usize, rows: u32) {
        let payload = vec![self.appended as u8; bytes];
        self.appended += 1;
        let before = spool.stats();
        let position = spool.append(&payload, rows).unwrap();
        let dropped = (spool.stats().dropped_records - before.dropped_records) as usize;
        let fits = before.bytes + (bytes + HEADER_BYTES + 8) as u64 <= OPTIONS.max_bytes;
        assert!(!fits || dropped == 0, "dropped {dropped} records although there was room");
        assert!(spool.stats().bytes <= OPTIONS.max_bytes);
        self.waiting.drain(..dropped);
        assert!(position >= self.acked, "position {position} counts as acknowledged up to {}", self.acked);
        let record = Record { position, rows, payload: payload.into() };
        self.waiting.push(Kept { record, segment: spool.active.first(), end: spool.active.bytes() });
    }

    /// Cuts the newest file; what ended beyond the cut is gone.
    fn crash(&mut self, directory: &Path, cut_bytes: u64) {
        let (first, path) = segment::list(directory).unwrap().pop().unwrap();
        let length = fs::metadata(&path).unwrap().len().saturating_sub(cut_bytes);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        self.waiting.retain(|kept| kept.segment < first || kept.end <= length);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_spool_is_its_model(steps in vec(step(), 1..120)) {
        let directory = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut spool = Spool::open(directory.path(), OPTIONS).unwrap();
        for step in steps {
            match step {
                Step::Append { bytes, rows } => model.append(&mut spool, bytes, rows),
                Step::Ack(share) => {
                    let up_to = model.position_at(share, spool.next());
                    spool.ack(up_to).unwrap();
                    model.acked = model.acked.max(up_to);
                    model.waiting.retain(|kept| kept.record.position >= up_to);
                }
                Step::Read { share, records } => {
                    let from = model.position_at(share, spool.next());
                    let limit = ReadLimit { records, bytes: usize::MAX };
                    let mut expected = model.records();
                    expected.retain(|record| record.position >= from);
                    expected.truncate(records);
                    prop_assert_eq!(spool.read(from, limit).unwrap(), expected);
                }
                Step::Reopen | Step::Crash { .. } => {
                    drop(spool);
                    if let Step::Crash { cut_bytes } = step {
                        model.crash(directory.path(), cut_bytes);
                    }
                    spool = Spool::open(directory.path(), OPTIONS).unwrap();
                    prop_assert_eq!(spool.opened().records, model.waiting.len() as u64);
                }
            }
            prop_assert_eq!(spool.read(spool.acked(), ALL).unwrap(), model.records());
            let bytes = model.waiting.iter().map(|kept| (kept.record.payload.len() + HEADER_BYTES) as u64).sum::<u64>();
            prop_assert_eq!(spool.stats().waiting_bytes, bytes);
            let rows: u64 = model.waiting.iter().map(|kept| u64::from(kept.record.rows)).sum();
            prop_assert_eq!((spool.stats().records, spool.stats().rows), (model.waiting.len() as u64, rows));
        }
    }
}

fn appended(spool: &mut Spool, count: u64) {
    (0..count).for_each(|number| {
        spool.append(format!("record {number}").as_bytes(), 1).unwrap();
    });
}

#[test]
fn the_oldest_go_first_and_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let options = SpoolOptions { max_bytes: 400, segment_bytes: 100, sync: true };
    let mut spool = Spool::open(directory.path(), options).unwrap();
    appended(&mut spool, 100);
    let stats = spool.stats();
    assert!(stats.bytes <= 400);
    assert_eq!(stats.records + stats.dropped_records, 100);
    assert!(stats.records >= 8, "{stats:?}");
    let left = spool.read(0, ALL).unwrap();
    assert_eq!(left.last().unwrap().payload, "record 99");
    assert_eq!(left[0].position, stats.dropped_records);
    assert!(matches!(spool.append(&[0; 400], 1), Err(SpoolError::RecordTooLarge { .. })));
}

#[test]
fn acknowledged_segments_leave_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), OPTIONS).unwrap();
    appended(&mut spool, 100);
    assert!(segment::list(directory.path()).unwrap().len() > 3);
    spool.ack(spool.next()).unwrap();
    assert_eq!(segment::list(directory.path()).unwrap().len(), 1);
    assert!(matches!(spool.ack(101), Err(SpoolError::AckBeyondEnd { position: 101, next: 100 })));
    drop(spool);
    assert_eq!(Spool::open(directory.path(), OPTIONS).unwrap().opened().records, 0);
}

#[test]
fn a_flipped_byte_costs_what_lies_behind_it_in_its_segment_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), OPTIONS).unwrap();
    appended(&mut spool, 100);
    drop(spool);
    let (_, oldest) = segment::list(directory.path()).unwrap().swap_remove(0);
    let mut bytes = fs::read(&oldest).unwrap();
    bytes[8 + 2 * (HEADER_BYTES + 8) + HEADER_BYTES] ^= 1;
    fs::write(&oldest, bytes).unwrap();
    let mut spool = Spool::open(directory.path(), OPTIONS).unwrap();
    assert!(spool.opened().cut_bytes > 0);
    let left = spool.read(0, ALL).unwrap();
    assert_eq!((left[0].position, left[1].position), (0, 1));
    assert!(left[2].position > 2, "record 2 was wrong");
    assert_eq!(left.last().unwrap().position, 99);
}

#[test]
fn a_spool_has_one_owner_and_no_foreign_files() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path(), OPTIONS).unwrap();
    assert!(matches!(Spool::open(directory.path(), OPTIONS), Err(SpoolError::InUse { .. })));
    drop(spool);
    fs::write(directory.path().join("00000000000000000009.seg"), b"not a segment").unwrap();
    assert!(matches!(Spool::open(directory.path(), OPTIONS), Err(SpoolError::NotASegment { .. })));
}
