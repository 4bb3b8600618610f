//! `single_file`: one file of JSON lines, read once from its beginning to its end, or written from its beginning.
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
use crate::formats::json::JsonOptions;
use crate::formats::{BadData, RecordFormat};
use crate::set::ConnectorSettings;

pub(crate) fn declare(
    settings: &ConnectorSettings,
    declaration: TableDeclaration,
) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    let sides = Sides::of(options)?;
    let path: PathBuf = settings.local_path(options.required_text("path")?)?;
    options.choice("format", &[("json", ())])?;
    let json = JsonOptions::of(options)?;
    let bad_data = BadData::of(options)?;
    options.finish()?;
    no_metadata("single_file", &declaration.columns)?;
    let sink = Arc::new(FileSink { path: path.clone(), timestamps: json.timestamps });
    let mut table = ConnectorTable {
        columns: declared_schema(&declaration.columns),
        event_time: None,
        idle_after: Some(NEVER_IDLE),
        source: None,
        sink: sides.sink.then_some(sink as _),
    };
    // A table without columns can only be a sink, whether or not it says so.
    if table.columns.is_some() || !sides.sink {
        let schema = required_schema(&declaration.name, &declaration.columns)?;
        let format = RecordFormat::Json(json);
        format.decoder(&schema)?;
        let source = FileSource { table: declaration.name, path, schema, format, bad_data };
        table.source = sides.source.then(|| Arc::new(source) as _);
    }
    Ok(table)
}

#[cfg(test)]
mod tests;
