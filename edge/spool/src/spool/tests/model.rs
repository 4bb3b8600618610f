//! The spool against a model, under random steps, faults and power cuts.
//!
//! The model knows what was appended and whether it was synced, and nothing of segments. After every step the spool must
//! hold what the model holds, and after a power cut at least what was synced.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::fake::{Cut, Fake, Fault};
use super::*;
use crate::options::WhenFull;

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
    Sync,
    Tend {
        after_ms: u64,
    },
    WallLeap(i64),
    /// The process ends and begins again.
    Reopen {
        after_ms: i64,
    },
    PowerCut(Cut),
    Fault(Fault),
    Heal,
    /// The disk has this much room, or enough.
    Room(Option<u64>),
}

fn steps(has_faults: bool) -> impl Strategy<Value = Vec<Step>> {
    let cut = prop_oneof![Just(Cut::LoseAll), Just(Cut::KeepAll), any::<u64>().prop_map(Cut::Dice)];
    let kind = prop_oneof![Just(io::ErrorKind::StorageFull), Just(io::ErrorKind::Other)];
    let fault = (0u32..6, kind, any::<bool>()).prop_map(|(after, kind, is_lasting)| Fault { after, kind, is_lasting });
    let room = prop_oneof![Just(None), (600u64..4000).prop_map(Some)];
    let leap = prop_oneof![Just(i64::MAX / 4), Just(i64::MIN / 4), -5000i64..5000];
    let calm = prop_oneof![
        20 => (0usize..250, 0u32..50).prop_map(|(bytes, rows)| Step::Append { bytes, rows }),
        4 => (0.0..=1.0).prop_map(Step::Ack),
        3 => (0.0..=1.0, 1usize..20).prop_map(|(share, records)| Step::Read { share, records }),
        1 => Just(Step::Sync),
        3 => (0u64..1200).prop_map(|after_ms| Step::Tend { after_ms }),
        1 => leap.prop_map(Step::WallLeap),
        1 => (0i64..4000).prop_map(|after_ms| Step::Reopen { after_ms }),
        2 => cut.prop_map(Step::PowerCut),
    ];
    let faulty = prop_oneof![
        3 => fault.prop_map(Step::Fault),
        4 => Just(Step::Heal),
        1 => room.prop_map(Step::Room),
        // Long enough for a record that cannot be read to be taken for damaged.
        1 => Just(Step::Tend { after_ms: UNREADABLE_MS_MIN }),
    ];
    let step = if has_faults { prop_oneof![4 => calm, 1 => faulty].boxed() } else { calm.boxed() };
    vec(step, 1..150)
}

fn options() -> impl Strategy<Value = SpoolOptions> {
    let sync =
        prop_oneof![Just(SyncPolicy::EveryMessage), Just(SyncPolicy::Interval { ms: 500 }), Just(SyncPolicy::Never)];
    let when_full = prop_oneof![Just(WhenFull::DropOldest), Just(WhenFull::Refuse)];
    let age = prop_oneof![Just(None), Just(Some(3000u64))];
    (900u64..5000, 300u64..900, age, when_full, sync).prop_map(
        |(max_bytes, segment_bytes, max_age_ms, when_full, sync)| SpoolOptions {
            max_bytes,
            segment_bytes,
            max_age_ms,
            when_full,
            sync,
        },
    )
}

/// A record that should be there.
#[derive(Clone, Copy, Debug)]
struct Kept {
    position: u64,
    serial: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unsynced,
    Synced,
    /// A sync of it failed: no later one counts.
    Doomed,
}

/// What was ever given to the spool.
#[derive(Clone, Copy, Debug)]
struct Given {
    bytes: usize,
    rows: u32,
    position: Option<u64>,
    /// Time of the running spools when it was appended.
    at_ms: u64,
    opening: u64,
}

struct Model {
    fake: Fake,
    options: SpoolOptions,
    spool: Option<Spool>,
    given: BTreeMap<u64, Given>,
    waiting: Vec<Kept>,
    /// Whose each position is that an append gave back or a read found. One that was only set aside for a record, or for
    /// a segment that could not be made, is nobody's.
    owners: BTreeMap<u64, u64>,
    now: Moment,
    running_ms: u64,
    tended_ms: u64,
    opening: u64,
    before: SpoolStats,
    /// Something was made to fail: what is done with may come back.
    had_faults: bool,
}

