//! Timestamps as numbers: the columns as they stand in JSON, and the way between them and the declared ones.

use std::sync::Arc;

use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::TimestampFormat;

/// The columns as they are read: arrow-json takes a number for a timestamp in the column's own unit, so milliseconds
/// need columns of milliseconds.
pub(super) fn wire_schema(schema: &SchemaRef, format: TimestampFormat) -> SchemaRef {
    match format {
        TimestampFormat::Rfc3339 => Arc::clone(schema),
        TimestampFormat::UnixMillis => Arc::new(Schema::new(map_fields(schema.fields(), &millis))),
    }
}

/// The declared columns from those that were read.
pub(super) fn from_wire(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    match batch.schema_ref() == schema {
        true => Ok(batch.clone()),
        false => cast_all(batch, schema),
    }
}

/// The columns as they are written: numbers of milliseconds, where that is asked for.
pub(super) fn to_wire(batch: &RecordBatch, format: TimestampFormat) -> Result<RecordBatch, ArrowError> {
    match format {
        TimestampFormat::Rfc3339 => Ok(batch.clone()),
        TimestampFormat::UnixMillis => {
            let in_millis = Arc::new(Schema::new(map_fields(batch.schema_ref().fields(), &millis)));
            let as_number = Arc::new(Schema::new(map_fields(in_millis.fields(), &number)));
            cast_all(&cast_all(batch, &in_millis)?, &as_number)
        }
    }
}

fn millis(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Millisecond, zone.clone())),
        _ => None,
    }
}

fn number(data_type: &DataType) -> Option<DataType> {
    matches!(data_type, DataType::Timestamp(..)).then_some(DataType::Int64)
}

fn map_fields(fields: &Fields, change: &impl Fn(&DataType) -> Option<DataType>) -> Fields {
    fields.iter().map(|field| map_field(field, change)).collect()
}

fn map_field(field: &FieldRef, change: &impl Fn(&DataType) -> Option<DataType>) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(inner) => DataType::Struct(map_fields(inner, change)),
        DataType::List(inner) => DataType::List(map_field(inner, change)),
        other => change(other).unwrap_or_else(|| other.clone()),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

fn cast_all(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let pairs = batch.columns().iter().zip(schema.fields());
    let columns = pairs.map(|(column, field)| cast_with_options(column, field.data_type(), &strict));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
