//! The runs of all open sessions, in chunks.
//!
//! A chunk's rows are of many keys; a session refers to its rows wherever they are. Runs are merged late: when their
//! session closes, when too many wait, or when a snapshot takes them. A snapshot keeps the chunks all of whose rows
//! are still open, and writes the open rows of the others anew. As the sessions of one chunk were last active at
//! about the same time, they end at about the same time too, so a row is rewritten about once a gap.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{interleave_record_batch, take};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use headwater_core::{OperatorError, StateChunk};

use crate::operators::BATCH_ROWS;
use crate::operators::aggregation::Aggregation;
use crate::operators::chunk::{Chunk, ChunkNames};
use crate::operators::group_table::Accumulators;

use super::run_chunk::{RunChunk, RunRef};
use super::runs::{Runs, nanos, run_schema};
use super::sessions::{Session, Sessions};

/// So many chunks there may be before a snapshot merges them all.
const CHUNKS_MAX: usize = 64;
/// So many batches may wait for a snapshot before they are merged into one chunk.
const WAITING_CHUNKS_MAX: u64 = 256;

/// Open sessions with their state.
pub(super) struct SessionStore {
    aggregation: Arc<Aggregation>,
    /// `None` where there are no keys.
    converter: Option<RowConverter>,
    sessions: Sessions,
    chunks: BTreeMap<u64, RunChunk>,
    next_chunk: u64,
    /// The chunks from here on have come since the last snapshot, and have so many rows.
    first_waiting: u64,
    waiting_rows: usize,
}

/// Sessions that have ended, a row each.
pub(super) struct ClosedSessions {
    pub(super) keys: Vec<ArrayRef>,
    pub(super) results: Vec<ArrayRef>,
    pub(super) starts: TimestampNanosecondArray,
    pub(super) ends: TimestampNanosecondArray,
}

impl SessionStore {
    /// Without any session.
    pub(super) fn new(aggregation: &Arc<Aggregation>, gap: i64) -> Result<Self, OperatorError> {
        let fields = aggregation.key_schema().fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let fields: Vec<_> = fields.collect();
        let converter = match fields.is_empty() {
            true => None,
            false => Some(RowConverter::new(fields).map_err(|e| OperatorError::arrow("compare keys", e))?),
        };
        Ok(SessionStore {
            aggregation: aggregation.clone(),
            converter,
            sessions: Sessions::new(gap),
            chunks: BTreeMap::new(),
            next_chunk: 0,
            first_waiting: 0,
            waiting_rows: 0,
        })
    }

    /// Takes runs in, joins them with the sessions that they touch, and opens new ones for the others. Gives the
    /// number of rows that were late: of no open session, and in one that would have ended by `watermark`.
    pub(super) fn add(&mut self, runs: &Runs, watermark: i64) -> Result<u64, OperatorError> {
        let (first, last) = (nanos(runs.first())?, nanos(runs.last())?);
        let keys = runs.batch().columns()[..self.aggregation.key_schema().fields().len()].to_vec();
        let keys = self.converter.as_ref().map(|converter| converter.convert_columns(&keys));
        let keys = keys.transpose().map_err(|e| OperatorError::arrow("compare keys", e))?;
        let number = self.insert_chunk(runs.batch().clone());
        let mut late_rows = 0;
        for row in 0..runs.count() {
            let key = keys.as_ref().map(|keys| keys.row(row));
            let key = key.as_ref().map_or([].as_slice(), |key| key.as_ref());
            let touching = self.sessions.touching(key, first[row], last[row]);
            let slot = match touching.split_first() {
                Some((slot, others)) => {
                    others.iter().for_each(|other| self.join(*slot, *other));
                    *slot
                }
                None if self.sessions.end(last[row]) <= watermark => {
                    late_rows += runs.rows_in(row);
                    continue;
                }
                None => self.sessions.open(key, first[row], last[row]),
            };
            self.sessions.extend(slot, RunRef { chunk: number, row }, first[row], last[row]);
            self.set_owner(RunRef { chunk: number, row }, Some(slot));
        }
        self.drop_if_past(number);
        self.waiting_rows += runs.count();
        self.merge_when_many_wait()?;
        Ok(late_rows)
    }