const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
/// Header, serial and the largest filling of a step.
const RECORD_BYTES_MAX: u64 = HEADER_BYTES as u64 + 8 + 250;

fn payload(serial: u64, bytes: usize) -> Vec<u8> {
    let filler = (0..bytes).map(|index| (serial as usize * 31 + index) as u8);
    serial.to_le_bytes().into_iter().chain(filler).collect()
}

impl Model {
    fn new(options: SpoolOptions) -> Self {
        let mut model = Self {
            fake: Fake::default(),
            options,
            spool: None,
            given: BTreeMap::new(),
            waiting: Vec::new(),
            owners: BTreeMap::new(),
            now: Moment { wall_ms: 1_700_000_000_000, elapsed_ms: 50 },
            running_ms: 0,
            tended_ms: 0,
            opening: 0,
            before: SpoolStats::default(),
            had_faults: false,
        };
        model.spool = Some(model.opened());
        model
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn stats(&self) -> SpoolStats {
        self.spool.as_ref().unwrap().stats(self.now)
    }

    fn opened(&mut self) -> Spool {
        let open = |model: &Self| Spool::open_on(model.fake.boxed(), Path::new("/spool"), model.options, model.now);
        open(self).unwrap_or_else(|_| {
            assert!(self.fake.set_fault(None).is_some() || self.had_faults, "a good disk does not open");
            open(self).unwrap()
        })
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Append { bytes, rows } => self.append(bytes, rows),
            Step::Ack(share) => self.ack(share),
            Step::Read { share, records } => self.read(share, records),
            Step::Sync => {
                let synced = self.spool().sync();
                self.flushed(synced.is_ok(), true);
            }
            Step::Tend { after_ms } => self.tend(after_ms),
            Step::WallLeap(by_ms) => self.now.wall_ms = self.now.wall_ms.saturating_add(by_ms),
            Step::Reopen { after_ms } => self.reopen(None, after_ms),
            Step::PowerCut(cut) => self.reopen(Some(cut), 10),
            Step::Fault(fault) => {
                self.fake.set_fault(Some(fault));
                self.had_faults = true;
            }
            Step::Heal => {
                self.fake.set_fault(None);
            }
            Step::Room(room) => {
                self.fake.set_capacity(room);
                self.had_faults = true;
            }
        }
        self.check();
    }

    fn append(&mut self, bytes: usize, rows: u32) {
        let serial = self.given.len() as u64;
        let now = self.now;
        let waiting_before = self.waiting.len();
        let appended = self.spool().append(&payload(serial, bytes), rows, now);
        self.drop_counted();
        let synced = self.stats().failed_syncs == self.before.failed_syncs;
        self.flushed(synced, false);
        let position = appended.as_ref().ok().copied();
        let (at_ms, opening) = (self.running_ms, self.opening);
        self.given.insert(serial, Given { bytes, rows, position, at_ms, opening });
        match appended {
            Ok(position) => {
                let used = self.owners.last_key_value();
                assert!(used.is_none_or(|(&used, _)| position > used), "{position} is not after {used:?}");
                self.owners.insert(position, serial);
                let state = match self.options.sync {
                    SyncPolicy::EveryMessage => State::Synced,
                    _ => State::Unsynced,
                };
                self.waiting.push(Kept { position, serial, state });
                let stats = self.stats();
                assert!(stats.bytes <= self.options.max_bytes, "{stats:?}");
            }
            Err(SpoolError::Full { bytes: held, incoming, max_bytes, .. }) => {
                assert_eq!(self.options.when_full, WhenFull::Refuse);
                assert!(held + incoming > max_bytes);
                let stats = self.stats();
                // What is acknowledged may lie beside what waits in the oldest segment only, what a power cut tore
                // between any two.
                let torn = stats.damaged_records * RECORD_BYTES_MAX;
                let slack = torn + self.options.segment_bytes + 400 + 36 * (waiting_before as u64 + 3);
                let is_needed = stats.waiting_bytes + incoming + slack > max_bytes;
                assert!(self.had_faults || is_needed, "refused without need: {stats:?}");
                assert!(self.had_faults || waiting_before > 0, "an empty spool refuses");
            }
            Err(error) => assert!(self.had_faults, "{error:?}"),
        }
    }

