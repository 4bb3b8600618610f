//! Rows to be written as lines: which formats take what a query gives, and the lines of a batch.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_core::StreamSchema;
use headwater_plan::TableError;

use super::RecordFormat;
use super::changelog::Changelog;
use super::json::TimestampFormat;
use super::raw::{one_of_bytes, one_text};
use super::{csv, json, raw};

/// Refuses a changelog for a sink that only adds rows. `formats` are the connector's that could take it.
///
/// # Errors
/// Says what to write instead.
pub(crate) fn append_only(
    connector: &str,
    format: Option<&str>,
    formats: &[&str],
    schema: &StreamSchema,
) -> Result<(), TableError> {
    if !schema.is_updating() {
        return Ok(());
    }
    let what = format.map_or_else(String::new, |format| format!("format '{format}' of "));
    let error = TableError::new(format!(
        "the query's result is a changelog, and {what}connector '{connector}' cannot take rows back"
    ));
    let windowed = "group the query by a window to have each row once";
    Err(match formats {
        [] => error.with_hint(windowed),
        [only] => error.with_option("format").with_hint(format!("use format = '{only}', or {windowed}")),
        [first, second, ..] => error
            .with_option("format")
            .with_hint(format!("use format = '{first}', or '{second}' with a PRIMARY KEY; or {windowed}")),
    })
}

/// Writes the rows of one stream as lines.
#[derive(Clone, Debug)]
pub(crate) struct LineEncoder {
    lines: Lines,
    hidden: bool,
}

#[derive(Clone, Debug)]
enum Lines {
    Json(TimestampFormat),
    Raw,
    Csv { header: bool },
    Debezium(Changelog, TimestampFormat),
}

impl LineEncoder {
    /// An encoder of the rows of `schema` for a connector.
    ///
    /// # Errors
    /// When the format cannot hold one of the columns, or is given a changelog that it cannot take.
    pub(crate) fn new(
        connector: &str,
        format: &RecordFormat,
        schema: &StreamSchema,
        primary_key: &[String],
    ) -> Result<Self, TableError> {
        let visible = schema.visible();
        let lines = match format {
            RecordFormat::Debezium(timestamps) => Lines::Debezium(Changelog::new(schema, primary_key)?, *timestamps),
            other => {
                append_only(connector, Some(other.name()), &["debezium_json"], schema)?;
                match other {
                    RecordFormat::Json(options) if options.unstructured => {
                        one_text(&visible, "json.unstructured")?;
                        Lines::Raw
                    }
                    RecordFormat::Raw => {
                        one_text(&visible, "format")?;
                        Lines::Raw
                    }
                    RecordFormat::RawBytes => {
                        one_of_bytes(&visible, "format")?;
                        Lines::Raw
                    }
                    RecordFormat::Csv(options) => {
                        csv::check_columns(&visible)?;
                        Lines::Csv { header: options.header }
                    }
                    RecordFormat::Json(options) => Lines::Json(options.timestamps),
                    other => {
                        let message = format!("format '{}' is not written as lines", other.name());
                        return Err(TableError::new(message).with_option("format"));
                    }
                }
            }
        };
        let encoder = LineEncoder { lines, hidden: schema.is_updating() };
        // A type that the format cannot hold is found here and not when the first row comes.
        let none = if encoder.hidden { schema.full().clone() } else { visible };
        encoder.encode(&RecordBatch::new_empty(none), false).map_err(|error| {
            TableError::new(format!("the columns cannot be written: {error}")).with_option("format")
        })?;
        Ok(encoder)
    }

    /// Whether batches must have their hidden columns.
    pub(crate) fn wants_hidden_columns(&self) -> bool {
        self.hidden
    }

    /// The lines of a batch, each with its line feed; `first` says that nothing stands before them.
    ///
    /// # Errors
    /// When a value does not fit the format.
    pub(crate) fn encode(&self, batch: &RecordBatch, first: bool) -> Result<Vec<u8>, ArrowError> {
        match &self.lines {
            Lines::Json(timestamps) => json::encode_lines(batch, *timestamps),
            Lines::Raw => raw::encode_lines(batch),
            Lines::Csv { header } => csv::encode_lines(batch, *header && first),
            Lines::Debezium(changelog, timestamps) => json::encode_lines(&changelog.debezium(batch)?, *timestamps),
        }
    }
}
