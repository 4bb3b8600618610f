//! Reads the lines of a file. The position is the offset of the next line.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent, SourceFactory};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};

use crate::formats::bad_records::{self, DeadLetter, dead_letters};
use crate::formats::{BadData, Record, RecordDecoder, RecordFormat};

/// Bytes read at once; a batch is the lines that end in them.
const READ: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct FileSource {
    pub(super) table: String,
    pub(super) path: PathBuf,
    pub(super) schema: SchemaRef,
    pub(super) format: RecordFormat,
    pub(super) bad_data: BadData,
}

fn failed(path: &Path, step: &str, error: impl Into<headwater_core::error::BoxError>) -> ConnectorError {
    ConnectorError::fatal("single_file", path.display().to_string(), step, error)
}

#[async_trait]
impl SourceFactory for FileSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn updating(&self) -> bool {
        self.format.is_changelog()
    }

    fn gives_bad_records(&self) -> bool {
        self.bad_data == BadData::DeadLetter
    }

    fn parallel(&self) -> bool {
        false
    }

    fn fingerprint(&self) -> String {
        format!("single_file {} {:?}", self.path.display(), self.format)
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        let partition = self.path.display().to_string();
        let mut position = match context.positions.get(&partition) {
            None => Position::default(),
            Some(value) => {
                serde_json::from_value(value.clone()).map_err(|error| failed(&self.path, "read its position", error))?
            }
        };
        let mut file = File::open(&self.path).await.map_err(|error| failed(&self.path, "open it", error))?;
        let mut decoder =
            self.format.decoder(&self.schema).map_err(|error| failed(&self.path, "read its format", error))?;
        if self.format.has_header() {
            let header = first_line(&mut file).await.map_err(|error| failed(&self.path, "read it", error))?;
            decoder.read_header(&header).map_err(|reason| failed(&self.path, "learn its columns", reason))?;
            if position.offset == 0 {
                position = Position { offset: header.len() as u64, lines: 1 };
            }
        }
        let start = SeekFrom::Start(position.offset);
        file.seek(start).await.map_err(|error| failed(&self.path, "go to its position", error))?;
        Ok(Box::new(Reader {
            table: self.table.clone(),
            path: self.path.clone(),
            partition,
            bad_data: self.bad_data,
            file,
            decoder,
            buffer: Vec::new(),
            at_end: false,
            announced: false,
            position,
            bad_records: 0,
        }))
    }
}

/// The bytes up to the first line feed, with it.
async fn first_line(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line).await?;
    Ok(line)
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Position {
    /// Bytes read.
    offset: u64,
    /// Lines read.
    lines: u64,
}

struct Reader {
    table: String,
    path: PathBuf,
    partition: String,
    bad_data: BadData,
    file: File,
    decoder: RecordDecoder,
    /// What was read of the file and not yet given on.
    buffer: Vec<u8>,
    at_end: bool,
    announced: bool,
    position: Position,
    bad_records: u64,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !self.announced {
            self.announced = true;
            return Ok(SourceEvent::Partitions(vec![self.partition.clone()]));
        }
        loop {
            self.fill().await?;
            let whole = match self.at_end {
                true => self.buffer.len(),
                false => self.buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1),
            };
            if whole == 0 {
                return Ok(SourceEvent::End);
            }
            let rest = self.buffer.split_off(whole);
            let lines = std::mem::replace(&mut self.buffer, rest);
            if let Some(event) = self.decode(&lines)? {
                return Ok(event);
            }
        }
    }

    fn positions(&self) -> Positions {
        let value = serde_json::json!({"offset": self.position.offset, "lines": self.position.lines});
        Positions::from([(self.partition.clone(), value)])
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }
}

impl Reader {
    /// Reads until there is a block and a whole line, or the end. Whatever was read stays in the buffer when the
    /// future is dropped.
    async fn fill(&mut self) -> Result<(), ConnectorError> {
        while !self.at_end && (self.buffer.len() < READ || !self.buffer.contains(&b'\n')) {
            self.buffer.reserve(READ);
            let read = self.file.read_buf(&mut self.buffer).await;
            self.at_end = read.map_err(|error| failed(&self.path, "read it", error))? == 0;
        }
        Ok(())
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<Option<SourceEvent>, ConnectorError> {
        let lines: Vec<&[u8]> = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').collect();
        // An empty line is no record; its number still counts.
        let numbered = lines.iter().zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
        let (records, numbers): (Vec<Record<'_>>, Vec<u64>) =
            numbered.map(|(line, number)| (Record::from(*line), self.position.lines + number)).unzip();
        let decoded = self.decoder.decode(&records).map_err(|error| failed(&self.path, "put rows together", error))?;
        let mut letters = Vec::new();
        for bad in &decoded.bad {
            let (line, reason) = (numbers.get(bad.index).copied().unwrap_or_default(), bad.reason.as_str());
            let place = format!("{}:{line}", self.path.display());
            let (offset, bytes) = (i64::try_from(line).unwrap_or(i64::MAX), records[bad.index].value);
            let letter = DeadLetter { topic: &self.partition, partition: None, offset, reason, bytes };
            self.bad_data.deal(letter, (&self.table, &place), &mut letters).map_err(|reason| {
                ConnectorError::fatal("single_file", &place, format!("read a record of table {}", self.table), reason)
            })?;
            self.bad_records += 1;
        }
        let bad = dead_letters(&letters).map_err(|error| failed(&self.path, "put bad records together", error))?;
        self.position.offset += bytes.len() as u64;
        self.position.lines += lines.len() as u64;
        Ok(bad_records::event(0, decoded.batch, bad))
    }
}