    fn ack(&mut self, share: f64) {
        let index = (share * self.waiting.len() as f64) as usize;
        let next = self.spool().next();
        let up_to = self.waiting.get(index).map_or(next, |kept| kept.position);
        self.spool().ack(up_to).unwrap();
        let acked = self.waiting.iter().filter(|kept| kept.position < up_to).count() as u64;
        assert_eq!(self.stats().acked_records - self.before.acked_records, acked);
        self.waiting.retain(|kept| kept.position >= up_to);
    }

    fn read(&mut self, share: f64, records: usize) {
        let from = ((share * self.waiting.len() as f64) as usize).min(self.waiting.len());
        let next = self.spool().next();
        let position = self.waiting.get(from).map_or(next, |kept| kept.position);
        match self.spool().read(position, ReadLimit { records, bytes: usize::MAX }) {
            Err(_) => assert!(self.had_faults, "a good disk is read"),
            Ok(read) => {
                let damaged = self.stats().damaged_records - self.before.damaged_records;
                let kept: Vec<u64> = read.iter().map(|record| self.identify(record)).collect();
                let mut expected = self.waiting[from..].iter().map(|kept| kept.serial);
                assert!(damaged > 0 || kept.iter().all(|&serial| expected.next() == Some(serial)));
                assert!(kept.len() == records.min(self.waiting.len() - from) || self.had_faults);
            }
        }
    }

    fn tend(&mut self, after_ms: u64) {
        self.now.elapsed_ms += after_ms;
        self.now.wall_ms = self.now.wall_ms.saturating_add(after_ms as i64);
        self.running_ms += after_ms;
        let now = self.now;
        let tended = self.spool().tend(now);
        assert!(tended.is_ok() || self.had_faults);
        self.drop_counted();
        let is_due = match self.options.sync {
            SyncPolicy::EveryMessage => true,
            SyncPolicy::Interval { ms } => self.running_ms - self.tended_ms >= ms,
            SyncPolicy::Never => false,
        };
        self.tended_ms = if is_due { self.running_ms } else { self.tended_ms };
        let synced = self.stats().failed_syncs == self.before.failed_syncs;
        self.flushed(synced, is_due);
        if let Some(max_age_ms) = self.options.max_age_ms {
            let mut given = self.waiting.iter().map(|kept| self.given[&kept.serial]);
            let is_old = |given: Given| given.opening == self.opening && self.running_ms - given.at_ms > max_age_ms;
            assert!(!given.any(is_old), "kept for too long");
        }
    }

    /// A flush went well and covered all, or one failed.
    fn flushed(&mut self, is_ok: bool, is_whole: bool) {
        for kept in self.waiting.iter_mut().filter(|kept| kept.state == State::Unsynced) {
            kept.state = match (is_ok, is_whole) {
                (false, _) => State::Doomed,
                (true, true) => State::Synced,
                (true, false) => State::Unsynced,
            };
        }
    }

    /// Takes out of the model what the spool says that it dropped: the oldest.
    fn drop_counted(&mut self) {
        let stats = self.stats();
        let expired = (stats.expired_records - self.before.expired_records) as usize;
        let dropped = (stats.dropped_records - self.before.dropped_records) as usize;
        assert!(dropped == 0 || self.options.when_full == WhenFull::DropOldest);
        for given in self.waiting.iter().take(expired).map(|kept| self.given[&kept.serial]) {
            let max_age_ms = self.options.max_age_ms.unwrap();
            let away_ms = (self.opening - given.opening) * max_age_ms / 2;
            assert!(self.running_ms - given.at_ms + away_ms > max_age_ms, "dropped too young");
        }
        self.waiting.drain(..expired + dropped);
        let stats = SpoolStats { failed_syncs: self.before.failed_syncs, ..stats };
        self.before = SpoolStats { damaged_records: self.before.damaged_records, ..stats };
    }

