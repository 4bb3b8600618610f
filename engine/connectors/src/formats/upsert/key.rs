//! The primary key out of what stands beside a record: the text of a column, or a JSON object of several, as the Kafka
//! sink writes it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, StringArray};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::error::ArrowError;
use headwater_plan::TableError;

use super::{Found, one_row_each};
use crate::formats::json::{JsonDecoder, TimestampFormat};
use crate::formats::{Record, UPSERT, unreadable};

/// Reads the columns of the key.
pub(super) enum KeyDecoder {
    /// The text of a column, or its bytes.
    Text(FieldRef),
    /// An object of columns.
    Object(Box<JsonDecoder>),
}

impl KeyDecoder {
    /// Of these columns, at least one.
    ///
    /// # Errors
    /// When they cannot be read from a key.
    pub(super) fn new(columns: SchemaRef) -> Result<Self, TableError> {
        match columns.fields().as_ref() {
            [only] if can_cast_types(only.data_type(), &DataType::Utf8) => Self::of_text(only),
            _ => {
                let decoder = JsonDecoder::new(columns.clone(), TimestampFormat::Rfc3339);
                let decoder = decoder.map_err(|error| unreadable(UPSERT, &columns, &error))?;
                Ok(KeyDecoder::Object(Box::new(decoder)))
            }
        }
    }

    fn of_text(column: &FieldRef) -> Result<Self, TableError> {
        let from_text = can_cast_types(&DataType::Utf8, column.data_type());
        match from_text && !column.data_type().is_nested() {
            true => Ok(KeyDecoder::Text(column.clone())),
            false => {
                let (name, data_type) = (column.name(), column.data_type());
                let error = TableError::new(format!("the key '{name}' of type {data_type} cannot be read from a text"));
                Err(error.with_column(name).with_hint("declare it as TEXT"))
            }
        }
    }

    /// The keys of a run of records.
    pub(super) fn decode(&mut self, records: &[Record<'_>]) -> Result<Found, ArrowError> {
        match self {
            KeyDecoder::Text(column) if *column.data_type() == DataType::Binary => {
                let keys: BinaryArray = records.iter().map(|record| record.key).collect();
                Ok(found(Arc::new(keys), records, "bytes"))
            }
            KeyDecoder::Text(column) => {
                let texts = records.iter().map(|record| record.key.and_then(|key| std::str::from_utf8(key).ok()));
                let texts: StringArray = texts.collect();
                let safe = CastOptions { safe: true, ..CastOptions::default() };
                let keys = cast_with_options(&texts, column.data_type(), &safe)?;
                Ok(found(keys, records, &column.data_type().to_string()))
            }
            KeyDecoder::Object(decoder) => {
                let with_key = records.iter().filter_map(|record| record.key).map(Record::from);
                let Found { columns, rows } = one_row_each(decoder, &with_key.collect::<Vec<_>>())?;
                let mut objects = rows.into_iter();
                let row = |record: &Record<'_>| match record.key.and_then(|_| objects.next()) {
                    Some(row) => row.map_err(|reason| format!("its key: {reason}")),
                    None => Err(NO_KEY.to_owned()),
                };
                Ok(Found { rows: records.iter().map(row).collect(), columns })
            }
        }
    }
}

const NO_KEY: &str = "it has no key";

/// A key a record, none of which may be null.
fn found(keys: ArrayRef, records: &[Record<'_>], data_type: &str) -> Found {
    let row = |(row, record): (usize, &Record<'_>)| match record.key {
        None => Err(NO_KEY.to_owned()),
        Some(key) if keys.is_null(row) => Err(format!("its key '{}' is no {data_type}", String::from_utf8_lossy(key))),
        Some(_) => Ok(row),
    };
    let rows = records.iter().enumerate().map(row).collect();
    Found { rows, columns: vec![keys] }
}
