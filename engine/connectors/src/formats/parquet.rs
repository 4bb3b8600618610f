//! Rows to Parquet files: the writer's options and the encoding of a whole file.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use headwater_plan::{Options, TableError};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// The options of the format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ParquetOptions {
    compression: Compression,
    row_group_rows: usize,
}

impl ParquetOptions {
    /// Reads `parquet.compression` (zstd where unsaid) and `parquet.row_group_size`, in rows.
    pub(crate) fn of(options: &Options) -> Result<Self, TableError> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let codecs = [
            ("zstd", zstd),
            ("snappy", Compression::SNAPPY),
            ("lz4", Compression::LZ4_RAW),
            ("none", Compression::UNCOMPRESSED),
            ("uncompressed", Compression::UNCOMPRESSED),
        ];
        let compression = options.choice("parquet.compression", &codecs)?.unwrap_or(zstd);
        let row_group_rows = options.number("parquet.row_group_size")?.unwrap_or(1 << 20);
        if row_group_rows == 0 {
            return Err(TableError::new("a row group needs at least one row").with_option("parquet.row_group_size"));
        }
        Ok(ParquetOptions { compression, row_group_rows })
    }

    /// The bytes of a file with these rows.
    ///
    /// # Errors
    /// When Parquet cannot hold one of the columns' types.
    pub(crate) fn encode(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(self.compression)
            .set_max_row_group_row_count(Some(self.row_group_rows))
            .set_created_by(concat!("headwater ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    }
}
