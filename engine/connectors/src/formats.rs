//! How rows look inside a record: what a format makes of bytes, and the choice among formats by option.
//!
//! A record is a Kafka message or a line of a file. A bad one does not stop the others: decoding gives the rows of
//! those that can be read and the reason for each that cannot, and the source decides by [`BadData`].

pub(crate) mod arrow;
pub(crate) mod bad_records;
pub(crate) mod changelog;
pub(crate) mod conform;
pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod parquet;
pub(crate) mod raw;
pub(crate) mod rows;
pub(crate) mod upsert;

mod debezium;

use ::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use ::arrow::error::ArrowError;
use ::arrow::record_batch::RecordBatch;
use headwater_plan::{Options, TableError};

use self::arrow::ArrowDecoder;
use self::csv::{CsvDecoder, CsvOptions};
use self::debezium::DebeziumDecoder;
use self::json::{JsonDecoder, JsonOptions, TimestampFormat, UnstructuredDecoder};
use self::raw::RawDecoder;
use self::upsert::UpsertDecoder;
use crate::edge::{EdgeDecoder, EdgeTopic};

pub(crate) use self::bad_records::BadData;

/// The bytes of one record, and what its headers say about them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record<'a> {
    /// The content.
    pub(crate) value: &'a [u8],
    /// What stands beside the content for what the record is about, where the connector has it.
    pub(crate) key: Option<&'a [u8]>,
    /// Whether there is no content: what the key names is gone.
    pub(crate) is_tombstone: bool,
    /// Header `content-type`.
    pub(crate) content_type: Option<&'a str>,
    /// Header `schema`.
    pub(crate) schema: Option<&'a str>,
}

impl<'a> From<&'a [u8]> for Record<'a> {
    fn from(value: &'a [u8]) -> Self {
        Record { value, ..Record::default() }
    }
}

/// What came out of a run of records.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The rows of all good records, in order; behind the columns their weight, where the format has one.
    pub(crate) batch: RecordBatch,
    /// How many rows each record gave; none for a bad one.
    pub(crate) rows: Vec<usize>,
    /// The records that could not be read.
    pub(crate) bad: Vec<BadRecord>,
}

/// A record that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRecord {
    /// Which of the records given.
    pub(crate) index: usize,
    /// Why, in a reader's words.
    pub(crate) reason: String,
}

/// Reads records of one table.
pub(crate) enum RecordDecoder {
    /// JSON objects.
    Json(Box<JsonDecoder>),
    /// JSON that is kept as text.
    Unstructured(UnstructuredDecoder),
    /// Changes as Debezium writes them.
    Debezium(Box<DebeziumDecoder>),
    /// The last row of a key, or that it is gone.
    Upsert(Box<UpsertDecoder>),
    /// Texts or bytes as they are.
    Raw(RawDecoder),
    /// Lines of CSV.
    Csv(Box<CsvDecoder>),
    /// One Arrow IPC stream a record.
    Arrow(ArrowDecoder),
    /// What the agents write.
    Edge(Box<EdgeDecoder>),
}

impl RecordDecoder {
    /// Reads a run of records.
    ///
    /// # Errors
    /// Only where Arrow refuses to put good rows together; what is wrong with a record is in [`Decoded::bad`].
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        match self {
            RecordDecoder::Json(decoder) => decoder.decode(records),
            RecordDecoder::Unstructured(decoder) => decoder.decode(records),
            RecordDecoder::Debezium(decoder) => decoder.decode(records),
            RecordDecoder::Upsert(decoder) => decoder.decode(records),
            RecordDecoder::Raw(decoder) => decoder.decode(records),
            RecordDecoder::Csv(decoder) => decoder.decode(records),
            RecordDecoder::Arrow(decoder) => decoder.decode(records),
            RecordDecoder::Edge(decoder) => decoder.decode(records),
        }
    }

    /// Learns what the first line of a file says of the columns, where the format has such a line.
    ///
    /// # Errors
    /// Says what is wrong with the line.
    pub(crate) fn read_header(&mut self, line: &[u8]) -> Result<(), String> {
        match self {
            RecordDecoder::Csv(decoder) => decoder.read_header(line),
            _ => Ok(()),
        }
    }
}

/// Reads every record by itself and puts the rows together.
pub(crate) fn decode_each(
    schema: &SchemaRef,
    records: &[Record<'_>],
    mut decode: impl FnMut(&Record<'_>) -> Result<Vec<RecordBatch>, String>,
) -> Result<Decoded, ArrowError> {
    let mut batches = Vec::with_capacity(records.len());
    let mut rows = Vec::with_capacity(records.len());
    let mut bad = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match decode(record) {
            Ok(decoded) => {
                rows.push(decoded.iter().map(RecordBatch::num_rows).sum());
                batches.extend(decoded);
            }
            Err(reason) => {
                rows.push(0);
                bad.push(BadRecord { index, reason });
            }
        }
    }
    let batch = ::arrow::compute::concat_batches(schema, &batches)?;
    Ok(Decoded { batch, rows, bad })
}

/// The name of [`RecordFormat::Upsert`].
const UPSERT: &str = "upsert_json";

/// A format of records, with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordFormat {
    /// JSON objects.
    Json(JsonOptions),
    /// Changes as JSON: `before`, `after` and `op`.
    Debezium(TimestampFormat),
    /// The last row of a key as JSON; read only where records have a key.
    Upsert(TimestampFormat),
    /// One text a record.
    Raw,
    /// The bytes of a record as they are.
    RawBytes,
    /// Fields between commas.
    Csv(CsvOptions),
    /// Arrow IPC streams.
    Arrow,
    /// What the agents write to one of their topics.
    Edge(EdgeTopic),
}

