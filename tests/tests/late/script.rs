//! Tables that are read in one order whatever the machine does: a script deals the batches of all its tables one by one,
//! and each only once a checkpoint with the one before it is complete. By then every row of that one has come through the
//! whole graph, the watermark behind it too, and folded changes have been written. Sinks are real files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, TimestampSecondArray};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent, SourceFactory};
use headwater_plan::{ConnectorTable, Connectors, TableDeclaration, TableError};
use tokio::sync::watch;

/// Where the seconds of a script begin, in seconds since the epoch.
const BEGIN: i64 = 1_700_000_000;

/// The name of the connector. Its tables have the columns `id`, the number of the row in the script, `sec`, and
/// `ts`.
const CONNECTOR: &str = "script";

/// Longer than anything is silent here.
const NEVER_IDLE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A row of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) second: i64,
}

/// The batches of all tables in order: whose it is, and the seconds of its rows.
pub(crate) type Steps = &'static [(&'static str, &'static [i64])];

/// The rows of each step.
pub(crate) fn rows(steps: Steps) -> Vec<(&'static str, Vec<Row>)> {
    let mut ids = 0..;
    let mut row = |second: &i64| Row { id: ids.next().unwrap_or_default(), second: *second };
    steps.iter().map(|(table, seconds)| (*table, seconds.iter().map(&mut row).collect())).collect()
}

/// The connectors of a script: its tables, and everything else as it is.
#[derive(Debug)]
pub(crate) struct Scripted {
    steps: Steps,
    /// How many steps are part of a checkpoint.
    turn: Arc<watch::Sender<usize>>,
    others: ConnectorSet,
}

impl Scripted {
    /// Of these steps; files are in `folder`.
    pub(crate) fn new(steps: Steps, folder: &Path) -> Self {
        let settings = ConnectorSettings { base_dir: folder.to_owned(), ..ConnectorSettings::default() };
        Scripted { steps, turn: Arc::new(watch::Sender::new(0)), others: ConnectorSet::new(settings) }
    }
}

impl Connectors for Scripted {
    fn names(&self) -> Vec<String> {
        let mut names = self.others.names();
        names.push(CONNECTOR.to_owned());
        names
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        if declaration.connector != CONNECTOR {
            return self.others.table(declaration);
        }
        let columns = declaration.columns.iter();
        let fields: Vec<Field> =
            columns.map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let factory = ScriptFactory {
            table: declaration.name,
            schema: schema.clone(),
            steps: self.steps,
            turn: self.turn.clone(),
        };
        Ok(ConnectorTable {
            columns: Some(schema),
            event_time: None,
            idle_after: Some(NEVER_IDLE),
            source: Some(Arc::new(factory)),
            sink: None,
        })
    }
}

#[derive(Clone, Debug)]
struct ScriptFactory {
    table: String,
    schema: SchemaRef,
    steps: Steps,
    turn: Arc<watch::Sender<usize>>,
}

#[async_trait]
impl SourceFactory for ScriptFactory {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn parallel(&self) -> bool {
        false
    }

    fn fingerprint(&self) -> String {
        format!("script {}", self.table)
    }

    async fn open(&self, _: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        Ok(Box::new(Reader { script: self.clone(), turn: self.turn.subscribe(), announced: false, done: 0 }))
    }
}

struct Reader {
    script: ScriptFactory,
    turn: watch::Receiver<usize>,
    announced: bool,
    /// The number of the step behind the last one that was given.
    done: usize,
}

#[async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !self.announced {
            self.announced = true;
            return Ok(SourceEvent::Partitions(vec![self.script.table.clone()]));
        }
        let steps = self.script.steps;
        let own = (self.done..steps.len()).find(|step| steps[*step].0 == self.script.table);
        // All tables end together: one that ended before would hold the others back no more.
        let turn = own.unwrap_or(steps.len());
        if self.turn.wait_for(|reached| *reached >= turn).await.is_err() {
            return Ok(SourceEvent::End);
        }
        let Some(step) = own else { return Ok(SourceEvent::End) };
        let batch = self.script.batch(step).map_err(|error| self.script.failed("make a batch", error))?;
        self.done = step + 1;
        Ok(SourceEvent::Batch { partition: 0, batch })
    }

    fn positions(&self) -> Positions {
        Positions::from([(self.script.table.clone(), self.done.into())])
    }

    async fn committed(&mut self, positions: &Positions) -> Result<(), ConnectorError> {
        let committed = positions.get(&self.script.table).and_then(serde_json::Value::as_u64).unwrap_or(0);
        self.script.turn.send_modify(|turn| *turn = (*turn).max(committed as usize));
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }
}

impl ScriptFactory {
    fn batch(&self, step: usize) -> Result<RecordBatch, arrow::error::ArrowError> {
        let (_, rows) = &rows(self.steps)[step];
        let times = TimestampSecondArray::from_iter_values(rows.iter().map(|row| BEGIN + row.second));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.second))),
            cast(&times, self.schema.field(2).data_type())?,
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    fn failed(&self, step: &str, error: arrow::error::ArrowError) -> ConnectorError {
        ConnectorError::fatal("script", self.table.clone(), step, error)
    }
}
