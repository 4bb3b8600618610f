//! One instance of a folder's source: which file is read next, and when the folder is listed again.
//!
//! A few files may be open at once, for where the runtime holds those that are ahead, the others are read in between. A
//! watched folder's file that was read last stays a partition while no other waits, so that time can tell that the
//! folder is silent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent};
use tokio::time::Instant;

use super::file::OpenedFile;
use super::{FilePosition, FolderSource};
use crate::formats::bad_records;

/// Files that are open at once; of lines the rest of each is in memory.
const OPEN_FILES: usize = 8;

/// One instance of the source.
pub(super) struct Reader {
    source: Arc<FolderSource>,
    subtask: usize,
    parallelism: usize,
    positions: BTreeMap<String, FilePosition>,
    /// Files that are not read to their end, in the order in which they are read.
    waiting: Vec<String>,
    /// The file that was read to its end last.
    last: Option<String>,
    /// Files that are too far ahead to be read.
    held: BTreeSet<String>,
    /// Whether the runtime knows which files wait.
    announced: bool,
    /// Open files, the one that was read last at the end.
    open: Vec<(String, OpenedFile)>,
    /// When the folder is listed again; `None` is never.
    list_at: Option<Instant>,
    draining: bool,
    bad_records: u64,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        loop {
            if self.list_at.is_some_and(|at| at <= Instant::now()) {
                self.list().await?;
            }
            // A file that ended holds nothing back any more.
            if !self.announced {
                self.announced = true;
                self.held.clear();
                return Ok(SourceEvent::Partitions(self.partitions()));
            }
            match self.waiting.iter().position(|name| !self.held.contains(name)) {
                Some(index) => {
                    if let Some(event) = self.read(index).await? {
                        return Ok(event);
                    }
                }
                None if self.waiting.is_empty() && self.list_at.is_none() => return Ok(SourceEvent::End),
                // All that wait are held, or there are none: until a file is let go of or a new one is found.
                None => match self.list_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                },
            }
        }
    }

    fn positions(&self) -> Positions {
        let value = |(name, position): (&String, &FilePosition)| {
            (name.clone(), serde_json::json!({"rows": position.rows, "bytes": position.bytes, "done": position.done}))
        };
        self.positions.iter().map(value).collect()
    }

    async fn hold(&mut self, held: &BTreeSet<usize>) -> Result<(), ConnectorError> {
        self.held = held.iter().filter_map(|index| self.waiting.get(*index).cloned()).collect();
        Ok(())
    }

    fn has_more(&self, partition: usize) -> bool {
        partition < self.waiting.len()
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        // A watched folder is listed once more, for what is there by now.
        self.draining = true;
        self.list_at = self.list_at.map(|_| Instant::now());
        Ok(())
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }
}

impl Reader {
    /// Lists the folder, and goes on in each file where it was.
    pub(super) async fn open(source: Arc<FolderSource>, context: &SourceContext) -> Result<Self, ConnectorError> {
        let mut reader = Reader {
            subtask: context.subtask,
            parallelism: context.parallelism,
            positions: BTreeMap::new(),
            waiting: Vec::new(),
            last: None,
            held: BTreeSet::new(),
            announced: false,
            open: Vec::new(),
            list_at: None,
            draining: false,
            bad_records: 0,
            source,
        };
        for (name, value) in &context.positions {
            if !reader.is_ours(name) {
                continue;
            }
            let position = serde_json::from_value(value.clone());
            let position = position.map_err(|error| reader.source.folders.failed(name, "read its position", error))?;
            reader.positions.insert(name.clone(), position);
        }
        reader.list().await?;
        let done = |(name, position): (&String, &FilePosition)| position.done.then(|| name.clone());
        reader.last = reader.positions.iter().filter_map(done).next_back();
        let begun = |name: &String| reader.positions.get(name).is_some_and(|p| *p != FilePosition::default());
        reader.waiting.sort_by_cached_key(|name| (!begun(name), name.clone()));
        Ok(reader)
    }

    fn is_ours(&self, name: &str) -> bool {
        self.source.is_ours(name, self.subtask, self.parallelism)
    }

    /// Looks for files that were not there before, and forgets those that are gone.
    async fn list(&mut self) -> Result<(), ConnectorError> {
        let mut found = self.source.folders.list_visible().await?;
        found.retain(|name| self.is_ours(name));
        self.list_at = self.source.watch.filter(|_| !self.draining).map(|every| Instant::now() + every);
        let known: BTreeSet<&String> = self.waiting.iter().collect();
        let there: BTreeSet<&String> = found.iter().collect();
        self.positions.retain(|name, _| there.contains(name) || known.contains(name));
        let is_new = |name: &&String| !known.contains(name) && !self.positions.get(*name).is_some_and(|p| p.done);
        let new: Vec<String> = found.iter().filter(is_new).cloned().collect();
        for name in &new {
            self.positions.entry(name.clone()).or_default();
        }
        self.announced &= new.is_empty();
        self.waiting.extend(new);
        Ok(())
    }

    fn partitions(&self) -> Vec<String> {
        match self.waiting.is_empty() && self.source.watch.is_some() {
            true => self.last.iter().cloned().collect(),
            false => self.waiting.clone(),
        }
    }

    /// Reads on in a file. `None` when no row came of it.
    async fn read(&mut self, index: usize) -> Result<Option<SourceEvent>, ConnectorError> {
        let name = self.waiting[index].clone();
        let position = self.positions.entry(name.clone()).or_default();
        let opened = self.open.iter().position(|(open, _)| *open == name);
        match opened {
            Some(place) => self.open[place..].rotate_left(1),
            None => {
                let opened = OpenedFile::open(&self.source, &name, *position).await?;
                if self.open.len() >= OPEN_FILES {
                    self.open.remove(0);
                }
                self.open.push((name.clone(), opened));
            }
        }
        let Some((_, opened)) = self.open.last_mut() else { return Ok(None) };
        let read = opened.next().await?;
        self.bad_records += read.bad_records;
        position.rows += read.rows;
        position.bytes += read.bytes;
        match read.batch {
            Some(batch) => Ok(bad_records::event(index, batch, read.bad)),
            None => {
                position.done = true;
                self.open.pop();
                self.waiting.remove(index);
                self.last = Some(name);
                // What is at its end altogether says so, and not that it is silent.
                self.announced = self.waiting.is_empty() && self.list_at.is_none();
                Ok(None)
            }
        }
    }
}
