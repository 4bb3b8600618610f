//! The few column kinds that the schemas use: how a field is declared, built and read back.
//!
//! Not a general Arrow toolkit: dictionary text, millisecond timestamps and plain numbers are all that travels.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, StringArray, StringDictionaryBuilder,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit};

use super::BatchError;

/// Text of few distinct values: 32-bit keys into the values of the same message.
pub(super) fn text(name: &str) -> Field {
    Field::new(name, text_type(), false)
}

/// Event time: milliseconds since the epoch in UTC, without a zone.
pub(super) fn time(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Millisecond, None), false)
}

/// A number that every row has.
pub(super) fn number(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

/// A number that a row may lack.
pub(super) fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

pub(super) fn schema_of(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Builds a dictionary column; equal texts share one value.
pub(super) fn text_column<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    values.for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

/// Builds a column of numbers that are all there.
pub(super) fn number_column<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// Builds a column of numbers of which some may be missing.
pub(super) fn optional_column<T: ArrowPrimitiveType>(values: impl Iterator<Item = Option<T::Native>>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter(values))
}

/// Reads the columns of a batch by name and type.
pub(super) struct Columns<'a> {
    batch: &'a RecordBatch,
    schema: &'static str,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch, schema: &'static str) -> Self {
        Self { batch, schema }
    }

    /// A dictionary column, a shared text a row.
    pub(super) fn text(&self, column: &'static str) -> Result<Vec<Arc<str>>, BatchError> {
        let wrong = || self.wrong(column, &text_type());
        let array = self.batch.column_by_name(column).ok_or_else(wrong)?;
        let array = array.as_any().downcast_ref::<DictionaryArray<Int32Type>>().ok_or_else(wrong)?;
        let values = array.values().as_any().downcast_ref::<StringArray>().ok_or_else(wrong)?;
        let shared: Vec<Option<Arc<str>>> = values.iter().map(|value| value.map(Arc::from)).collect();
        let text_at = |row| array.key(row).and_then(|key| shared.get(key)?.clone());
        (0..array.len()).map(|row| text_at(row).ok_or(BatchError::Null { column, row })).collect()
    }

    /// A column of numbers that are all there.
    pub(super) fn number<T: ArrowPrimitiveType>(&self, column: &'static str) -> Result<&'a [T::Native], BatchError> {
        let array = self.optional::<T>(column)?;
        match (0..array.len()).find(|&row| array.is_null(row)) {
            Some(row) => Err(BatchError::Null { column, row }),
            None => Ok(array.values()),
        }
    }

    /// A column of numbers of which some may be missing.
    pub(super) fn optional<T: ArrowPrimitiveType>(
        &self,
        column: &'static str,
    ) -> Result<&'a PrimitiveArray<T>, BatchError> {
        let wrong = || self.wrong(column, &T::DATA_TYPE);
        let array = self.batch.column_by_name(column).ok_or_else(wrong)?;
        array.as_any().downcast_ref::<PrimitiveArray<T>>().ok_or_else(wrong)
    }

    fn wrong(&self, column: &'static str, expected: &DataType) -> BatchError {
        BatchError::Column { schema: self.schema, column, expected: expected.to_string() }
    }
}

/// The value of a row, or nothing where it is missing.
pub(super) fn value_at<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    array.is_valid(row).then(|| array.value(row))
}
