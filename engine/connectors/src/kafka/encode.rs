//! From rows to messages: the content by format, the key and the time by column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt32Array};
use arrow::compute::{can_cast_types, cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use headwater_core::StreamSchema;
use headwater_core::error::BoxError;
use headwater_plan::TableError;
use headwater_plan::options::nearest;
use headwater_proto::batch::headers;

use crate::formats::RecordFormat;
use crate::formats::changelog::{Changelog, Upserts};
use crate::formats::json::{TimestampFormat, encode_lines, split_lines};
use crate::formats::raw::{one_of_bytes, one_text, values};
use crate::formats::rows::append_only;
use crate::formats::upsert::no_primary_key;
use crate::grouping::group;

/// Rows in one Arrow message. A thousand rows of twenty columns stay well below the megabyte that brokers take.
const ARROW_ROWS: usize = 1000;

/// A message to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutMessage {
    /// What decides on the partition.
    pub(super) key: Option<Vec<u8>>,
    /// The content; none says that what the key names is gone.
    pub(super) payload: Option<Vec<u8>>,
    /// Milliseconds since the epoch; the time of writing where there is none.
    pub(super) timestamp: Option<i64>,
}

/// Writes rows as messages.
#[derive(Clone, Debug)]
pub(super) struct MessageEncoder {
    content: Content,
    key: Key,
    timestamp: Option<usize>,
    hidden: bool,
}

/// What stands in a message.
#[derive(Clone, Debug)]
enum Content {
    Json(TimestampFormat),
    Debezium(Changelog, TimestampFormat),
    Upsert(Changelog, TimestampFormat),
    Raw,
    RawBytes,
    Arrow,
}

/// What stands in a message's key.
#[derive(Clone, Debug)]
enum Key {
    None,
    /// The text of a column.
    Column(usize),
    /// A JSON object of columns.
    Object(Vec<usize>),
}

impl MessageEncoder {
    /// An encoder of the rows of a stream. The key is the column `key`, or else the primary key.
    ///
    /// # Errors
    /// When a named column is not there or of another kind, the format cannot hold a column, or it is given a
    /// changelog that it cannot take.
    pub(super) fn new(
        format: &RecordFormat,
        schema: &StreamSchema,
        primary_key: &[String],
        key: Option<&str>,
        timestamp: Option<&str>,
    ) -> Result<Self, TableError> {
        let visible = schema.visible();
        let content = Content::new(format, schema, primary_key)?;
        let primary_key: Vec<usize> = primary_key.iter().filter_map(|name| visible.index_of(name).ok()).collect();
        let key = match (key, primary_key.as_slice()) {
            (Some(name), _) => Key::Column(find_column(&visible, "sink.key_field", name, &DataType::Utf8)?),
            (None, []) => Key::None,
            (None, [only]) if can_cast_types(visible.field(*only).data_type(), &DataType::Utf8) => Key::Column(*only),
            (None, several) => Key::Object(several.to_vec()),
        };
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        let timestamp = timestamp.map(|name| find_column(&visible, "sink.timestamp_field", name, &time)).transpose()?;
        let encoder = MessageEncoder { content, key, timestamp, hidden: schema.is_updating() };
        let none = RecordBatch::new_empty(if encoder.hidden { schema.full().clone() } else { visible });
        encoder.encode(&none).map_err(|error| {
            TableError::new(format!("the columns cannot be written: {error}")).with_option("format")
        })?;
        Ok(encoder)
    }

    /// Whether batches must have their hidden columns.
    pub(super) fn wants_hidden_columns(&self) -> bool {
        self.hidden
    }