    fn reopen(&mut self, cut: Option<Cut>, after_ms: i64) {
        let armed = self.fake.set_fault(None);
        self.spool = None;
        if let Some(cut) = cut {
            self.fake.power_cut(cut);
        }
        self.fake.set_fault(armed);
        // The clock of another start begins anywhere.
        self.now.elapsed_ms = 7 * self.opening;
        self.now.wall_ms = self.now.wall_ms.saturating_add(after_ms);
        self.opening += 1;
        self.spool = Some(self.opened());
        self.tended_ms = self.running_ms;
        self.before = SpoolStats::default();
        let found = self.read_all();
        let stats = self.stats();
        assert_eq!(stats.records, found.len() as u64);
        let is_back: BTreeSet<u64> = found.iter().map(|&(position, _)| position).collect();
        let (expired, acked) = (stats.expired_records, self.spool().acked());
        let missing = self.waiting.iter().filter(|kept| !is_back.contains(&kept.position));
        let lost = missing.filter(|kept| cut.is_none() || kept.state == State::Synced);
        let lost: Vec<&Kept> = lost.collect();
        assert!(lost.len() as u64 <= expired && lost.iter().all(|kept| kept.position < acked), "lost {lost:?}");
        let known: BTreeMap<u64, State> = self.waiting.iter().map(|kept| (kept.position, kept.state)).collect();
        let kept = |&(position, serial): &(u64, u64)| {
            let state = known.get(&position).copied();
            assert!(state.is_some() || cut.is_some() || self.had_faults, "what was done with came back");
            // What outlived a power cut is on the disk; of what came back without one nothing was promised.
            let state = if cut.is_some() { State::Synced } else { state.unwrap_or(State::Doomed) };
            Kept { position, serial, state }
        };
        self.waiting = found.iter().map(kept).collect();
        self.before = SpoolStats { expired_records: expired, ..self.stats() };
    }

    /// All that waits, position and serial, checked against what was given.
    fn read_all(&mut self) -> Vec<(u64, u64)> {
        let armed = self.fake.set_fault(None);
        let acked = self.spool().acked();
        let read = self.spool().read(acked, ALL).unwrap();
        self.fake.set_fault(armed);
        let found: Vec<(u64, u64)> = read.iter().map(|record| (record.position, self.identify(record))).collect();
        assert!(found.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "out of order: {found:?}");
        found
    }

    /// The serial of a record, which must be as it was given.
    fn identify(&mut self, record: &Record) -> u64 {
        let serial = u64::from_le_bytes(*record.payload.first_chunk().unwrap());
        let given = self.given[&serial];
        assert_eq!((record.rows, &record.payload[..]), (given.rows, payload(serial, given.bytes).as_slice()));
        // What an append tried before it failed, or went well elsewhere, may be found after a power cut.
        assert!(given.position == Some(record.position) || self.had_faults, "{record:?} is not where it was put");
        assert_eq!(*self.owners.entry(record.position).or_insert(serial), serial, "a position is used twice");
        assert!(record.position < self.spool().next());
        serial
    }

    fn check(&mut self) {
        let found: BTreeMap<u64, u64> = self.read_all().into_iter().collect();
        let stats = self.stats();
        let damaged = stats.damaged_records - self.before.damaged_records;
        let before = self.waiting.len();
        self.waiting.retain(|kept| damaged == 0 || found.contains_key(&kept.position));
        assert_eq!(damaged as usize, before - self.waiting.len(), "damage is counted");
        assert!(damaged == 0 || self.had_faults);
        let expected: BTreeMap<u64, u64> = self.waiting.iter().map(|kept| (kept.position, kept.serial)).collect();
        assert_eq!(found, expected);
        let given = self.waiting.iter().map(|kept| self.given[&kept.serial]);
        let (rows, bytes) = given.fold((0, 0), |sum, given| {
            (sum.0 + u64::from(given.rows), sum.1 + (HEADER_BYTES + 8 + given.bytes) as u64)
        });
        assert_eq!((stats.records, stats.rows, stats.waiting_bytes), (found.len() as u64, rows, bytes));
        assert_eq!(stats.oldest_age_ms.is_some(), !found.is_empty());
        self.before = stats;
    }
}

fn follow(options: SpoolOptions, steps: &[Step]) {
    let mut model = Model::new(options);
    for step in steps {
        model.step(step);
    }
    // However it went, a good disk makes a good spool of it.
    model.fake.set_fault(None);
    model.fake.set_capacity(None);
    model.reopen(None, 0);
    model.check();
    model.ack(1.0);
    assert_eq!(model.spool().stats(Moment::default()).records, 0);
    model.append(100, 1);
    assert_eq!(model.waiting.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn a_spool_is_its_model_over_power_cuts(options in options(), steps in steps(false)) {
        follow(options, &steps);
    }

    #[test]
    fn a_spool_is_its_model_on_a_disk_that_fails_and_runs_full(options in options(), steps in steps(true)) {
        follow(options, &steps);
    }
}
