//! Connectors that know what a table looks like and open nothing.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use headwater_core::lookup::{LookupCache, LookupFactoryRef};
use headwater_core::sink::{Committer, Sink, SinkContext, SinkFactory, SinkFactoryRef};
use headwater_core::source::SourceFactoryRef;
use headwater_core::source::{Source, SourceContext, SourceFactory};
use headwater_core::{ConnectorError, Lookup, LookupFactory, StreamSchema};
use headwater_plan::{ConnectorTable, Connectors, SinkSpec, TableDeclaration, TableError, no_lookup};

/// `log` (read and written, with columns), `clock` (read, with columns of its own), `camera` (the same, with
/// dictionaries), `directory` (looked up), `print` (written), and the two that the planner asks for by itself.
#[derive(Debug)]
pub(crate) struct Fake;

impl Connectors for Fake {
    fn names(&self) -> Vec<String> {
        ["camera", "clock", "directory", "log", "print"].map(str::to_owned).to_vec()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        declaration.options.choice("type", &[("source", ()), ("sink", ())])?;
        match declaration.connector.as_str() {
            "log" => log(&declaration),
            "clock" => {
                declaration.options.number::<f64>("event_rate")?;
                declaration.options.finish()?;
                Ok(read(clock_columns(), Some(("at".to_owned(), Duration::from_secs(2))), true))
            }
            "camera" => {
                declaration.options.finish()?;
                Ok(read(camera_columns(), Some(("ts".to_owned(), Duration::from_secs(1))), false))
            }
            "print" | "preview" => {
                declaration.options.finish()?;
                Ok(written())
            }
            "materialized_view" => {
                declaration.options.interval("retention")?;
                declaration.options.finish()?;
                Ok(written())
            }
            other => Err(TableError::new(format!("unknown connector '{other}'"))),
        }
    }

    fn lookup(&self, declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
        if declaration.connector != "directory" {
            return Err(no_lookup(&declaration.connector));
        }
        declaration.options.finish()?;
        Ok(Arc::new(FakeLookup { schema: declared(&declaration) }))
    }
}

fn declared(declaration: &TableDeclaration) -> SchemaRef {
    let field = |column: &headwater_plan::ColumnDeclaration| {
        Field::new(&column.name, column.data_type.clone(), column.nullable)
    };
    Arc::new(Schema::new(declaration.columns.iter().map(field).collect::<Vec<_>>()))
}

fn log(declaration: &TableDeclaration) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    options.required_text("topic")?;
    let upserts = options.text("format")? == Some("upsert_json");
    let of_records = upserts || options.choice("format", &[("json", true), ("arrow", false)])?.unwrap_or(true);
    options.interval("flush")?;
    let bad = [("drop", false), ("dead_letter", true)];
    let gives_bad_records = options.choice("bad_data", &bad)?.unwrap_or(false) && of_records;
    options.number::<u32>("partitions")?;
    options.list("keys")?;
    options.finish()?;
    for column in &declaration.columns {
        if let Some(key) = &column.metadata
            && !["offset", "key"].contains(&key.as_str())
        {
            let error = TableError::new(format!("there is no metadata '{key}'")).with_column(&column.name);
            return Err(error.with_hint("use one of offset, key"));
        }
    }
    if declaration.columns.is_empty() {
        return Ok(written());
    }
    let schema = declared(declaration);
    let source = FakeSource { schema: schema.clone(), parallel: true, gives_bad_records, upserts };
    let mut table = ConnectorTable { source: Some(Arc::new(source)), ..read(schema, None, true) };
    table.sink = Some(Arc::new(FakeSink));
    Ok(table)
}

fn read(schema: SchemaRef, event_time: Option<(String, Duration)>, parallel: bool) -> ConnectorTable {
    let source = FakeSource { schema: schema.clone(), parallel, gives_bad_records: false, upserts: false };
    ConnectorTable { columns: Some(schema), event_time, idle_after: None, source: Some(Arc::new(source)), sink: None }
}

fn written() -> ConnectorTable {
    ConnectorTable { columns: None, event_time: None, idle_after: None, source: None, sink: Some(Arc::new(FakeSink)) }
}

fn clock_columns() -> SchemaRef {
    let at = DataType::Timestamp(TimeUnit::Nanosecond, None);
    Arc::new(Schema::new(vec![Field::new("counter", DataType::Int64, false), Field::new("at", at, false)]))
}

fn camera_columns() -> SchemaRef {
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    Arc::new(Schema::new(vec![
        Field::new("device_id", text(), false),
        Field::new("camera_id", text(), false),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
        Field::new("persons_detected", DataType::UInt16, false),
        Field::new("energy_mj", DataType::Float32, true),
    ]))
}

#[derive(Debug)]
struct FakeSource {
    schema: SchemaRef,
    parallel: bool,
    gives_bad_records: bool,
    upserts: bool,
}

#[async_trait]
impl SourceFactory for FakeSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn updating(&self) -> bool {
        self.upserts
    }

    fn upserts(&self) -> bool {
        self.upserts
    }

    fn bounded(&self) -> bool {
        false
    }

    fn parallel(&self) -> bool {
        self.parallel
    }

    fn gives_bad_records(&self) -> bool {
        self.gives_bad_records
    }

    fn fingerprint(&self) -> String {
        "fake".to_owned()
    }

    async fn open(&self, _context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        Err(ConnectorError::fatal("fake", "table", "open it", "it is only planned"))
    }
}

#[derive(Debug)]
struct FakeSink;

impl SinkSpec for FakeSink {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        let visible = schema.visible();
        let written = |field: &Arc<Field>| !matches!(field.data_type(), DataType::Interval(_));
        match visible.fields().iter().find(|field| !written(field)) {
            Some(field) => {
                Err(TableError::new(format!("column '{}' is an INTERVAL, which cannot be written", field.name())))
            }
            None => Ok(Arc::new(FakeSinkFactory)),
        }
    }
}

#[derive(Debug)]
struct FakeSinkFactory;

#[async_trait]
impl SinkFactory for FakeSinkFactory {
    async fn open(&self, _context: SinkContext) -> Result<Box<dyn Sink>, ConnectorError> {
        Err(ConnectorError::fatal("fake", "table", "open it", "it is only planned"))
    }

    async fn committer(&self, _job: &str, _node: usize) -> Result<Option<Arc<dyn Committer>>, ConnectorError> {
        Ok(None)
    }
}

#[derive(Debug)]
struct FakeLookup {
    schema: SchemaRef,
}

#[async_trait]
impl LookupFactory for FakeLookup {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn key(&self) -> usize {
        0
    }

    fn cache(&self) -> Option<LookupCache> {
        None
    }

    fn rows(&self) -> Option<SourceFactoryRef> {
        None
    }

    async fn open(&self) -> Result<Box<dyn Lookup>, ConnectorError> {
        Err(ConnectorError::fatal("directory", "fake", "open it", "it only knows what it looks like"))
    }
}