    /// The header `content-type` of the messages.
    pub(super) fn content_type(&self) -> &'static str {
        match self.content {
            Content::Arrow => headers::ARROW_STREAM,
            Content::Raw => "text/plain",
            Content::RawBytes => "application/octet-stream",
            Content::Json(_) | Content::Debezium(..) | Content::Upsert(..) => headers::JSON,
        }
    }

    /// The messages of a batch: a row or a change each in JSON, up to a thousand rows of one key in Arrow.
    ///
    /// # Errors
    /// When a value does not fit its place.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Vec<OutMessage>, BoxError> {
        match &self.content {
            Content::Json(timestamps) => self.messages(batch, payloads(&encode_lines(batch, *timestamps)?)),
            Content::Raw | Content::RawBytes => {
                let values = values(batch)?;
                self.messages(batch, values.iter().map(|value| value.map(<[u8]>::to_vec)))
            }
            Content::Debezium(changelog, timestamps) => {
                let (changes, rows) = changelog.debezium_with_rows(batch)?;
                self.messages(&rows, payloads(&encode_lines(&changes, *timestamps)?))
            }
            Content::Upsert(changelog, timestamps) => {
                let Upserts { rows, deleted } = changelog.upserts(batch)?;
                let lines = encode_lines(&rows, *timestamps)?;
                let kept = payloads(&lines).zip(deleted.values().iter());
                self.messages(&rows, kept.map(|(payload, deleted)| payload.filter(|_| !deleted)))
            }
            Content::Arrow => self.arrow_messages(batch),
        }
    }

    /// A message a row.
    fn messages(
        &self,
        rows: &RecordBatch,
        payloads: impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<Vec<OutMessage>, BoxError> {
        let envelope = Envelope::new(self, rows)?;
        Ok(payloads.enumerate().map(|(row, payload)| envelope.message(row, payload)).collect())
    }

    fn arrow_messages(&self, batch: &RecordBatch) -> Result<Vec<OutMessage>, BoxError> {
        let envelope = Envelope::new(self, batch)?;
        let groups = match &envelope.keys {
            Some(keys) => group(std::slice::from_ref(keys))?,
            None => vec![(0..u32::try_from(batch.num_rows())?).collect()],
        };
        let mut messages = Vec::new();
        for rows in groups.iter().flat_map(|rows| rows.chunks(ARROW_ROWS)) {
            let Some(first) = rows.first() else { continue };
            let part = take_record_batch(batch, &UInt32Array::from(rows.to_vec()))?;
            messages.push(envelope.message(*first as usize, Some(crate::formats::arrow::encode(&part)?)));
        }
        Ok(messages)
    }
}

impl Content {
    fn new(format: &RecordFormat, schema: &StreamSchema, primary_key: &[String]) -> Result<Self, TableError> {
        match format {
            RecordFormat::Debezium(timestamps) => {
                return Ok(Content::Debezium(Changelog::new(schema, primary_key)?, *timestamps));
            }
            RecordFormat::Upsert(_) if primary_key.is_empty() => {
                return Err(no_primary_key());
            }
            RecordFormat::Upsert(timestamps) => {
                return Ok(Content::Upsert(Changelog::new(schema, primary_key)?, *timestamps));
            }
            _ => {}
        }
        append_only("kafka", Some(format.name()), &["debezium_json", "upsert_json"], schema)?;
        match format {
            RecordFormat::Json(options) if options.unstructured => {
                one_text(&schema.visible(), "json.unstructured").map(|()| Content::Raw)
            }
            RecordFormat::Raw => one_text(&schema.visible(), "format").map(|()| Content::Raw),
            RecordFormat::RawBytes => one_of_bytes(&schema.visible(), "format").map(|()| Content::RawBytes),
            RecordFormat::Json(options) => Ok(Content::Json(options.timestamps)),
            _ => Ok(Content::Arrow),
        }
    }
}

/// The objects of [`encode_lines`] one by one.
fn payloads(lines: &[u8]) -> impl Iterator<Item = Option<Vec<u8>>> {
    split_lines(lines).map(|line| Some(line.to_vec()))
}

/// What stands around the contents of messages.
struct Envelope {
    keys: Option<ArrayRef>,
    times: Option<ArrayRef>,
}

impl Envelope {
    fn new(encoder: &MessageEncoder, rows: &RecordBatch) -> Result<Self, BoxError> {
        let keys = match &encoder.key {
            Key::None => None,
            Key::Column(index) => Some(key_column(rows.column(*index))?),
            Key::Object(columns) => {
                let lines = encode_lines(&rows.project(columns)?, TimestampFormat::Rfc3339)?;
                Some(Arc::new(BinaryArray::from_iter_values(split_lines(&lines))) as ArrayRef)
            }
        };
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        let times = encoder.timestamp.map(|index| cast(rows.column(index), &millis)).transpose()?;
        Ok(Envelope { keys, times })
    }

    fn message(&self, row: usize, payload: Option<Vec<u8>>) -> OutMessage {
        let time = || {
            let times = self.times.as_ref()?.as_primitive::<TimestampMillisecondType>();
            times.is_valid(row).then(|| times.value(row))
        };
        OutMessage { key: self.keys.as_ref().and_then(|keys| key_at(keys, row)), payload, timestamp: time() }
    }
}

/// The column that an option names, which must be of a kind that serves.
fn find_column(schema: &Schema, option: &str, name: &str, to: &DataType) -> Result<usize, TableError> {
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
}

/// Keys as bytes: those of a binary column, the text of any other.
fn key_column(column: &ArrayRef) -> Result<ArrayRef, BoxError> {
    match column.data_type() {
        DataType::Binary => Ok(Arc::clone(column)),
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
