//! Pieces of state on their way into a snapshot: each is handed over once, and only named afterwards.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::{Epoch, EventTime, KeyRange, OperatorError, RestoredChunk, StateChunk, hash_columns};

use super::evaluate::NANOSECONDS;

/// Rows of state that do not change any more.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The rows.
    pub(super) rows: RecordBatch,
    bytes: usize,
    id: Option<String>,
}

impl Chunk {
    /// Rows that no snapshot has seen yet.
    pub(super) fn new(rows: RecordBatch) -> Self {
        Chunk { bytes: rows.get_array_memory_size(), rows, id: None }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    /// Whether a snapshot has taken the rows.
    pub(super) fn is_stored(&self) -> bool {
        self.id.is_some()
    }

    /// The rows the first time, their name from then on.
    pub(super) fn hand_over(&mut self, table: &str, names: &mut ChunkNames) -> StateChunk {
        let (id, rows) = match &self.id {
            Some(id) => (id.clone(), None),
            None => (self.id.insert(names.next()).clone(), Some(self.rows.clone().into())),
        };
        StateChunk { table: table.to_owned(), id, rows }
    }
}

/// Gives the chunks of one epoch their names. An epoch happens once, so no name comes twice.
#[derive(Debug)]
pub(super) struct ChunkNames {
    epoch: Epoch,
    count: u64,
}

impl ChunkNames {
    /// The names of this epoch.
    pub(super) fn of(epoch: Epoch) -> Self {
        ChunkNames { epoch, count: 0 }
    }

    /// The next name.
    pub(super) fn next(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.epoch, self.count)
    }
}

/// The rows of a restored chunk whose keys, the columns at `keys`, belong to `range`.
pub(super) fn in_range(rows: &RecordBatch, keys: &[usize], range: KeyRange) -> Result<RecordBatch, OperatorError> {
    if range == KeyRange::ALL {
        return Ok(rows.clone());
    }
    let keys = keys.iter().map(|index| rows.columns().get(*index).cloned());
    let keys: Vec<ArrayRef> = keys.collect::<Option<_>>().ok_or_else(|| OperatorError::plan("a key has no column"))?;
    let mask: BooleanArray =
        hash_columns(&keys, rows.num_rows())?.into_iter().map(|hash| Some(range.contains(hash))).collect();
    filter_record_batch(rows, &mask).map_err(|source| OperatorError::arrow("leave out rows of other instances", source))
}

/// Checks that a restored chunk has the columns of the operator's own state.
pub(super) fn check_columns(chunk: &RestoredChunk, schema: &Schema) -> Result<(), OperatorError> {
    let found = chunk.rows.schema();
    let types = |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
    if types(&found) == types(schema) {
        return Ok(());
    }
    let reason = format!("it has the columns {:?}, not {:?}", types(&found), types(schema));
    Err(OperatorError::State { table: chunk.table.clone(), reason })
}

/// The watermark as a state table of one row: what has been closed must stay closed after a recovery, even where the
/// merge of the inputs' watermarks would begin further back.
#[derive(Debug)]
pub(super) struct StoredWatermark {
    chunk: Option<(EventTime, Chunk)>,
}

impl StoredWatermark {
    /// The name of the table.
    pub(super) const TABLE: &str = "watermark";

    /// Nothing stored yet.
    pub(super) fn new() -> Self {
        StoredWatermark { chunk: None }
    }

    /// The state of the watermark; nothing as long as it stands at the beginning of time.
    pub(super) fn hand_over(
        &mut self,
        time: EventTime,
        names: &mut ChunkNames,
    ) -> Result<Option<StateChunk>, OperatorError> {
        if time == EventTime::MIN {
            return Ok(None);
        }
        let chunk = match &mut self.chunk {
            Some((stored, chunk)) if *stored == time => chunk,
            stale => {
                let column: ArrayRef = Arc::new(TimestampNanosecondArray::from_value(time.nanos(), 1));
                let schema = Arc::new(Schema::new(vec![Field::new("watermark", NANOSECONDS, false)]));
                let rows = RecordBatch::try_new(schema, vec![column])
                    .map_err(|source| OperatorError::arrow("keep the watermark", source))?;
                &mut stale.insert((time, Chunk::new(rows))).1
            }
        };
        Ok(Some(chunk.hand_over(Self::TABLE, names)))
    }

    /// The earliest watermark among the restored chunks of this table.
    pub(super) fn restored(chunks: &[RestoredChunk]) -> EventTime {
        let times = chunks.iter().filter(|chunk| chunk.table == Self::TABLE).filter_map(|chunk| {
            let column = chunk.rows.columns().first()?.as_primitive_opt::<TimestampNanosecondType>()?;
            arrow::compute::min(column)
        });
        times.min().map_or(EventTime::MIN, EventTime)
    }
}
