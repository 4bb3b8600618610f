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
use std::time::Duration;

use headwater_plan::{ConnectorTable, OptionValue, Options, TableDeclaration, TableError};

use self::options::{FileFormat, SinkOptions};
use self::sink::FolderSink;
use self::source::FolderSource;
use self::store::Folders;
use crate::columns::{NEVER_IDLE, Sides, declared_schema, no_metadata, required_schema};
use crate::formats::BadData;
use crate::set::ConnectorSettings;

/// How often a watched folder is listed when the table only says that it is watched.
const WATCH_EVERY: Duration = Duration::from_secs(10);

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
    let watch = watch(options)?;
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
        // A watched folder may be silent, and time goes on.
        idle_after: watch.is_none().then_some(NEVER_IDLE),
        source: None,
        sink: sides.sink.then(|| Arc::new(sink) as _),
    };
    // A table without columns can only be a sink, whether or not it says so.
    if table.columns.is_some() || !sides.sink {
        let schema = required_schema(&declaration.name, &declaration.columns)?;
        let source = FolderSource::new(declaration.name, folders, schema, format, bad_data, watch)?;
        table.source = sides.source.then(|| Arc::new(source) as _);
    }
    Ok(table)
}

/// Reads the option `watch`: how often the folder is listed for new files, if it is.
fn watch(options: &Options) -> Result<Option<Duration>, TableError> {
    match options.raw("watch") {
        Some(OptionValue::Interval(every)) if every.is_zero() => {
            Err(TableError::new("a folder cannot be listed all the time").with_option("watch"))
        }
        Some(OptionValue::Interval(every)) => Ok(Some(*every)),
        _ => Ok(options.boolean("watch")?.unwrap_or(false).then_some(WATCH_EVERY)),
    }
}

#[cfg(test)]
mod tests;
