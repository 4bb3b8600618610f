//! CSV: a row a line, fields between commas, quoted where they must be. A field that is empty is null.

use std::sync::Arc;

use arrow::csv::reader::{Decoder, ReaderBuilder};
use arrow::csv::writer::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_plan::{Options, TableError};

use super::conform::conform;
use super::{Decoded, Record, decode_each};

/// The options of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CsvOptions {
    /// `csv.header`: the first line of a file names the columns; true where unsaid.
    pub(crate) header: bool,
}

impl CsvOptions {
    /// Reads the options.
    pub(crate) fn of(options: &Options) -> Result<Self, TableError> {
        Ok(CsvOptions { header: options.boolean("csv.header")?.unwrap_or(true) })
    }
}

/// Refuses columns that do not fit between commas.
///
/// # Errors
/// Names the column.
pub(crate) fn check_columns(schema: &Schema) -> Result<(), TableError> {
    let flat = |data_type: &DataType| {
        let dictionary_of_flat = matches!(data_type, DataType::Dictionary(_, value) if !value.is_nested());
        let bytes = matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
        dictionary_of_flat || !(data_type.is_nested() || bytes)
    };
    match schema.fields().iter().find(|field| !flat(field.data_type())) {
        None => Ok(()),
        Some(field) => {
            let error = TableError::new(format!("column '{}' of type {} is no csv", field.name(), field.data_type()));
            Err(error.with_option("format").with_column(field.name()).with_hint("write it as json or parquet"))
        }
    }
}

/// Reads lines into the declared columns.
#[derive(Debug)]
pub(crate) struct CsvDecoder {
    schema: SchemaRef,
    /// The columns of the lines, in their order.
    lines: SchemaRef,
    /// Which of them are declared.
    wanted: Vec<usize>,
    decoder: Decoder,
}

/// Lines that are parsed at once.
const LINES: usize = 8192;

impl CsvDecoder {
    /// A decoder of lines that have the declared columns in their order.
    ///
    /// # Errors
    /// When a column does not fit between commas.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, TableError> {
        check_columns(&schema)?;
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let lines = Arc::new(Schema::new(schema.fields().iter().map(nullable).collect::<Vec<_>>()));
        let wanted: Vec<usize> = (0..lines.fields().len()).collect();
        Ok(CsvDecoder { decoder: build(&lines, &wanted), schema, lines, wanted })
    }

    /// Learns the columns of the lines from the line that names them: declared ones are found by name, others are
    /// passed over.
    ///
    /// # Errors
    /// When the line is none of CSV, or lacks a column that is declared NOT NULL.
    pub(crate) fn read_header(&mut self, line: &[u8]) -> Result<(), String> {
        let names = header_names(line)?;
        let missing = |field: &&Arc<Field>| !field.is_nullable() && !names.contains(field.name());
        if let Some(field) = self.schema.fields().iter().find(missing) {
            return Err(format!("its first line does not name column {}, which is declared NOT NULL", field.name()));
        }
        let declared = |name: &String| self.schema.field_with_name(name).ok();
        let field = |name: &String| match declared(name) {
            Some(field) => field.clone().with_nullable(true),
            None => Field::new(name, DataType::Utf8, true),
        };
        self.wanted = (0..names.len()).filter(|index| declared(&names[*index]).is_some()).collect();
        self.lines = Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()));
        self.decoder = build(&self.lines, &self.wanted);
        Ok(())
    }

    /// Reads a run of records, a line each.
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        if let Ok(batches) = self.decode_run(records) {
            let batch = arrow::compute::concat_batches(&self.schema, &batches)?;
            let rows = records.iter().map(|record| usize::from(!is_blank(record))).collect();
            return Ok(Decoded { batch, rows, bad: Vec::new() });
        }
        let schema = Arc::clone(&self.schema);
        decode_each(&schema, records, |record| {
            // What a bad line left behind is not the next one's.
            self.decoder = build(&self.lines, &self.wanted);
            self.decode_run(std::slice::from_ref(record))
        })
    }

    fn decode_run(&mut self, records: &[Record<'_>]) -> Result<Vec<RecordBatch>, String> {
        let mut batches = Vec::new();
        for record in records.iter().filter(|record| !is_blank(record)) {
            if self.decoder.capacity() == 0 {
                batches.extend(self.flush()?);
            }
            let before = self.decoder.capacity();
            for bytes in [record.value, b"\n"] {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let read = self.decoder.decode(rest).map_err(|error| plain(&error))?;
                    if read == 0 {
                        return Err("it is more than one row".to_owned());
                    }
                    rest = &rest[read..];
                }
            }
            if self.decoder.capacity() + 1 != before {
                return Err("its quotes do not close on the line".to_owned());
            }
        }
        batches.extend(self.flush()?);
        Ok(batches)
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>, String> {
        let batch = self.decoder.flush().map_err(|error| plain(&error))?;
        batch.map(|batch| conform(&batch, &self.schema)).transpose()
    }
}

