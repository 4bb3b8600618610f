//! The files that are being filled, and when one is full. No I/O and no clock: the sink says what time it is.

use std::collections::BTreeMap;
use std::time::Instant;

use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_core::operator::StateChunk;

use super::options::Rolling;

/// The state table that rows of open files are in.
pub(super) const OPEN: &str = "open";

/// A file that is full: its folder below the table, and its rows with all their columns.
#[derive(Debug)]
pub(super) struct FullFile {
    /// `column=value/…`, empty for the table's own folder.
    pub(super) folder: String,
    /// The rows.
    pub(super) rows: Vec<RecordBatch>,
}

/// Files by folder; each folder has at most one that is open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    rolling: Rolling,
    open: BTreeMap<String, OpenFile>,
    full: Vec<FullFile>,
    /// Chunks are named by the sink's run and this, so that no name ever means two things.
    run: String,
    chunks: u64,
}

#[derive(Debug)]
struct OpenFile {
    /// Rows that a snapshot has handed over.
    kept: Vec<(String, RecordBatch)>,
    /// Rows that came since.
    fresh: Vec<RecordBatch>,
    bytes: usize,
    first_at: Instant,
    last_at: Instant,
}

impl OpenFiles {
    /// No files yet.
    pub(super) fn new(rolling: Rolling, run: String) -> Self {
        OpenFiles { rolling, open: BTreeMap::new(), full: Vec::new(), run, chunks: 0 }
    }

    /// Adds rows to the file of a folder.
    pub(super) fn add(&mut self, folder: String, rows: RecordBatch, now: Instant) {
        let fresh = || OpenFile { kept: Vec::new(), fresh: Vec::new(), bytes: 0, first_at: now, last_at: now };
        let file = self.open.entry(folder.clone()).or_insert_with(fresh);
        file.bytes += row_bytes(&rows);
        file.last_at = now;
        file.fresh.push(rows);
        if file.bytes >= self.rolling.bytes {
            self.close(&folder);
        }
    }

    /// Closes the files whose time has come, or all of them, and takes out those that are full.
    pub(super) fn take_full(&mut self, now: Instant, all: bool) -> Vec<FullFile> {
        let since = |then: Instant| now.saturating_duration_since(then);
        let due = |file: &OpenFile| {
            all || since(file.first_at) >= self.rolling.interval
                || self.rolling.inactivity.is_some_and(|limit| since(file.last_at) >= limit)
        };
        let due: Vec<String> =
            self.open.iter().filter(|(_, file)| due(file)).map(|(folder, _)| folder.clone()).collect();
        for folder in due {
            self.close(&folder);
        }
        std::mem::take(&mut self.full)
    }

    fn close(&mut self, folder: &str) {
        if let Some((folder, file)) = self.open.remove_entry(folder) {
            let rows = file.kept.into_iter().map(|(_, rows)| rows).chain(file.fresh).collect();
            self.full.push(FullFile { folder, rows });
        }
    }

    /// The rows of open files, as chunks: those that came since the snapshot before with their rows, the others by
    /// name.
    pub(super) fn snapshot(&mut self) -> Result<Vec<StateChunk>, ArrowError> {
        let mut chunks = Vec::new();
        let chunk = |id: &String, rows: Option<RecordBatch>| {
            let rows = rows.map(Into::into);
            StateChunk { table: OPEN.to_owned(), id: id.clone(), rows }
        };
        for file in self.open.values_mut() {
            chunks.extend(file.kept.iter().map(|(id, _)| chunk(id, None)));
            let Some(first) = file.fresh.first() else { continue };
            let rows = concat_batches(&first.schema(), &file.fresh)?;
            let id = format!("{}-{}", self.run, self.chunks);
            self.chunks += 1;
            chunks.push(chunk(&id, Some(rows.clone())));
            file.kept.push((id, rows));
            file.fresh.clear();
        }
        Ok(chunks)
    }
}

/// Bytes that the rows take, not those of buffers that they share with others.
fn row_bytes(rows: &RecordBatch) -> usize {
    let bytes = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    fn files(bytes: usize, inactivity: Option<Duration>) -> OpenFiles {
        OpenFiles::new(Rolling { bytes, interval: Duration::from_secs(60), inactivity }, "run".into())
    }

    fn folders(full: &[FullFile]) -> Vec<(&str, usize)> {
        full.iter().map(|file| (file.folder.as_str(), file.rows.iter().map(RecordBatch::num_rows).sum())).collect()
    }

    #[test]
    fn a_file_is_full_by_size_age_or_silence() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut files = files(800, Some(Duration::from_secs(20)));
        files.add("size".into(), rows(60), start);
        files.add("age".into(), rows(1), start);
        files.add("silence".into(), rows(1), after(10));
        files.add("size".into(), rows(60), after(10));
        assert_eq!(folders(&files.take_full(after(10), false)), [("size", 120)]);
        files.add("age".into(), rows(1), after(29));
        assert_eq!(folders(&files.take_full(after(30), false)), [("silence", 1)]);
        files.add("age".into(), rows(1), after(48));
        assert_eq!(folders(&files.take_full(after(59), false)), []);
        files.add("last".into(), rows(2), after(59));
        assert_eq!(folders(&files.take_full(after(60), false)), [("age", 3)]);
        assert_eq!(folders(&files.take_full(after(60), true)), [("last", 2)]);
    }

    #[test]
    fn a_snapshot_hands_over_what_is_new_and_names_what_is_not() {
        let now = Instant::now();
        let mut files = files(1 << 20, None);
        let named = |chunks: Vec<StateChunk>| -> Vec<(String, Option<usize>)> {
            chunks.into_iter().map(|chunk| (chunk.id, chunk.rows.map(|rows| rows.count()))).collect()
        };
        files.add("a".into(), rows(1), now);
        files.add("a".into(), rows(2), now);
        assert_eq!(named(files.snapshot().unwrap()), [("run-0".into(), Some(3))]);
        files.add("a".into(), rows(4), now);
        assert_eq!(named(files.snapshot().unwrap()), [("run-0".into(), None), ("run-1".into(), Some(4))]);
        assert_eq!(named(files.snapshot().unwrap()), [("run-0".into(), None), ("run-1".into(), None)]);
        assert_eq!(folders(&files.take_full(now, true)), [("a", 7)]);
        assert_eq!(named(files.snapshot().unwrap()), []);
    }
}
