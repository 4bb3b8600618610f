//! From decoded content to the declared columns: those of the message's surroundings are put in where they stand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray, UInt32Array,
};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use headwater_plan::options::nearest;
use headwater_plan::{ColumnDeclaration, TableError};
use rdkafka::message::{Headers, Message, OwnedMessage};
use serde_json::{Map, Value};

/// What can be known of a message beside its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metadata {
    Offset,
    Partition,
    Topic,
    Timestamp,
    Key,
    Headers,
}

const NAMES: [(&str, Metadata); 7] = [
    ("headers", Metadata::Headers),
    ("key", Metadata::Key),
    ("offset", Metadata::Offset),
    ("offset_id", Metadata::Offset),
    ("partition", Metadata::Partition),
    ("timestamp", Metadata::Timestamp),
    ("topic", Metadata::Topic),
];

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Column of the decoded content.
    Content(usize),
    /// Of the message's surroundings.
    Metadata(Metadata),
}

/// Where each declared column comes from.
#[derive(Clone, Debug)]
pub(super) struct RowLayout {
    schema: SchemaRef,
    content: SchemaRef,
    places: Vec<Place>,
}

impl RowLayout {
    /// The layout of declared columns.
    ///
    /// # Errors
    /// When a metadata column is none, or of a type that it does not fit; when nothing is read from the content.
    pub(super) fn of(columns: &[ColumnDeclaration]) -> Result<Self, TableError> {
        let mut places = Vec::with_capacity(columns.len());
        let mut content = Vec::new();
        let mut fields = Vec::with_capacity(columns.len());
        for column in columns {
            let field = Field::new(&column.name, column.data_type.clone(), column.nullable);
            match &column.metadata {
                Some(name) => places.push(Place::Metadata(Metadata::of(name, column)?)),
                None => {
                    places.push(Place::Content(content.len()));
                    content.push(field.clone());
                }
            }
            fields.push(field);
        }
        match content.is_empty() {
            true => Err(TableError::new("at least one column must be read from the message itself")),
            false => {
                Ok(RowLayout { schema: Arc::new(Schema::new(fields)), content: Arc::new(Schema::new(content)), places })
            }
        }
    }

    /// The layout of columns that are all read from the content.
    pub(super) fn content_only(schema: SchemaRef) -> Self {
        let places = (0..schema.fields().len()).map(Place::Content).collect();
        RowLayout { content: schema.clone(), schema, places }
    }

    /// The same for upserts: of a row that goes only the columns of its key are there.
    pub(super) fn of_upserts(self, key: &[String]) -> Self {
        let field = |field: &Arc<Field>| match key.contains(field.name()) {
            true => field.as_ref().clone(),
            false => field.as_ref().clone().with_nullable(true),
        };
        let fields: Vec<Field> = self.schema.fields().iter().map(field).collect();
        RowLayout { schema: Arc::new(Schema::new(fields)), ..self }
    }

    /// All columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns that are read from the content.
    pub(super) fn content(&self) -> &SchemaRef {
        &self.content
    }

    /// The declared columns of messages whose content is `content`, of which message `n` gave `rows[n]` rows.
    pub(super) fn rows(
        &self,
        content: RecordBatch,
        messages: &[OwnedMessage],
        rows: &[usize],
    ) -> Result<RecordBatch, ArrowError> {
        if self.places.iter().all(|place| matches!(place, Place::Content(_))) {
            return Ok(content);
        }
        let counted = rows.iter().zip(0u32..);
        let message_of: UInt32Array = counted.flat_map(|(rows, message)| std::iter::repeat_n(message, *rows)).collect();
        let column = |(place, field): (&Place, &Arc<Field>)| match place {
            Place::Content(index) => Ok(Arc::clone(content.column(*index))),
            Place::Metadata(metadata) => {
                let of_messages = metadata.column(messages, field.data_type())?;
                take(&of_messages, &message_of, None)
            }
        };
        let mut columns = self.places.iter().zip(self.schema.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
        let mut fields: Vec<Arc<Field>> = self.schema.fields().iter().cloned().collect();
        // The weight of a change stays behind the columns.
        let extra = self.content.fields().len()..content.num_columns();
        fields.extend(content.schema_ref().fields()[extra.clone()].iter().cloned());
        columns.extend(content.columns()[extra].iter().cloned());
        let options = RecordBatchOptions::new().with_row_count(Some(content.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
    }
}

impl Metadata {
    fn of(name: &str, column: &ColumnDeclaration) -> Result<Self, TableError> {
        let Some((_, metadata)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let error = TableError::new(format!("a message has no metadata '{name}'")).with_column(&column.name);
            return Err(match nearest(name, NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error.with_hint("known: offset, partition, topic, timestamp, key, headers"),
            });
        };
        let fits = match metadata {
            Metadata::Key => matches!(column.data_type, DataType::Utf8 | DataType::Binary),
            Metadata::Headers => column.data_type == DataType::Utf8,
            other => can_cast_types(&other.data_type(), &column.data_type),
        };
        match fits {
            true => Ok(*metadata),
            false => Err(TableError::new(format!("metadata '{name}' does not fit {}", column.data_type))
                .with_column(&column.name)
                .with_hint(match metadata {
                    Metadata::Key => "declare it as BYTEA or TEXT",
                    Metadata::Offset | Metadata::Partition => "declare it as BIGINT",
                    Metadata::Topic => "declare it as TEXT",
                    Metadata::Headers => "declare it as JSON",
                    Metadata::Timestamp => "declare it as TIMESTAMP(3)",
                })),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Metadata::Offset => DataType::Int64,
            Metadata::Partition => DataType::Int32,
            Metadata::Topic | Metadata::Headers => DataType::Utf8,
            Metadata::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Metadata::Key => DataType::Binary,
        }
    }

    /// A value a message.
    fn column(self, messages: &[OwnedMessage], data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let column: ArrayRef = match self {
            Metadata::Offset => Arc::new(Int64Array::from_iter_values(messages.iter().map(Message::offset))),
            Metadata::Partition => Arc::new(Int32Array::from_iter_values(messages.iter().map(Message::partition))),
            Metadata::Topic => Arc::new(StringArray::from_iter_values(messages.iter().map(Message::topic))),
            Metadata::Timestamp => {
                let times = messages.iter().map(|message| message.timestamp().to_millis());
                Arc::new(times.collect::<TimestampMillisecondArray>())
            }
            // A key that is declared as a text and is none is shown as well as it can be.
            Metadata::Key if *data_type == DataType::Utf8 => {
                let keys = messages.iter().map(|message| message.key().map(String::from_utf8_lossy));
                Arc::new(keys.collect::<StringArray>())
            }
            Metadata::Headers => {
                Arc::new(messages.iter().map(|message| Some(headers_as_json(message))).collect::<StringArray>())
            }
            Metadata::Key => Arc::new(messages.iter().map(Message::key).collect::<BinaryArray>()),
        };
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(&column, data_type, &strict)
    }
}

/// The headers of a message as an object: a text a header, null for one without a value, and a list where a name comes
/// more than once. What is no text is shown as well as it can be.
fn headers_as_json(message: &OwnedMessage) -> String {
    let mut object: Map<String, Value> = Map::new();
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        let value = header.value.map_or(Value::Null, |value| String::from_utf8_lossy(value).into());
        match object.get_mut(header.key) {
            None => drop(object.insert(header.key.to_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(object).to_string()
}