/// A line without anything is no row.
fn is_blank(record: &Record<'_>) -> bool {
    record.value.trim_ascii().is_empty()
}

fn build(lines: &SchemaRef, wanted: &[usize]) -> Decoder {
    let builder = ReaderBuilder::new(lines.clone()).with_batch_size(LINES);
    builder.with_projection(wanted.to_vec()).build_decoder()
}

/// The names in a line, read as a row of texts.
fn header_names(line: &[u8]) -> Result<Vec<String>, String> {
    let line = std::str::from_utf8(line).map_err(|error| error.to_string())?.trim_end_matches(['\r', '\n']);
    let format = arrow::csv::reader::Format::default().with_header(true);
    let (schema, _) = format.infer_schema(format!("{line}\n").as_bytes(), Some(0)).map_err(|error| plain(&error))?;
    Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
}

fn plain(error: &ArrowError) -> String {
    match error {
        ArrowError::CsvError(message) | ArrowError::ParseError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Writes rows as lines, after a line of the columns' names where `header` asks for it.
///
/// # Errors
/// When a column does not fit between commas.
pub(crate) fn encode_lines(batch: &RecordBatch, header: bool) -> Result<Vec<u8>, ArrowError> {
    let mut writer = WriterBuilder::new().with_header(header).build(Vec::new());
    writer.write(batch)?;
    Ok(writer.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
            Field::new("at", DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, None), true),
        ]))
    }

    fn decode(decoder: &mut CsvDecoder, lines: &[&str]) -> Decoded {
        let records: Vec<Record<'_>> = lines.iter().map(|line| Record::from(line.as_bytes())).collect();
        decoder.decode(&records).unwrap()
    }

    fn written(batch: &RecordBatch, header: bool) -> String {
        String::from_utf8(encode_lines(batch, header).unwrap()).unwrap()
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let lines = ["1,\"a, \"\"b\"\"\",2023-09-18T14:00:00.250", "2,,", "3,ü,2023-09-18T14:00:00"];
        let mut decoder = CsvDecoder::new(schema()).unwrap();
        let decoded = decode(&mut decoder, &[lines[0], lines[1], "", lines[2]]);
        assert_eq!((decoded.rows, decoded.bad), (vec![1, 1, 0, 1], vec![]));
        assert_eq!(written(&decoded.batch, true), format!("id,name,at\n{}\n", lines.join("\n")));
    }

    #[test]
    fn a_header_says_which_column_is_which() {
        let mut decoder = CsvDecoder::new(schema()).unwrap();
        decoder.read_header(b"other,\"name\",id\r\n").unwrap();
        assert_eq!(written(&decode(&mut decoder, &["x,a,1", "y,b,2"]).batch, false), "1,a,\n2,b,\n");
        let error = decoder.read_header(b"name,other").unwrap_err();
        assert_eq!(error, "its first line does not name column id, which is declared NOT NULL");
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_are_read() {
        let mut decoder = CsvDecoder::new(schema()).unwrap();
        let lines = ["1,a,", "one,b,", "2,c", "\"3,d,", "4,\"e\nf\",", ",g,", "5,h,"];
        let decoded = decode(&mut decoder, &lines);
        assert_eq!(decoded.rows, [1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(decoded.bad.iter().map(|bad| bad.index).collect::<Vec<_>>(), [1, 2, 3, 5]);
        assert!(decoded.bad[0].reason.contains("one"), "{}", decoded.bad[0].reason);
        assert_eq!(decoded.bad[2].reason, "its quotes do not close on the line");
        assert_eq!(decoded.bad[3].reason, "column id is null");
    }

    #[test]
    fn runs_longer_than_a_batch_keep_every_row() {
        let mut decoder = CsvDecoder::new(schema()).unwrap();
        let decoded = decode(&mut decoder, &vec!["7,x,"; LINES * 2 + 1]);
        assert_eq!(decoded.batch.num_rows(), LINES * 2 + 1);
    }

    #[test]
    fn nested_columns_are_refused_by_name() {
        let inner = Field::new("a", DataType::Int64, true);
        let nested = Schema::new(vec![Field::new("s", DataType::Struct(vec![inner].into()), true)]);
        assert_eq!(check_columns(&nested).unwrap_err().column.as_deref(), Some("s"));
    }
}