    /// Takes out up to `limit` sessions that end at `until` or before, in order of their ends.
    pub(super) fn close(&mut self, until: i64, limit: usize) -> Result<Option<ClosedSessions>, OperatorError> {
        let sessions: Vec<Session> = std::iter::from_fn(|| self.sessions.pop_ended(until)).take(limit).collect();
        if sessions.is_empty() {
            return Ok(None);
        }
        let runs: Vec<(RunRef, usize)> = sessions
            .iter()
            .enumerate()
            .flat_map(|(group, session)| session.runs.iter().map(move |run| (*run, group)))
            .collect();
        let merged = self.merge(&runs, sessions.len())?;
        for (run, _) in runs {
            self.set_owner(run, None);
            self.drop_if_past(run.chunk);
        }
        let starts = sessions.iter().map(|session| session.first).collect::<Vec<_>>().into();
        let ends = sessions.iter().map(|session| self.sessions.end(session.last)).collect::<Vec<_>>().into();
        Ok(Some(ClosedSessions { keys: merged.keys, results: merged.accumulators.results()?, starts, ends }))
    }

    /// Names the chunks in a snapshot, after merging what is new or partly past into one.
    pub(super) fn hand_over(
        &mut self,
        table: &str,
        names: &mut ChunkNames,
        snapshot: &mut Vec<StateChunk>,
    ) -> Result<(), OperatorError> {
        let all = self.chunks.len() > CHUNKS_MAX;
        let stale = self.chunks.iter().filter(|(_, chunk)| all || chunk.is_stale());
        let stale: BTreeSet<u64> = stale.map(|(number, _)| *number).collect();
        self.merge_chunks(&stale)?;
        (self.first_waiting, self.waiting_rows) = (self.next_chunk, 0);
        snapshot.extend(self.chunks.values_mut().map(|chunk| chunk.chunk.hand_over(table, names)));
        Ok(())
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.chunks.values().map(RunChunk::size).sum::<usize>() + self.sessions.size()
    }

    fn insert_chunk(&mut self, rows: RecordBatch) -> u64 {
        let number = self.next_chunk;
        self.next_chunk += 1;
        self.chunks.insert(number, RunChunk::new(Chunk::new(rows)));
        number
    }

    fn set_owner(&mut self, run: RunRef, session: Option<usize>) {
        if let Some(chunk) = self.chunks.get_mut(&run.chunk) {
            chunk.set_owner(run.row, session);
        }
    }

    fn drop_if_past(&mut self, number: u64) {
        if self.chunks.get(&number).is_some_and(|chunk| chunk.open_rows() == 0) {
            self.chunks.remove(&number);
        }
    }

    /// Makes one session of two.
    fn join(&mut self, into: usize, other: usize) {
        let Some(other) = self.sessions.remove(other) else { return };
        for run in other.runs {
            self.sessions.extend(into, run, other.first, other.last);
            self.set_owner(run, Some(into));
        }
    }

    /// Between snapshots, what came is merged once there is several times as much of it as there are sessions.
    fn merge_when_many_wait(&mut self) -> Result<(), OperatorError> {
        let many_rows = self.waiting_rows > BATCH_ROWS.max(4 * self.sessions.count());
        if !many_rows && self.next_chunk - self.first_waiting <= WAITING_CHUNKS_MAX {
            return Ok(());
        }
        let waiting: BTreeSet<u64> = self.chunks.range(self.first_waiting..).map(|(number, _)| *number).collect();
        self.merge_chunks(&waiting)?;
        // What was merged goes on waiting, as one chunk.
        self.first_waiting = self.next_chunk.saturating_sub(1);
        self.waiting_rows = self.chunks.range(self.first_waiting..).map(|(_, chunk)| chunk.open_rows()).sum();
        Ok(())
    }

