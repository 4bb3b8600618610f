//! From rows to messages: the content by format, the key and the time by column.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{can_cast_types, cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::error::BoxError;
use headwater_plan::TableError;
use headwater_plan::options::nearest;
use headwater_proto::batch::headers;

use crate::formats::RecordFormat;
use crate::formats::json::{encode_lines, split_lines};
use crate::grouping::group;

/// Rows in one Arrow message. A thousand rows of twenty columns stay well below the megabyte that brokers take.
const ARROW_ROWS: usize = 1000;

/// A message to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutMessage {
    /// What decides on the partition.
    pub(super) key: Option<Vec<u8>>,
    /// The content.
    pub(super) payload: Vec<u8>,
    /// Milliseconds since the epoch; the time of writing where there is none.
    pub(super) timestamp: Option<i64>,
}

/// Writes rows as messages.
#[derive(Clone, Debug)]
pub(super) struct MessageEncoder {
    format: RecordFormat,
    key: Option<usize>,
    timestamp: Option<usize>,
}

impl MessageEncoder {
    /// An encoder of rows of `schema`.
    ///
    /// # Errors
    /// When a named column is not there or of another kind, or the format cannot hold a column.
    pub(super) fn new(
        format: RecordFormat,
        schema: &Schema,
        key: Option<&str>,
        timestamp: Option<&str>,
    ) -> Result<Self, TableError> {
        let find = |option: &'static str, name: &str, to: &DataType| {
            let refused = |message: String| TableError::new(message).with_option(option).with_column(name);
            let names = || schema.fields().iter().map(|field| field.name().as_str());
            let Some(index) = names().position(|known| known == name) else {
                let error = refused(format!("there is no column '{name}'"));
                return Err(match nearest(name, names()) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                });
            };
            let from = schema.field(index).data_type();
            match can_cast_types(from, to) {
                true => Ok(index),
                false => Err(refused(format!("column '{name}' of type {from} does not serve as one"))),
            }
        };
        let key = key.map(|name| find("sink.key_field", name, &DataType::Utf8)).transpose()?;
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        let timestamp = timestamp.map(|name| find("sink.timestamp_field", name, &time)).transpose()?;
        let encoder = MessageEncoder { format, key, timestamp };
        let none = RecordBatch::new_empty(std::sync::Arc::new(schema.clone()));
        encoder.encode(&none).map_err(|error| {
            TableError::new(format!("the columns cannot be written: {error}")).with_option("format")
        })?;
        Ok(encoder)
    }

    /// The header `content-type` of the messages.
    pub(super) fn content_type(&self) -> &'static str {
        match self.format {
            RecordFormat::Json(_) => headers::JSON,
            _ => headers::ARROW_STREAM,
        }
    }

    /// The messages of a batch: a row each in JSON, up to a thousand rows of one key in Arrow.
    ///
    /// # Errors
    /// When a value does not fit its place.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Vec<OutMessage>, BoxError> {
        let keys = self.key.map(|index| key_column(batch.column(index))).transpose()?;
        let times =
            self.timestamp.map(|index| cast(batch.column(index), &DataType::Timestamp(TimeUnit::Millisecond, None)));
        let times = times.transpose()?;
        let key_of = |row: usize| keys.as_ref().and_then(|keys| key_at(keys, row));
        let time_of = |row: usize| {
            let times = times.as_ref()?.as_primitive::<TimestampMillisecondType>();
            times.is_valid(row).then(|| times.value(row))
        };
        let message = |row, payload| OutMessage { key: key_of(row), payload, timestamp: time_of(row) };
        if let RecordFormat::Json(options) = &self.format {
            let lines = encode_lines(batch, options.timestamps)?;
            return Ok(split_lines(&lines).enumerate().map(|(row, line)| message(row, line.to_vec())).collect());
        }
        let mut messages = Vec::new();
        for rows in self.arrow_groups(batch, keys.as_ref())? {
            for rows in rows.chunks(ARROW_ROWS) {
                let Some(first) = rows.first() else { continue };
                let part = take_record_batch(batch, &UInt32Array::from(rows.to_vec()))?;
                messages.push(message(*first as usize, crate::formats::arrow::encode(&part)?));
            }
        }
        Ok(messages)
    }

    fn arrow_groups(&self, batch: &RecordBatch, keys: Option<&ArrayRef>) -> Result<Vec<Vec<u32>>, BoxError> {
        match keys {
            Some(keys) => Ok(group(std::slice::from_ref(keys))?),
            None => Ok(vec![(0..u32::try_from(batch.num_rows())?).collect()]),
        }
    }
}

/// Keys as bytes: those of a binary column, the text of any other.
fn key_column(column: &ArrayRef) -> Result<ArrayRef, BoxError> {
    match column.data_type() {
        DataType::Binary => Ok(std::sync::Arc::clone(column)),
        _ => Ok(cast(column, &DataType::Utf8)?),
    }
}

fn key_at(keys: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    if keys.is_null(row) {
        return None;
    }
    match keys.data_type() {
        DataType::Binary => Some(keys.as_binary::<i32>().value(row).to_vec()),
        _ => Some(keys.as_string::<i32>().value(row).as_bytes().to_vec()),
    }
}
