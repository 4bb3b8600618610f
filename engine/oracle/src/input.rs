//! The rows of a table: read from its connector to the end, and what the engine makes of them before any operator.

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::source::SourceFactoryRef;
use headwater_core::time::saturating_nanos;
use headwater_core::{Positions, SourceContext, SourceEvent, StreamSchema};
use headwater_plan::{LookupNode, SourceNode};
use headwater_runtime::operators::SourceColumns;
use std::sync::Arc;

use crate::changelog;
use crate::compare::{line, visible as visible_columns};
use crate::error::Failure;

/// A table of a check.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its rows in the connector's columns, in the order in which they were read; in a changelog each is a change, with
    /// its weight behind the columns.
    pub(crate) rows: RecordBatch,
    /// What SQL sees of them at the end, with the hidden event time; rows without an event time are not in it. They are in
    /// the same order but for those of a changelog.
    pub(crate) stream: RecordBatch,
    /// When each of `rows` was; `None` for a table without event time, and for a row that has none.
    pub(crate) times: Option<Vec<Option<i64>>>,
    /// The watermark that each of `rows` allows.
    pub(crate) watermarks: Vec<Option<i64>>,
    /// In a changelog, the number of the row that each of `rows` is a change of.
    pub(crate) changed: Option<Vec<usize>>,
}

impl Table {
    /// What the source node of a plan makes of these rows.
    ///
    /// # Errors
    /// When a column cannot be computed, and when a changelog takes back what it has not given.
    pub(crate) fn new(node: &SourceNode, schema: &StreamSchema, rows: RecordBatch) -> Result<Self, Failure> {
        let failed = |error: DataFusionError| Failure::input(&node.table, error);
        let columns = SourceColumns::new(node, schema.clone());
        let stream = columns
            .apply(&rows)
            .map_err(|error| Failure::input(&node.table, headwater_runtime::error_chain(&error)))?;
        let changed = changed(node, schema, &rows)?;
        let stream = match schema.is_updating() {
            true => changelog::standing(schema, &stream.batch)
                .map_err(|error| Failure::input(&node.table, headwater_runtime::error_chain(&error)))?,
            false => stream.batch,
        };
        let visible = visible(node, schema, &rows).map_err(failed)?;
        let nanoseconds = |expr: &Arc<dyn PhysicalExpr>| nanoseconds(expr, &visible).map_err(failed);
        let times = node.event_time.as_ref().map(nanoseconds).transpose()?;
        let watermarks = node.watermark.as_ref().map(nanoseconds).transpose()?;
        let watermarks = watermarks.unwrap_or_else(|| vec![None; rows.num_rows()]);
        // What may come late is not.
        let lateness = saturating_nanos(node.lateness);
        let watermarks = watermarks.into_iter().map(|time| time.map(|time| time.saturating_sub(lateness))).collect();
        Ok(Table { stream, times, watermarks, changed, rows })
    }
}

/// In a changelog, the number of the row that each change is of.
fn changed(node: &SourceNode, schema: &StreamSchema, changes: &RecordBatch) -> Result<Option<Vec<usize>>, Failure> {
    if !schema.is_updating() {
        return Ok(None);
    }
    let failed = |error: ArrowError| Failure::input(&node.table, error);
    let uncovered = changelog::uncovered(changes).map_err(failed)?;
    if let Some(change) = uncovered.iter().position(|uncovered| *uncovered) {
        let row = line(&visible_columns(&changes.slice(change, 1)).map_err(failed)?).map_err(failed)?;
        let reason = format!("it takes back a row that it has not given, or has taken back before: {row}");
        return Err(Failure::input(&node.table, reason));
    }
    changelog::rows_of(changes).map(Some).map_err(failed)
}

/// The rows of a table that is looked up, as a batch query would join with them: without a time of their own, so that
/// the time of a pair is that of the row that looked it up.
///
/// # Errors
/// When the table cannot be read as a whole.
pub(crate) async fn looked_up(lookup: &LookupNode) -> Result<RecordBatch, Failure> {
    let table = &lookup.table;
    let Some(source) = lookup.factory.rows() else {
        let reason = format!("it cannot be read as a whole. Give its rows: --input {table}=FILE");
        return Err(Failure::input(table, reason));
    };
    let rows = read(table, &source).await?;
    let never = TimestampNanosecondArray::from(vec![i64::MIN; rows.num_rows()]);
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(never));
    let schema = StreamSchema::append_only(&rows.schema());
    RecordBatch::try_new(schema.full().clone(), columns).map_err(|error| Failure::input(table, error))
}

fn visible(node: &SourceNode, schema: &StreamSchema, rows: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let column = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(rows)?.into_array(rows.num_rows());
    let columns = node.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.visible(), columns, &options)?)
}

fn nanoseconds(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<Vec<Option<i64>>, DataFusionError> {
    let times: ArrayRef = expr.evaluate(rows)?.into_array(rows.num_rows())?;
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let times = cast_with_options(&times, &DataType::Timestamp(TimeUnit::Nanosecond, None), &safe)?;
    let times = cast_with_options(&times, &DataType::Int64, &safe)?;
    Ok(times.as_primitive::<Int64Type>().iter().collect())
}

/// Reads a table to its end; a changelog with its weights.
///
/// # Errors
/// When it has no end, or cannot be read.
pub(crate) async fn read(table: &str, source: &SourceFactoryRef) -> Result<RecordBatch, Failure> {
    if !source.bounded() {
        let reason = format!("it has no end. Give a sample of its rows: --input {table}=FILE");
        return Err(Failure::input(table, reason));
    }
    let failed = |error: headwater_core::ConnectorError| Failure::input(table, headwater_runtime::error_chain(&error));
    let context = SourceContext { job: "test".to_owned(), subtask: 0, parallelism: 1, positions: Positions::new() };
    let mut opened = source.open(context).await.map_err(failed)?;
    let mut batches = Vec::new();
    loop {
        match opened.next().await.map_err(failed)? {
            SourceEvent::Partitions(_) => {}
            SourceEvent::Batch { batch, .. } | SourceEvent::Sifted { batch, .. } => batches.push(batch),
            SourceEvent::End => break,
        }
    }
    let schema = if source.updating() { changelog::weighted(&source.schema()) } else { source.schema() };
    concat_batches(&schema, &batches).map_err(|error| Failure::input(table, error))
}
