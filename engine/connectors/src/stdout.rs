//! `stdout` and `preview`: rows as JSON, one a line, for eyes and pipes. A result that changes is shown as its changes,
//! `debezium_json`, unless a format is asked for.

use std::io::Write;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{ConnectorTable, SinkSpec, TableDeclaration, TableError};

use crate::columns::{Sides, declared_schema};
use crate::formats::RecordFormat;
use crate::formats::json::JsonOptions;
use crate::formats::rows::LineEncoder;
use crate::set::ConnectorSettings;

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    Sides::sink_only(&declaration.connector, options)?;
    let asked = options.raw("format").is_some();
    let format = RecordFormat::of(options, &["json", "debezium_json", "csv"])?.filter(|_| asked);
    let json = JsonOptions::of(options)?;
    options.finish()?;
    let sink = Stdout { connector: declaration.connector, format, json, primary_key: declaration.primary_key };
    Ok(ConnectorTable {
        columns: declared_schema(&declaration.columns),
        event_time: None,
        idle_after: None,
        source: None,
        sink: Some(Arc::new(sink)),
    })
}

#[derive(Debug)]
struct Stdout {
    connector: String,
    /// The one that was asked for.
    format: Option<RecordFormat>,
    json: JsonOptions,
    primary_key: Vec<String>,
}

impl SinkSpec for Stdout {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let format = match &self.format {
            Some(format) => format.clone(),
            None if schema.is_updating() => RecordFormat::Debezium(self.json.timestamps),
            None => RecordFormat::Json(self.json),
        };
        let encoder = LineEncoder::new(&self.connector, &format, schema, &self.primary_key)?;
        Ok(Arc::new(StdoutFactory { encoder }))
    }
}

#[derive(Debug)]
struct StdoutFactory {
    encoder: LineEncoder,
}

#[async_trait]
impl SinkFactory for StdoutFactory {
    fn wants_hidden_columns(&self) -> bool {
        self.encoder.wants_hidden_columns()
    }

    async fn open(&self, _: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        Ok(Box::new(LineSink { encoder: self.encoder.clone(), written: false, out: Box::new(std::io::stdout()) }))
    }

    async fn committer(&self, _: &str, _: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

struct LineSink {
    encoder: LineEncoder,
    written: bool,
    out: Box<dyn Write + Send>,
}

#[async_trait]
impl Sink for LineSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let failed = |step: &str, source: headwater_core::error::BoxError| {
            ConnectorError::fatal("stdout", "standard output", step, source)
        };
        let lines = self.encoder.encode(&batch, !self.written);
        let lines = lines.map_err(|error| failed("write rows as lines", error.into()))?;
        self.written = true;
        // One call for all lines, so that those of two instances do not mix.
        self.out.write_all(&lines).and_then(|()| self.out.flush()).map_err(|error| failed("write", error.into()))
    }

    async fn stage(&mut self, _: Epoch, _: bool) -> Result<Staged, ConnectorError> {
        Ok(Staged::default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::datatypes::{DataType, Field, Schema};
    use headwater_plan::{OptionValue, Options};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn rows_are_lines() {
        let shared = Shared::default();
        let schema = StreamSchema::append_only(&Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let encoder = LineEncoder::new("stdout", &RecordFormat::Json(JsonOptions::default()), &schema, &[]).unwrap();
        let mut sink = LineSink { encoder, written: false, out: Box::new(shared.clone()) };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        sink.write(RecordBatch::try_from_iter([("n", column)]).unwrap()).await.unwrap();
        assert_eq!(String::from_utf8(shared.0.lock().unwrap().clone()).unwrap(), "{\"n\":1}\n{\"n\":null}\n");
    }

    fn bind(options: &[(&str, &str)], schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
        let declaration = TableDeclaration {
            name: "t".into(),
            connector: "preview".into(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            options: Options::new(options.iter().map(text)),
        };
        declare(&ConnectorSettings::default(), declaration).unwrap().sink.unwrap().bind(schema)
    }

    #[test]
    fn a_changelog_is_shown_as_changes_unless_another_format_is_asked_for() {
        let columns = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
        let changelog = StreamSchema::updating(&columns);
        assert!(bind(&[], &changelog).unwrap().wants_hidden_columns());
        assert!(bind(&[("format", "debezium_json")], &changelog).unwrap().wants_hidden_columns());
        assert!(!bind(&[], &StreamSchema::append_only(&columns)).unwrap().wants_hidden_columns());
        let error = bind(&[("format", "json")], &changelog).unwrap_err();
        assert_eq!(
            error.message,
            "the query's result is a changelog, and format 'json' of connector 'preview' cannot take rows back"
        );
        let hint = "use format = 'debezium_json', or group the query by a window to have each row once";
        assert_eq!((error.option.as_deref(), error.hint.as_deref()), (Some("format"), Some(hint)));
    }
}
