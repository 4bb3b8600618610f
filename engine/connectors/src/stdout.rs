//! `stdout` and `preview`: rows as JSON, one a line, for eyes and pipes.

use std::io::Write;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::sink::{SinkFactoryRef, Staged};
use headwater_core::{Committer, ConnectorError, Epoch, Sink, SinkContext, SinkFactory, StreamSchema};
use headwater_plan::{ConnectorTable, SinkSpec, TableDeclaration, TableError};

use crate::columns::{Sides, declared_schema};
use crate::formats::json::{JsonOptions, TimestampFormat, encode_lines};
use crate::set::ConnectorSettings;

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    Sides::sink_only(&declaration.connector, options)?;
    options.choice("format", &[("json", ())])?;
    let json = JsonOptions::of(options)?;
    options.finish()?;
    let sink = Arc::new(Stdout { timestamps: json.timestamps });
    Ok(ConnectorTable {
        columns: declared_schema(&declaration.columns),
        event_time: None,
        idle_after: None,
        source: None,
        sink: Some(sink),
    })
}

#[derive(Clone, Debug)]
struct Stdout {
    timestamps: TimestampFormat,
}

impl SinkSpec for Stdout {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        append_only("stdout", schema)?;
        Ok(Arc::new(self.clone()))
    }
}

/// Refuses a changelog for a sink that only adds rows.
pub(crate) fn append_only(connector: &str, schema: &StreamSchema) -> Result<(), TableError> {
    match schema.is_updating() {
        false => Ok(()),
        true => Err(TableError::new(format!("connector '{connector}' only adds rows and cannot take back any"))
            .with_hint("the query's result changes; group it by a window to have each row once")),
    }
}

#[async_trait]
impl SinkFactory for Stdout {
    async fn open(&self, _: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        Ok(Box::new(LineSink { timestamps: self.timestamps, out: Box::new(std::io::stdout()) }))
    }

    async fn committer(&self, _: &str, _: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

struct LineSink {
    timestamps: TimestampFormat,
    out: Box<dyn Write + Send>,
}

#[async_trait]
impl Sink for LineSink {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), ConnectorError> {
        let failed = |step: &str, source: headwater_core::error::BoxError| {
            ConnectorError::fatal("stdout", "standard output", step, source)
        };
        let lines =
            encode_lines(&batch, self.timestamps).map_err(|error| failed("write rows as json", error.into()))?;
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
        let mut sink = LineSink { timestamps: TimestampFormat::Rfc3339, out: Box::new(shared.clone()) };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        sink.write(RecordBatch::try_from_iter([("n", column)]).unwrap()).await.unwrap();
        assert_eq!(String::from_utf8(shared.0.lock().unwrap().clone()).unwrap(), "{\"n\":1}\n{\"n\":null}\n");
    }
}