impl RecordFormat {
    /// Reads the option `format`, which is one of `names` and the first of them where unsaid, and the options of these
    /// formats. `None` for a name that is no format of records.
    pub(crate) fn of(options: &Options, names: &[&str]) -> Result<Option<Self>, TableError> {
        if options.text("format")? == Some(UPSERT) && !names.contains(&UPSERT) && names.contains(&"debezium_json") {
            return Err(without_keys());
        }
        let choices: Vec<(&str, &str)> = names.iter().map(|name| (*name, *name)).collect();
        let chosen = options.choice("format", &choices)?.or(names.first().copied());
        let json = JsonOptions::of(options)?;
        let csv = if names.contains(&"csv") { CsvOptions::of(options)? } else { CsvOptions { header: false } };
        Ok(match chosen.unwrap_or_default() {
            "json" => Some(RecordFormat::Json(json)),
            "debezium_json" => Some(RecordFormat::Debezium(json.timestamps)),
            UPSERT => Some(RecordFormat::Upsert(json.timestamps)),
            "raw_string" => Some(RecordFormat::Raw),
            "raw_bytes" => Some(RecordFormat::RawBytes),
            "csv" => Some(RecordFormat::Csv(csv)),
            "arrow" => Some(RecordFormat::Arrow),
            _ => None,
        })
    }

    /// The format's name as the option `format` has it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            RecordFormat::Json(_) => "json",
            RecordFormat::Debezium(_) => "debezium_json",
            RecordFormat::Upsert(_) => UPSERT,
            RecordFormat::Raw => "raw_string",
            RecordFormat::RawBytes => "raw_bytes",
            RecordFormat::Csv(_) => "csv",
            RecordFormat::Arrow | RecordFormat::Edge(_) => "arrow",
        }
    }

    /// Whether records say what rows are taken back: what is read is a changelog.
    pub(crate) fn is_changelog(&self) -> bool {
        matches!(self, RecordFormat::Debezium(_) | RecordFormat::Upsert(_))
    }

    /// Whether a file's first line names the columns.
    pub(crate) fn has_header(&self) -> bool {
        matches!(self, RecordFormat::Csv(CsvOptions { header: true }))
    }

    /// A decoder into these columns, of records whose key nobody looks at.
    ///
    /// # Errors
    /// When the format cannot hold one of the columns, or cannot do without the key.
    pub(crate) fn decoder(&self, schema: &SchemaRef) -> Result<RecordDecoder, TableError> {
        let refused = |error: ArrowError| unreadable(self.name(), schema, &error);
        Ok(match self {
            RecordFormat::Edge(topic) => {
                RecordDecoder::Edge(Box::new(EdgeDecoder::new(*topic, schema.clone()).map_err(refused)?))
            }
            RecordFormat::Arrow => RecordDecoder::Arrow(ArrowDecoder::new(schema.clone())),
            RecordFormat::Raw => RecordDecoder::Raw(RawDecoder::of_texts(schema.clone())?),
            RecordFormat::RawBytes => RecordDecoder::Raw(RawDecoder::of_bytes(schema.clone())?),
            RecordFormat::Csv(_) => RecordDecoder::Csv(Box::new(CsvDecoder::new(schema.clone())?)),
            RecordFormat::Debezium(timestamps) => {
                let decoder = DebeziumDecoder::new(schema.clone(), *timestamps).map_err(refused)?;
                RecordDecoder::Debezium(Box::new(decoder))
            }
            RecordFormat::Upsert(_) => return Err(without_keys()),
            RecordFormat::Json(options) if options.unstructured => {
                RecordDecoder::Unstructured(UnstructuredDecoder::new(schema.clone())?)
            }
            RecordFormat::Json(options) => {
                RecordDecoder::Json(Box::new(JsonDecoder::new(schema.clone(), options.timestamps).map_err(refused)?))
            }
        })
    }
}

/// Says that a format needs keys where records have none.
fn without_keys() -> TableError {
    TableError::new(format!("format '{UPSERT}' says by a record's key what is gone, and here records have no key"))
        .with_option("format")
        .with_hint("use format = 'debezium_json' for rows that can be taken back")
}

/// Says that a format cannot hold some of the columns.
fn unreadable(format: &str, schema: &SchemaRef, error: &ArrowError) -> TableError {
    let is_interval = |field: &&FieldRef| matches!(field.data_type(), DataType::Interval(_));
    match schema.fields().iter().find(is_interval) {
        Some(field) => TableError::new(format!("{format} has no form for an INTERVAL"))
            .with_column(field.name())
            .with_hint("declare the column as TEXT, and cast it in the query"),
        None => TableError::new(format!("the columns cannot be read from {format}: {error}")),
    }
}
