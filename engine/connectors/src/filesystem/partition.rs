//! Hive's folders: which rows belong to which `column=value/…`, how values are written there, and how they are read.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::temporal_conversions::timestamp_ns_to_datetime;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use headwater_core::schema::{EVENT_TIME, event_times};
use headwater_core::time::EventTime;
use headwater_plan::TableError;
use headwater_plan::options::nearest;

use crate::grouping::group;

/// What Hive writes where a value is null or an empty text.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Deals rows out to folders.
#[derive(Clone, Debug)]
pub(super) struct Partitioner {
    fields: Vec<(String, usize)>,
    time_pattern: Option<String>,
    /// The columns that stand in files: those that are not folders, without hidden ones.
    content: Vec<usize>,
    content_schema: SchemaRef,
}

impl Partitioner {
    /// Deals out rows of `schema`, whose first `visible` columns are those of the table.
    ///
    /// # Errors
    /// When a partition column is not there, cannot be a folder's name, or no column would be left for the files.
    pub(super) fn new(
        schema: &SchemaRef,
        visible: usize,
        fields: &[String],
        time_pattern: Option<&str>,
    ) -> Result<Self, TableError> {
        let names = || schema.fields()[..visible].iter().map(|field| field.name().as_str());
        let find = |name: &String| {
            let refused = |message: String| TableError::new(message).with_option("partition_fields").with_column(name);
            let Some(index) = names().position(|known| known == name) else {
                let error = refused(format!("there is no column '{name}' to partition by"));
                return Err(match nearest(name, names()) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error.with_hint(format!("columns: {}", names().collect::<Vec<_>>().join(", "))),
                });
            };
            let data_type = schema.field(index).data_type();
            if data_type.is_nested() || data_type.is_floating() || data_type.is_binary() {
                return Err(refused(format!("column '{name}' of type {data_type} cannot name a folder")));
            }
            Ok((name.clone(), index))
        };
        let fields: Vec<_> = fields.iter().map(find).collect::<Result<_, _>>()?;
        let content: Vec<usize> = (0..visible).filter(|index| fields.iter().all(|(_, field)| field != index)).collect();
        if content.is_empty() {
            return Err(TableError::new("no column is left for the files").with_option("partition_fields"));
        }
        let content_schema = schema.project(&content).map_err(|error| TableError::new(error.to_string()))?;
        let content_schema = Arc::new(content_schema);
        Ok(Partitioner { fields, time_pattern: time_pattern.map(str::to_owned), content, content_schema })
    }

    /// The columns of the files.
    pub(super) fn content_schema(&self) -> &SchemaRef {
        &self.content_schema
    }

    /// The part of a batch that stands in a file.
    pub(super) fn content(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.content.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.content_schema.clone(), columns, &options)
    }

    /// The rows by folder, in the order in which the folders are met; rows of a folder keep theirs.
    pub(super) fn split(&self, batch: &RecordBatch) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let times = self.time_folders(batch)?;
        let mut keys: Vec<ArrayRef> = self.fields.iter().map(|(_, index)| Arc::clone(batch.column(*index))).collect();
        keys.extend(times.iter().cloned());
        if keys.is_empty() {
            return Ok(vec![(String::new(), batch.clone())]);
        }
        let groups = group(&keys)?;
        let mut parts = Vec::with_capacity(groups.len());
        for rows in groups {
            let Some(first) = rows.first() else { continue };
            let folder = self.folder(batch, times.as_ref(), *first as usize)?;
            let part = match rows.len() == batch.num_rows() {
                true => batch.clone(),
                false => take_record_batch(batch, &UInt32Array::from(rows))?,
            };
            parts.push((folder, part));
        }
        Ok(parts)
    }

    fn folder(&self, batch: &RecordBatch, times: Option<&ArrayRef>, row: usize) -> Result<String, ArrowError> {
        let mut folders = Vec::with_capacity(self.fields.len() + 1);
        if let Some(times) = times {
            folders.push(arrow::array::AsArray::as_string::<i32>(times).value(row).to_owned());
        }
        let options = FormatOptions::default();
        for (name, index) in &self.fields {
            let column = batch.column(*index);
            let value = match column.is_null(row) {
                true => String::new(),
                false => ArrayFormatter::try_new(column, &options)?.value(row).try_to_string()?,
            };
            folders.push(format!(
                "{}={}",
                escape(name),
                if value.is_empty() { NULL.to_owned() } else { escape(&value) }
            ));
        }
        Ok(folders.join("/"))
    }

    /// The folder that each row's event time gives, where there is a pattern.
    fn time_folders(&self, batch: &RecordBatch) -> Result<Option<ArrayRef>, ArrowError> {
        let Some(pattern) = &self.time_pattern else { return Ok(None) };
        let missing = || ArrowError::SchemaError(format!("a batch has no column {EVENT_TIME}"));
        let times = event_times(batch).map_err(|_| missing())?;
        let mut known: HashMap<i64, String> = HashMap::new();
        let mut folder_of = |time: i64| -> String {
            let folder = || format_time(EventTime(time), pattern).unwrap_or_else(|| NULL.to_owned());
            known.entry(time).or_insert_with(folder).clone()
        };
        let folders: arrow::array::StringArray = times.values().iter().map(|time| Some(folder_of(*time))).collect();
        Ok(Some(Arc::new(folders)))
    }
}

