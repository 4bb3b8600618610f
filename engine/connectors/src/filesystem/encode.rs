//! From the rows of a file to its bytes.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use headwater_core::StreamSchema;
use headwater_core::error::BoxError;
use headwater_plan::TableError;

use super::options::FileFormat;
use crate::formats::arrow::encode_all;
use crate::formats::parquet::ParquetOptions;
use crate::formats::rows::{LineEncoder, append_only};

/// Writes whole files.
#[derive(Clone, Debug)]
pub(super) enum FileEncoder {
    Parquet(ParquetOptions),
    Arrow,
    Lines(LineEncoder),
}

impl FileEncoder {
    /// An encoder of files with the rows of `schema`.
    ///
    /// # Errors
    /// When the format cannot hold one of the columns, or is given a changelog that it cannot take.
    pub(super) fn new(format: &FileFormat, schema: &StreamSchema, primary_key: &[String]) -> Result<Self, TableError> {
        let encoder = match format {
            FileFormat::Lines(format) => {
                return Ok(FileEncoder::Lines(LineEncoder::new("filesystem", format, schema, primary_key)?));
            }
            FileFormat::Parquet(options) => FileEncoder::Parquet(*options),
            FileFormat::Arrow => FileEncoder::Arrow,
        };
        append_only("filesystem", Some(format.extension()), &["debezium_json"], schema)?;
        // A type that the format cannot hold is found here and not when the first file is full.
        encoder.encode(&schema.visible(), &[]).map_err(|error| {
            TableError::new(format!("the columns cannot be written: {error}")).with_option("format")
        })?;
        Ok(encoder)
    }

    /// Whether rows must keep their hidden columns.
    pub(super) fn wants_hidden_columns(&self) -> bool {
        matches!(self, FileEncoder::Lines(lines) if lines.wants_hidden_columns())
    }

    /// The bytes of a file with these rows.
    ///
    /// # Errors
    /// When a value does not fit the format.
    pub(super) fn encode(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, BoxError> {
        match self {
            FileEncoder::Parquet(options) => Ok(options.encode(schema, batches)?),
            FileEncoder::Arrow => Ok(encode_all(schema, batches)?),
            FileEncoder::Lines(lines) => {
                let mut bytes = Vec::new();
                for batch in batches {
                    bytes.extend(lines.encode(batch, bytes.is_empty())?);
                }
                Ok(bytes)
            }
        }
    }
}
