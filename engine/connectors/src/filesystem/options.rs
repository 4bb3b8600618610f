//! What `WITH (…)` says about files: their format, how they are partitioned, and when one is full.

use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use headwater_core::error::BoxError;
use headwater_core::time::EventTime;
use headwater_plan::{Options, TableError};

use super::partition::format_time;
use crate::formats::json::{JsonOptions, TimestampFormat, encode_lines};
use crate::formats::parquet::ParquetOptions;

/// How rows stand in a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FileFormat {
    /// Parquet.
    Parquet(ParquetOptions),
    /// JSON lines.
    Json(TimestampFormat),
}

impl FileFormat {
    /// Reads the option `format` (`parquet` where unsaid) and those of the format.
    pub(super) fn of(options: &Options) -> Result<Self, TableError> {
        let parquet = ParquetOptions::of(options)?;
        let json = JsonOptions::of(options)?;
        Ok(match options.choice("format", &[("parquet", true), ("json", false)])?.unwrap_or(true) {
            true => FileFormat::Parquet(parquet),
            false => FileFormat::Json(json.timestamps),
        })
    }

    /// What file names end in.
    pub(super) fn extension(&self) -> &'static str {
        match self {
            FileFormat::Parquet(_) => "parquet",
            FileFormat::Json(_) => "json",
        }
    }

    /// The bytes of a file with these rows.
    ///
    /// # Errors
    /// When the format cannot hold one of the columns' types.
    pub(super) fn encode(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, BoxError> {
        match self {
            FileFormat::Parquet(options) => Ok(options.encode(schema, batches)?),
            FileFormat::Json(timestamps) => {
                let mut bytes = Vec::new();
                for batch in batches {
                    bytes.extend(encode_lines(batch, *timestamps)?);
                }
                Ok(bytes)
            }
        }
    }
}

/// How rows are dealt out to files.
#[derive(Clone, Debug)]
pub(super) struct SinkOptions {
    /// The columns that become folders, `column=value`.
    pub(super) partition_fields: Vec<String>,
    /// A pattern of strftime over the event time, which becomes folders before those of the columns.
    pub(super) time_pattern: Option<String>,
    /// When a file is full.
    pub(super) rolling: Rolling,
}

/// When a file is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rolling {
    /// At this many bytes of rows in memory. Encoded and compressed they are fewer.
    pub(super) bytes: usize,
    /// This long after its first row.
    pub(super) interval: Duration,
    /// This long after its last row.
    pub(super) inactivity: Option<Duration>,
}

impl SinkOptions {
    /// Reads the options of the sink.
    pub(super) fn of(options: &Options) -> Result<Self, TableError> {
        let time_pattern = options.text("time_pattern")?.map(str::to_owned);
        if let Some(pattern) = &time_pattern
            && format_time(EventTime(0), pattern).is_none()
        {
            return Err(TableError::new(format!("option 'time_pattern' cannot be '{pattern}'"))
                .with_option("time_pattern")
                .with_hint("write a pattern as 'date=%Y-%m-%d/hour=%-H'"));
        }
        Ok(SinkOptions {
            partition_fields: options.list("partition_fields")?.unwrap_or_default(),
            time_pattern,
            rolling: Rolling {
                bytes: options.number("rolling.file_size")?.unwrap_or(64 << 20),
                interval: options.interval("rolling.interval")?.unwrap_or(Duration::from_secs(60)),
                inactivity: options.interval("rolling.inactivity")?,
            },
        })
    }
}
