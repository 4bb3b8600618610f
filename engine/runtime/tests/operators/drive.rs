//! Instances of one or two operators joined by an exchange, with checkpoints, a crash and a recovery.

use std::collections::BTreeMap;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::key::owner;
use headwater_core::schema::event_times;
use headwater_core::script::Collected;
use headwater_core::{
    EventTime, KeyRange, Operator, Output, RestoredChunk, Snapshot, Watermark, WatermarkMerge, hash_columns,
};

use crate::rows::LAG;

pub(crate) type Make<'a> = &'a dyn Fn() -> Box<dyn Operator>;

/// Rows go to the first operators in turn, from there by hash to the second ones.
pub(crate) struct Job<'a> {
    /// None where rows are exchanged as they come.
    pub(crate) first: Option<Make<'a>>,
    pub(crate) second: Make<'a>,
    /// The key columns of what is exchanged.
    pub(crate) hash_columns: Vec<usize>,
}

/// Where a crash comes, and how many instances there are before and after it.
pub(crate) struct Schedule {
    pub(crate) before: (usize, usize),
    pub(crate) after: (usize, usize),
    /// The number of batches in the checkpoint that the recovery goes back to.
    pub(crate) checkpoint: usize,
    /// How many batches more come before the crash.
    pub(crate) lost: usize,
    /// A checkpoint after every so many batches.
    pub(crate) checkpoint_every: usize,
}

pub(crate) type Stored = BTreeMap<(String, String), RecordBatch>;

struct Instances<'a> {
    job: &'a Job<'a>,
    first: Vec<(Box<dyn Operator>, EventTime)>,
    second: Vec<(Box<dyn Operator>, WatermarkMerge)>,
    stored: Vec<Stored>,
    output: Vec<RecordBatch>,
    /// What the second operators have promised.
    promised: Vec<EventTime>,
}

impl Job<'_> {
    /// Everything that the job emits for `batches`, once each.
    pub(crate) fn run(&self, batches: &[RecordBatch], schedule: &Schedule) -> Vec<RecordBatch> {
        let mut instances = Instances::new(self, schedule.before, &[]);
        let crash = (schedule.checkpoint + schedule.lost).min(batches.len());
        let mut recovery = None;
        for (index, batch) in batches[..crash].iter().enumerate() {
            instances.send(index, batch);
            let epoch = index as u64 + 1;
            if index + 1 == schedule.checkpoint {
                instances.checkpoint(epoch);
                recovery = Some((instances.stored.clone(), instances.output.clone()));
            } else if (index + 1) % schedule.checkpoint_every == 0 && index + 1 < schedule.checkpoint {
                instances.checkpoint(epoch);
            }
        }
        let (stored, output) = recovery.unwrap();
        let mut instances = Instances::new(self, schedule.after, &stored);
        instances.output = output;
        for (index, batch) in batches.iter().enumerate().skip(schedule.checkpoint) {
            instances.send(index, batch);
            if (index + 1) % schedule.checkpoint_every == 0 {
                instances.checkpoint(index as u64 + 1_000);
            }
        }
        instances.end();
        assert_eq!(instances.second.iter().map(|(operator, _)| operator.late_rows()).sum::<u64>(), 0);
        assert_eq!(instances.first.iter().map(|(operator, _)| operator.late_rows()).sum::<u64>(), 0);
        instances.output
    }
}

impl<'a> Instances<'a> {
    fn new(job: &'a Job<'a>, (first, second): (usize, usize), stored: &[Stored]) -> Self {
        let make_first = || job.first.map(|make| make());
        let mut seconds = Vec::new();
        for index in 0..second {
            let mut operator = (job.second)();
            if !stored.is_empty() {
                let range = KeyRange::of(index, second);
                operator.restore(overlapping(stored, range), range).unwrap();
            }
            seconds.push((operator, WatermarkMerge::new(first)));
        }
        Instances {
            job,
            first: (0..first).map(|_| (make_first().unwrap_or_else(|| Box::new(Pass)), EventTime::MIN)).collect(),
            second: seconds,
            stored: vec![Stored::new(); second],
            output: Vec::new(),
            promised: vec![EventTime::MIN; second],
        }
    }

