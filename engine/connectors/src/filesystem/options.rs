//! What `WITH (…)` says about files: their format, how they are partitioned, and when one is full.

use std::time::Duration;

use headwater_core::time::EventTime;
use headwater_plan::{Options, TableError};

use super::partition::format_time;
use crate::formats::RecordFormat;
use crate::formats::parquet::ParquetOptions;

/// How rows stand in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FileFormat {
    /// Parquet.
    Parquet(ParquetOptions),
    /// One Arrow IPC stream.
    Arrow,
    /// Lines: JSON, changes, CSV or texts.
    Lines(RecordFormat),
}

impl FileFormat {
    /// Reads the option `format` (`parquet` where unsaid) and those of the format.
    pub(super) fn of(options: &Options) -> Result<Self, TableError> {
        let parquet = ParquetOptions::of(options)?;
        let names = ["parquet", "json", "debezium_json", "csv", "raw_string", "raw_bytes", "arrow"];
        Ok(match RecordFormat::of(options, &names)? {
            None => FileFormat::Parquet(parquet),
            Some(RecordFormat::Arrow) => FileFormat::Arrow,
            Some(format) => FileFormat::Lines(format),
        })
    }

    /// What file names end in.
    pub(super) fn extension(&self) -> &'static str {
        match self {
            FileFormat::Parquet(_) => "parquet",
            FileFormat::Arrow => "arrow",
            FileFormat::Lines(RecordFormat::Csv(_)) => "csv",
            FileFormat::Lines(RecordFormat::Raw) => "txt",
            FileFormat::Lines(RecordFormat::RawBytes) => "bin",
            FileFormat::Lines(_) => "json",
        }
    }

    /// Whether files hold changes, so that reading them gives a changelog.
    pub(super) fn is_changelog(&self) -> bool {
        matches!(self, FileFormat::Lines(format) if format.is_changelog())
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
