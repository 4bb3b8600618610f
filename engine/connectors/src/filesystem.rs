//! `filesystem`: a folder of files as a table, written and read.
//!
//! Files are visible whole or not at all, and exactly once. Rows of a file that is not full stay in memory and, at a
//! barrier, in the checkpoint. A full file is written outside the table's folder and renamed into it once the
//! checkpoint that names it exists: nothing half-written ever stands where a scan of the folder would find it.
//!
//! ```text
//! <base>/staging/<job>/<node>/part-<epoch>-<subtask>-<counter>-<run>.parquet       staged
//! <path>/<column>=<value>/part-<epoch>-<subtask>-<counter>-<run>.parquet           visible
//! ```
//!
//! A table outside the base directory has its staging folder beside it, `<path>.staging/<job>/<node>/`: a rename
//! stays within one file system. `run` is new each time a sink is opened, so that no two lives of a job ever mean
//! different rows by one name; what a life that crashed left behind is removed by the commit of its epoch.

mod commit;
mod encode;
mod open_files;
mod options;
mod partition;
mod sink;
mod source;
mod store;

use std::sync::Arc;

use headwater_plan::{ConnectorTable, TableDeclaration, TableError};

use self::options::{FileFormat, SinkOptions};
use self::sink::FolderSink;
use self::source::FolderSource;
use self::store::Folders;
use crate::columns::{NEVER_IDLE, Sides, declared_schema, no_metadata, required_schema};
use crate::formats::BadData;
use crate::set::ConnectorSettings;

pub(crate) fn declare(
    settings: &ConnectorSettings,
    declaration: TableDeclaration,
) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    let sides = Sides::of(options)?;
    let folders = Folders::of(settings, options.required_text("path")?)?;
    let format = FileFormat::of(options)?;
    let writing = SinkOptions::of(options)?;
    let bad_data = BadData::of(options)?;
    options.finish()?;
    no_metadata("filesystem", &declaration.columns)?;
    let sink = FolderSink {
        folders: folders.clone(),
        format: format.clone(),
        primary_key: declaration.primary_key,
        options: writing,
        clock: Arc::new(std::time::Instant::now),
    };
    let mut table = ConnectorTable {
        columns: declared_schema(&declaration.columns),
        event_time: None,
        idle_after: Some(NEVER_IDLE),
        source: None,
        sink: sides.sink.then(|| Arc::new(sink) as _),
    };
    // A table without columns can only be a sink, whether or not it says so.
    if table.columns.is_some() || !sides.sink {
        let schema = required_schema(&declaration.name, &declaration.columns)?;
        let source = FolderSource::new(declaration.name, folders, schema, format, bad_data)?;
        table.source = sides.source.then(|| Arc::new(source) as _);
    }
    Ok(table)
}

#[cfg(test)]
mod tests;
