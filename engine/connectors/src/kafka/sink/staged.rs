//! A file of messages that wait for their checkpoint: one Arrow IPC stream of keys, contents and times.
//!
//! The file grows while rows are written, as `open-<subtask>-<id>`, and gets its epoch's name at the barrier,
//! `part-<epoch>-<subtask>-<id>`. What a crash left open is removed when the instance is opened again.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use headwater_core::Epoch;
use headwater_core::error::BoxError;
use uuid::Uuid;

use crate::kafka::commit::StagedMessages;
use crate::kafka::encode::OutMessage;
use crate::staging::staged_name;

pub(in crate::kafka) use crate::staging::epoch_of;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Binary, true),
        Field::new("payload", DataType::Binary, true),
        Field::new("timestamp", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]))
});

/// Writes one file an epoch.
pub(super) struct StagedWriter {
    folder: PathBuf,
    subtask: usize,
    open: Option<OpenFile>,
}

struct OpenFile {
    id: String,
    path: PathBuf,
    writer: StreamWriter<BufWriter<File>>,
    messages: u64,
}

impl StagedWriter {
    /// A writer into a folder, which is made.
    pub(super) fn new(folder: PathBuf, subtask: usize) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let left = format!("open-{subtask}-");
        for entry in std::fs::read_dir(&folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&left) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(StagedWriter { folder, subtask, open: None })
    }

    /// Adds messages to the epoch's file.
    pub(super) fn write(&mut self, messages: &[OutMessage]) -> Result<(), BoxError> {
        if messages.is_empty() {
            return Ok(());
        }
        let keys: BinaryArray = messages.iter().map(|message| message.key.as_deref()).collect();
        let payloads: BinaryArray = messages.iter().map(|message| message.payload.as_deref()).collect();
        let times: TimestampMillisecondArray = messages.iter().map(|message| message.timestamp).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(payloads), Arc::new(times)];
        let batch = RecordBatch::try_new(SCHEMA.clone(), columns)?;
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenFile::create(&self.folder, self.subtask)?),
        };
        open.writer.write(&batch)?;
        open.messages += messages.len() as u64;
        Ok(())
    }

    /// Brings the epoch's file to the disk under its name; `None` when nothing was written.
    pub(super) fn finish(&mut self, epoch: Epoch) -> Result<Option<StagedMessages>, BoxError> {
        let Some(mut open) = self.open.take() else { return Ok(None) };
        open.writer.finish()?;
        let file = open.writer.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let name = format!("{}-{}-{}.arrow", staged_name(epoch), self.subtask, open.id);
        std::fs::rename(&open.path, self.folder.join(&name))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Some(StagedMessages { file: name, id: open.id, messages: open.messages }))
    }
}

impl OpenFile {
    fn create(folder: &Path, subtask: usize) -> Result<Self, BoxError> {
        let id = Uuid::new_v4().to_string();
        let path = folder.join(format!("open-{subtask}-{id}"));
        let writer = StreamWriter::try_new(BufWriter::new(File::create(&path)?), &SCHEMA)?;
        Ok(OpenFile { id, path, writer, messages: 0 })
    }
}

/// The messages of a staged file, a batch of them in memory at a time.
pub(in crate::kafka) fn read(path: &Path) -> Result<impl Iterator<Item = Result<OutMessage, BoxError>>, BoxError> {
    let reader = StreamReader::try_new(BufReader::new(File::open(path)?), None)?;
    if reader.schema() != *SCHEMA {
        return Err("it does not hold messages".into());
    }
    Ok(reader.flat_map(|batch| match batch {
        Ok(batch) => messages(&batch).into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error.into())],
    }))
}

fn messages(batch: &RecordBatch) -> Vec<OutMessage> {
    let (keys, payloads) = (batch.column(0).as_binary::<i32>(), batch.column(1).as_binary::<i32>());
    let times = batch.column(2).as_primitive::<TimestampMillisecondType>();
    let message = |row| OutMessage {
        key: keys.is_valid(row).then(|| keys.value(row).to_vec()),
        payload: payloads.is_valid(row).then(|| payloads.value(row).to_vec()),
        timestamp: times.is_valid(row).then(|| times.value(row)),
    };
    (0..batch.num_rows()).map(message).collect()
}