    /// Replaces chunks by one that has a row for each session with rows in them.
    fn merge_chunks(&mut self, numbers: &BTreeSet<u64>) -> Result<(), OperatorError> {
        let mut groups: HashMap<usize, usize> = HashMap::new();
        let mut slots = Vec::new();
        let mut runs = Vec::new();
        let mut rows = 0;
        for (number, chunk) in numbers.iter().filter_map(|number| Some((*number, self.chunks.get(number)?))) {
            rows += chunk.chunk.rows.num_rows();
            for (row, slot) in chunk.open_runs() {
                let group = *groups.entry(slot).or_insert_with(|| {
                    slots.push(slot);
                    slots.len() - 1
                });
                runs.push((RunRef { chunk: number, row }, group));
            }
        }
        let nothing_to_gain = numbers.len() == 1 && slots.len() == rows;
        if nothing_to_gain || runs.is_empty() {
            return Ok(());
        }
        let merged = self.merge(&runs, slots.len())?;
        let batch = self.layout(merged)?;
        numbers.iter().for_each(|number| drop(self.chunks.remove(number)));
        let number = self.insert_chunk(batch);
        for (row, slot) in slots.into_iter().enumerate() {
            let run = RunRef { chunk: number, row };
            if let Some(session) = self.sessions.get_mut(slot) {
                session.runs.retain(|run| !numbers.contains(&run.chunk));
                session.runs.push(run);
            }
            self.set_owner(run, Some(slot));
        }
        Ok(())
    }

    /// Merges the states of `runs` by their group.
    fn merge(&self, runs: &[(RunRef, usize)], groups: usize) -> Result<MergedRuns, OperatorError> {
        let mut positions: HashMap<u64, usize> = HashMap::new();
        let mut batches = Vec::new();
        let mut indices = Vec::with_capacity(runs.len());
        let mut first_row = vec![0u32; groups];
        let mut group_of_row = Vec::with_capacity(runs.len());
        for (index, (run, group)) in runs.iter().enumerate().rev() {
            let chunk = self.chunks.get(&run.chunk);
            let chunk = chunk.ok_or_else(|| OperatorError::plan("a session refers to a chunk that is gone"))?;
            let position = *positions.entry(run.chunk).or_insert_with(|| {
                batches.push(&chunk.chunk.rows);
                batches.len() - 1
            });
            indices.push((position, run.row));
            group_of_row.push(*group);
            first_row[*group] = index as u32;
        }
        indices.reverse();
        group_of_row.reverse();
        let merge = |source| OperatorError::arrow("merge the runs of sessions", source);
        let batch = interleave_record_batch(&batches, &indices).map_err(merge)?;
        let rows = self.aggregation.state_rows(&batch)?;
        let mut accumulators = Accumulators::new(&self.aggregation)?;
        accumulators.add(&rows, &group_of_row, groups)?;
        let first_row = UInt32Array::from(first_row);
        let keys = rows.keys.iter().map(|key| take(key, &first_row, None).map_err(merge));
        Ok(MergedRuns { keys: keys.collect::<Result<_, _>>()?, accumulators, batch, group_of_row, groups })
    }

    fn layout(&self, merged: MergedRuns) -> Result<RecordBatch, OperatorError> {
        let times = merged.batch.num_columns() - 2;
        let mut first = vec![i64::MAX; merged.groups];
        let mut last = vec![i64::MIN; merged.groups];
        let runs = nanos(merged.batch.column(times))?.iter().zip(nanos(merged.batch.column(times + 1))?);
        for ((run_first, run_last), group) in runs.zip(&merged.group_of_row) {
            first[*group] = first[*group].min(*run_first);
            last[*group] = last[*group].max(*run_last);
        }
        let mut columns = merged.keys;
        columns.extend(merged.accumulators.states()?);
        columns.push(Arc::new(TimestampNanosecondArray::from(first)));
        columns.push(Arc::new(TimestampNanosecondArray::from(last)));
        RecordBatch::try_new(run_schema(&self.aggregation), columns)
            .map_err(|source| OperatorError::arrow("lay out merged sessions", source))
    }
}

/// Runs after their merge, a group each.
struct MergedRuns {
    keys: Vec<ArrayRef>,
    accumulators: Accumulators,
    /// The runs that were merged.
    batch: RecordBatch,
    group_of_row: Vec<usize>,
    groups: usize,
}
