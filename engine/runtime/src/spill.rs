//! Spilled rows as files on local disk.
//!
//! A job has a folder of its own, which holds a file a batch: Arrow IPC, compressed with lz4. Nothing in it outlives the
//! job: what is found at the start is of a run that crashed, and is deleted. Files are not flushed to the disk, since no
//! checkpoint points at them.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;
use headwater_core::{OperatorError, SpillStore, SpilledRows};

/// The folder of one job.
#[derive(Debug)]
pub struct SpillFolder {
    path: PathBuf,
    files: AtomicU64,
}

impl SpillFolder {
    /// The folder at `path`, which belongs to this job alone: what is in it is deleted, and so is the folder when this is
    /// dropped. It is made when rows are first spilled.
    ///
    /// # Errors
    /// When what is there cannot be deleted.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OperatorError> {
        let path = path.into();
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(OperatorError::spill(format!("delete old spilled state in {}", path.display()), error))
            }
            _ => Ok(SpillFolder { path, files: AtomicU64::new(0) }),
        }
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // What stays is deleted at the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl SpillStore for SpillFolder {
    fn write(&self, rows: &RecordBatch) -> Result<Box<dyn SpilledRows>, OperatorError> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let mut file = SpilledFile { path: self.path.join(format!("{number}.arrow")), bytes: 0 };
        let failed = |path: &Path, source: ArrowError| {
            OperatorError::spill(format!("spill state to {} (local disk)", path.display()), source)
        };
        let made = std::fs::create_dir_all(&self.path).map_err(ArrowError::from);
        made.and_then(|()| write(&file.path, rows)).map_err(|source| failed(&file.path, source))?;
        let size = std::fs::metadata(&file.path).map_err(|source| failed(&file.path, source.into()))?.len();
        file.bytes = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Box::new(file))
    }
}

fn write(path: &Path, rows: &RecordBatch) -> Result<(), ArrowError> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let file = BufWriter::new(File::create(path)?);
    let mut writer = FileWriter::try_new_with_options(file, &rows.schema(), options)?;
    writer.write(rows)?;
    // What is still in the buffer is written here, where a full disk can be told of.
    writer.into_inner()?.into_inner().map_err(|error| ArrowError::from(error.into_error()))?;
    Ok(())
}

/// A file, also one that was not written to its end: it goes when this goes.
#[derive(Debug)]
struct SpilledFile {
    path: PathBuf,
    bytes: usize,
}

impl SpilledRows for SpilledFile {
    fn read(&self, columns: Option<&[usize]>) -> Result<RecordBatch, OperatorError> {
        let read = || {
            let reader = FileReader::try_new(BufReader::new(File::open(&self.path)?), columns.map(<[_]>::to_vec))?;
            let schema = reader.schema();
            let batches = reader.collect::<Result<Vec<_>, _>>()?;
            match batches.as_slice() {
                [only] => Ok(only.clone()),
                several => concat_batches(&schema, several),
            }
        };
        read().map_err(|source: ArrowError| {
            OperatorError::spill(format!("read spilled state from {}", self.path.display()), source)
        })
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for SpilledFile {
    fn drop(&mut self) {
        // What stays is deleted with the folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn rows() -> RecordBatch {
        let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|i| format!("camera-{}", i % 7))));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        RecordBatch::try_from_iter([("name", names), ("number", numbers)]).unwrap()
    }

    fn files(path: &Path) -> usize {
        std::fs::read_dir(path).map_or(0, |entries| entries.count())
    }

    #[test]
    fn rows_come_back_and_files_go_with_their_handles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job");
        let store = SpillFolder::open(&path).unwrap();
        assert!(!path.exists(), "a folder before there is anything in it");
        let (first, second) = (store.write(&rows()).unwrap(), store.write(&rows().slice(10, 5)).unwrap());
        assert_eq!((first.read(None).unwrap(), second.read(None).unwrap()), (rows(), rows().slice(10, 5)));
        assert_eq!(first.read(Some(&[1])).unwrap(), rows().project(&[1]).unwrap());
        assert!(first.bytes() > 0 && first.bytes() < rows().get_array_memory_size());
        drop(first);
        assert_eq!(files(&path), 1);
        drop((second, store));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_crash_left_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("7.arrow"), "left").unwrap();
        let store = SpillFolder::open(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 0);
        assert_eq!(store.write(&rows()).unwrap().read(None).unwrap(), rows());
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "no folder").unwrap();
        let store = SpillFolder { path: path.clone(), files: AtomicU64::new(0) };
        let error = store.write(&rows()).unwrap_err();
        assert_eq!(error.to_string(), format!("could not spill state to {}/0.arrow (local disk)", path.display()));
        std::fs::remove_file(&path).unwrap();
    }
}