/// A time by a pattern of strftime; `None` where the pattern is none or makes a path that is none.
pub(super) fn format_time(time: EventTime, pattern: &str) -> Option<String> {
    let at = timestamp_ns_to_datetime(time.nanos())?;
    let mut text = String::new();
    write!(text, "{}", at.format(pattern)).ok()?;
    let text = text.trim_matches('/');
    let whole = text.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains('#'));
    whole.then(|| text.to_owned())
}

/// A value as part of a path: what would mean something there is percent-encoded, as Hive does.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.chars() {
        match byte {
            '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '}' | '[' | ']' | '^' | '\u{7f}' => {
                let _ = write!(escaped, "%{:02X}", byte as u32);
            }
            control if (control as u32) < 0x20 => {
                let _ = write!(escaped, "%{:02X}", control as u32);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *byte == b'%') {
            Some(decoded) => {
                plain.push(decoded);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The values that the folders of a path give, by column.
pub(super) fn values_of(relative: &str) -> HashMap<String, Option<String>> {
    let folders = relative.rsplit_once('/').map_or("", |(folders, _)| folders);
    let value = |(name, value): (&str, &str)| (unescape(name), (value != NULL).then(|| unescape(value)));
    folders.split('/').filter_map(|folder| folder.split_once('=')).map(value).collect()
}

/// A folder's value for every row of a file.
pub(super) fn value_column(value: Option<&str>, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let one: ArrayRef = Arc::new(arrow::array::StringArray::from(vec![value]));
    let strict = arrow::compute::CastOptions { safe: false, ..Default::default() };
    let typed = arrow::compute::cast_with_options(&one, data_type, &strict)?;
    arrow::compute::take(&typed, &UInt32Array::from_value(0, rows), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_through_a_path() {
        for value in ["north", "a/b=c%d", "2023-09-18T14:00:00", "ä ö", "100%", "..", "a#1", "tab\t"] {
            let escaped = escape(value);
            assert!(!escaped.contains('/') && !escaped.contains('='), "{escaped}");
            assert_eq!(unescape(&escaped), value);
        }
        assert_eq!(escape("a/b:c"), "a%2Fb%3Ac");
        assert_eq!(unescape("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        let time = EventTime::from_millis(1_695_045_600_000);
        assert_eq!(format_time(time, "date=%Y-%m-%d/hour=%-H").unwrap(), "date=2023-09-18/hour=14");
        assert_eq!(format_time(time, "%Q"), None);
        assert_eq!(format_time(time, "a//b"), None);
        assert_eq!(format_time(time, "../x"), None);
    }
}
