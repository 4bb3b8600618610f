//! Rows on standard output.

use std::io::{self, Write as _};

use anyhow::Context;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches_with_schema;
use headwater_serve::rows::json_rows;

use crate::args::OutputFormat;

/// Prints an answer. A reader who has gone away (`| head`) is no error.
pub(crate) fn print_rows(schema: SchemaRef, batches: &[RecordBatch], format: OutputFormat) -> anyhow::Result<()> {
    let text = match format {
        OutputFormat::Table => {
            let table = pretty_format_batches_with_schema(schema, batches).context("could not write the rows")?;
            format!("{table}\n")
        }
        OutputFormat::Json => {
            let mut text = String::new();
            for batch in batches {
                for row in json_rows(batch)? {
                    text += &serde_json::to_string(&row).context("could not write a row")?;
                    text.push('\n');
                }
            }
            text
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("could not write the rows"),
        _ => Ok(()),
    }
}
