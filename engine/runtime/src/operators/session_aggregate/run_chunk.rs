//! A batch of runs, and which open session each of its rows belongs to.

use crate::operators::chunk::Chunk;

/// Runs as they came, or as they were merged.
pub(super) struct RunChunk {
    /// The rows, and what a snapshot knows of them.
    pub(super) chunk: Chunk,
    /// The open session of each row; `None` for a row that was late, closed or merged into another chunk.
    owners: Vec<Option<usize>>,
    open_rows: usize,
}

/// A row of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunRef {
    /// The chunk's number.
    pub(super) chunk: u64,
    /// The row.
    pub(super) row: usize,
}

impl RunChunk {
    /// Rows that belong to no session yet.
    pub(super) fn new(chunk: Chunk) -> Self {
        let owners = vec![None; chunk.rows.num_rows()];
        RunChunk { chunk, owners, open_rows: 0 }
    }

    /// Gives a row to a session, or to none.
    pub(super) fn set_owner(&mut self, row: usize, session: Option<usize>) {
        if let Some(owner) = self.owners.get_mut(row) {
            self.open_rows = self.open_rows + usize::from(session.is_some()) - usize::from(owner.is_some());
            *owner = session;
        }
    }

    /// Rows that belong to a session, with it.
    pub(super) fn open_runs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.owners.iter().enumerate().filter_map(|(row, owner)| owner.map(|session| (row, session)))
    }

    /// How many rows belong to a session.
    pub(super) fn open_rows(&self) -> usize {
        self.open_rows
    }

    /// Whether a snapshot must not name the chunk as it is: it has not been stored, or holds rows that are past.
    pub(super) fn is_stale(&self) -> bool {
        !self.chunk.is_stored() || self.open_rows < self.owners.len()
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.chunk.rows.get_array_memory_size() + self.owners.capacity() * size_of::<Option<usize>>()
    }
}
