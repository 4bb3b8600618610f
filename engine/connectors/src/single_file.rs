//! `single_file`: one file of lines (JSON, changes, CSV, texts), read once from its beginning to its end, or written from its beginning.
//!
//! Written rows are visible at once. What makes them exactly-once is the file's length: it is part of the checkpoint,
//! and a restored sink cuts the file back to it. A sink that starts afresh empties the file.

mod sink;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use headwater_plan::{ConnectorTable, TableDeclaration, TableError};

use self::sink::FileSink;
use self::source::FileSource;
use crate::columns::{NEVER_IDLE, Sides, declared_schema, no_metadata, required_schema};
use crate::formats::{BadData, RecordFormat};
use crate::set::ConnectorSettings;

pub(crate) fn declare(
    settings: &ConnectorSettings,
    declaration: TableDeclaration,
) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    let sides = Sides::of(options)?;
    let path: PathBuf = settings.local_path(options.required_text("path")?)?;
    let format = RecordFormat::of(options, &["json", "debezium_json", "csv", "raw_string", "raw_bytes"])?;
    let format =
        format.ok_or_else(|| TableError::new("a file of lines has a format of lines").with_option("format"))?;
    let bad_data = BadData::of(options)?;
    options.finish()?;
    no_metadata("single_file", &declaration.columns)?;
    let sink = FileSink { path: path.clone(), format: format.clone(), primary_key: declaration.primary_key };
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
        format.decoder(&schema)?;
        let source = FileSource { table: declaration.name, path, schema, format, bad_data };
        table.source = sides.source.then(|| Arc::new(source) as _);
    }
    Ok(table)
}

#[cfg(test)]
mod tests;
