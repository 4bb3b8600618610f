//! The state of one slice: immutable chunks of groups, and a table for what came since the last of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampNanosecondArray};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use headwater_core::{OperatorError, StateChunk};

use crate::operators::aggregation::{Aggregation, Rows};
use crate::operators::chunk::{Chunk, ChunkNames};
use crate::operators::evaluate::NANOSECONDS;
use crate::operators::group_table::GroupTable;

use super::TABLE;

/// So many chunks a slice may have before they are merged into one.
const CHUNKS_MAX: usize = 8;

/// Groups and their states. A key may be in several chunks and in the table: merged, they are its state.
#[derive(Default)]
pub(super) struct Slice {
    chunks: Vec<Chunk>,
    live: Option<GroupTable>,
}

/// Keys, states, and the start of the slice for whoever reads a snapshot.
pub(super) fn chunk_schema(aggregation: &Aggregation) -> SchemaRef {
    aggregation.state_schema_with([Field::new("_slice", NANOSECONDS, false)])
}

impl Slice {
    /// Takes rows.
    pub(super) fn add(&mut self, aggregation: &Arc<Aggregation>, rows: &Rows) -> Result<(), OperatorError> {
        let table = match &mut self.live {
            Some(table) => table,
            none => none.insert(GroupTable::new(aggregation)?),
        };
        table.add(rows)
    }

    /// Takes back a chunk of a snapshot.
    pub(super) fn add_chunk(&mut self, rows: RecordBatch) {
        self.chunks.push(Chunk::new(rows));
    }

    /// Takes all that another slice has.
    pub(super) fn absorb(&mut self, other: Slice) -> Result<(), OperatorError> {
        self.chunks.extend(other.chunks);
        match other.live {
            Some(table) if self.live.is_some() => self.chunks.push(Chunk::new(table.into_states()?)),
            Some(table) => self.live = Some(table),
            None => {}
        }
        Ok(())
    }

    /// Everything in one table.
    pub(super) fn into_table(self, aggregation: &Arc<Aggregation>) -> Result<GroupTable, OperatorError> {
        let mut table = match self.live {
            Some(table) => table,
            None => GroupTable::new(aggregation)?,
        };
        self.chunks.iter().try_for_each(|chunk| table.merge(&chunk.rows))?;
        Ok(table)
    }

    /// Whether all is in one chunk, so that [`Slice::seal`] costs nothing.
    pub(super) fn is_sealed(&self) -> bool {
        self.live.is_none() && self.chunks.len() <= 1
    }

    /// Merges everything into one chunk, which every window that holds the slice then reads. Costs nothing when no
    /// row came since the window before.
    pub(super) fn seal(&mut self, aggregation: &Arc<Aggregation>) -> Result<Option<&RecordBatch>, OperatorError> {
        if !self.is_sealed() {
            let states = std::mem::take(self).into_table(aggregation)?.into_states()?;
            self.chunks = vec![Chunk::new(states)];
        }
        Ok(self.chunks.first().map(|chunk| &chunk.rows))
    }

    /// Names the chunks in a snapshot, with the rows of those that are new.
    pub(super) fn hand_over(
        &mut self,
        aggregation: &Arc<Aggregation>,
        start: i64,
        names: &mut ChunkNames,
        snapshot: &mut Vec<StateChunk>,
    ) -> Result<(), OperatorError> {
        if let Some(table) = self.live.take() {
            self.chunks.push(Chunk::new(table.into_states()?));
        }
        if self.chunks.len() > CHUNKS_MAX {
            self.seal(aggregation)?;
        }
        for chunk in &mut self.chunks {
            let mut handed = chunk.hand_over(TABLE, names);
            if let Some(rows) = &handed.rows {
                handed.rows = Some(with_start(aggregation, &rows.read()?, start)?.into());
            }
            snapshot.push(handed);
        }
        Ok(())
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Chunk::size).sum();
        chunks + self.live.as_ref().map_or(0, GroupTable::size)
    }
}

fn with_start(aggregation: &Aggregation, rows: &RecordBatch, start: i64) -> Result<RecordBatch, OperatorError> {
    let mut columns = rows.columns()[..aggregation.state_schema().fields().len()].to_vec();
    let starts: ArrayRef = Arc::new(TimestampNanosecondArray::from_value(start, rows.num_rows()));
    columns.push(starts);
    RecordBatch::try_new(chunk_schema(aggregation), columns)
        .map_err(|source| OperatorError::arrow("keep the groups of a slice", source))
}