    fn send(&mut self, index: usize, batch: &RecordBatch) {
        let source = index % self.first.len();
        let mut out = Collected::default();
        let (operator, time) = &mut self.first[source];
        operator.on_batch(0, batch.clone(), &mut out).unwrap();
        let newest = event_times(batch).unwrap().values().iter().max().unwrap() - LAG;
        *time = (*time).max(EventTime(newest));
        let watermark = operator.on_watermark(Watermark::at(*time), &mut out).unwrap();
        self.exchange(out);
        self.watermark(source, watermark);
    }

    fn exchange(&mut self, out: Collected) {
        let count = self.second.len();
        for batch in out.0 {
            let keys: Vec<_> = self.job.hash_columns.iter().map(|index| batch.column(*index).clone()).collect();
            let owners: Vec<usize> =
                hash_columns(&keys, batch.num_rows()).unwrap().into_iter().map(|hash| owner(hash, count)).collect();
            for instance in 0..count {
                let mask: BooleanArray = owners.iter().map(|owner| Some(*owner == instance)).collect();
                let part = filter_record_batch(&batch, &mask).unwrap();
                if part.num_rows() > 0 {
                    let mut out = Collected::default();
                    self.second[instance].0.on_batch(0, part, &mut out).unwrap();
                    self.keep(instance, out);
                }
            }
        }
    }

    fn watermark(&mut self, source: usize, watermark: Watermark) {
        for instance in 0..self.second.len() {
            let (operator, merge) = &mut self.second[instance];
            if let Some(merged) = merge.update(source, watermark) {
                let mut out = Collected::default();
                let promised = operator.on_watermark(merged, &mut out).unwrap();
                assert!(promised.time <= merged.time);
                self.keep(instance, out);
                self.promised[instance] = self.promised[instance].max(promised.time);
            }
        }
    }

    fn keep(&mut self, instance: usize, out: Collected) {
        for batch in out.0 {
            assert!(batch.num_rows() <= 8192);
            let times = event_times(&batch).unwrap();
            assert!(times.values().iter().all(|time| *time >= self.promised[instance].nanos()), "older than promised");
            self.output.push(batch);
        }
    }

    fn checkpoint(&mut self, epoch: u64) {
        for source in 0..self.first.len() {
            let mut out = Collected::default();
            let snapshot = self.first[source].0.on_barrier(epoch, &mut out).unwrap();
            assert!(snapshot.chunks.is_empty());
            self.exchange(out);
        }
        for instance in 0..self.second.len() {
            let mut out = Collected::default();
            let snapshot = self.second[instance].0.on_barrier(epoch, &mut out).unwrap();
            self.keep(instance, out);
            self.stored[instance] = stored(snapshot, &self.stored[instance]);
        }
    }

    fn end(&mut self) {
        for source in 0..self.first.len() {
            let mut out = Collected::default();
            let watermark = self.first[source].0.on_watermark(Watermark::END, &mut out).unwrap();
            self.exchange(out);
            self.watermark(source, watermark);
        }
        assert!(self.second.iter().all(|(operator, _)| operator.state_bytes() < 4096), "state is left at the end");
    }
}

/// A snapshot with the rows of the chunks that it only names.
pub(crate) fn stored(snapshot: Snapshot, before: &Stored) -> Stored {
    let mut after = Stored::new();
    for chunk in snapshot.chunks {
        let key = (chunk.table, chunk.id);
        let handed = chunk.rows.map(|rows| rows.read().unwrap());
        let rows = match (handed, before.get(&key)) {
            (Some(rows), None) => rows,
            (None, Some(rows)) => rows.clone(),
            (Some(_), Some(_)) => panic!("chunk {key:?} was written twice"),
            (None, None) => panic!("chunk {key:?} was never handed over"),
        };
        assert!(after.insert(key, rows).is_none(), "a chunk is named twice");
    }
    after
}

pub(crate) fn overlapping(stored: &[Stored], range: KeyRange) -> Vec<RestoredChunk> {
    let overlap = |index: &usize| KeyRange::of(*index, stored.len()).overlaps(&range);
    let chunks = (0..stored.len()).filter(overlap).flat_map(|index| stored[index].iter());
    chunks.map(|((table, _), rows)| RestoredChunk { table: table.clone(), rows: rows.clone() }).collect()
}

/// A source's rows as they are.
struct Pass;

impl Operator for Pass {
    fn name(&self) -> &str {
        "pass"
    }

    fn on_batch(
        &mut self,
        _: usize,
        batch: RecordBatch,
        out: &mut dyn Output,
    ) -> Result<(), headwater_core::OperatorError> {
        out.emit(batch)
    }
}
