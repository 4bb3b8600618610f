//! What a connector's rows become before the first operator: the table's columns, each row's event time and, from a
//! source of changes, its weight, and the watermark that the rows allow. Pure: reading, idleness and the merge over partitions are the source task's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, TimestampNanosecondArray};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch, is_not_null, max};
use arrow::datatypes::{DataType, TimestampNanosecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::FormatOptions;
use datafusion::physical_expr::PhysicalExpr;
use headwater_core::{EventTime, NO_TIME, OperatorError, StreamSchema, WEIGHT};
use headwater_plan::SourceNode;

use super::evaluate::{self, NANOSECONDS};

/// Computes a source's output from what its connector read.
#[derive(Clone, Debug)]
pub struct SourceColumns {
    columns: Vec<Arc<dyn PhysicalExpr>>,
    event_time: Option<Arc<dyn PhysicalExpr>>,
    watermark: Option<Arc<dyn PhysicalExpr>>,
    schema: StreamSchema,
}

/// What became of a connector's batch.
#[derive(Debug)]
pub struct SourceRows {
    /// The rows in the source node's schema.
    pub batch: RecordBatch,
    /// The furthest watermark that a row of the batch allows; `None` when the table has none, or no row says one.
    pub watermark: Option<EventTime>,
    /// Rows left out because their event time is null, or beyond what nanoseconds can say.
    pub dropped_rows: u64,
}

impl SourceColumns {
    /// `schema` is the source node's.
    pub fn new(node: &SourceNode, schema: StreamSchema) -> Self {
        SourceColumns {
            columns: node.columns.clone(),
            event_time: node.event_time.clone(),
            watermark: node.watermark.clone(),
            schema,
        }
    }

    /// Rows in the connector's schema, as rows of the stream.
    ///
    /// # Errors
    /// When an expression cannot be computed or gives something other than its schema says.
    pub fn apply(&self, batch: &RecordBatch) -> Result<SourceRows, OperatorError> {
        let columns = evaluate::columns(&self.columns, batch)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let mut visible = RecordBatch::try_new_with_options(self.schema.visible(), columns, &options)
            .map_err(|source| OperatorError::arrow("compute the columns of a source", source))?;
        let mut hidden = vec![self.event_times(&visible)?];
        if self.schema.is_updating() {
            hidden.push(weights(batch)?);
        }
        let dropped_rows = hidden[0].null_count() as u64;
        if dropped_rows > 0 {
            (visible, hidden) = with_event_time(&visible, &hidden)?;
        }
        let watermark = self.watermark(&visible)?;
        let columns = visible.columns().iter().cloned().chain(hidden).collect();
        let batch = RecordBatch::try_new(self.schema.full().clone(), columns)
            .map_err(|source| OperatorError::arrow("put a source's rows together", source))?;
        Ok(SourceRows { batch, watermark, dropped_rows })
    }

    fn event_times(&self, visible: &RecordBatch) -> Result<ArrayRef, OperatorError> {
        match &self.event_time {
            Some(expression) => nanoseconds(&evaluate::column(expression, visible)?),
            None => Ok(Arc::new(TimestampNanosecondArray::from_value(NO_TIME.nanos(), visible.num_rows()))),
        }
    }

    fn watermark(&self, visible: &RecordBatch) -> Result<Option<EventTime>, OperatorError> {
        let Some(expression) = &self.watermark else { return Ok(None) };
        let watermarks = nanoseconds(&evaluate::column(expression, visible)?)?;
        Ok(max(watermarks.as_primitive::<TimestampNanosecondType>()).map(EventTime))
    }
}

/// The weights that an updating source puts behind its columns.
fn weights(batch: &RecordBatch) -> Result<ArrayRef, OperatorError> {
    let last = batch.schema_ref().fields().last().is_some_and(|field| field.name() == WEIGHT);
    match batch.columns().last().filter(|_| last) {
        Some(weights) => Ok(Arc::clone(weights)),
        None => Err(OperatorError::plan(format!("a source of changes gave rows without {WEIGHT} behind them"))),
    }
}

/// Any timestamp in nanoseconds; what nanoseconds cannot say becomes null.
fn nanoseconds(times: &ArrayRef) -> Result<ArrayRef, OperatorError> {
    if !matches!(times.data_type(), DataType::Timestamp(_, _) | DataType::Date32 | DataType::Null) {
        return Err(OperatorError::plan(format!("an event time is a timestamp, not {}", times.data_type())));
    }
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    cast_with_options(times, &NANOSECONDS, &options)
        .map_err(|source| OperatorError::arrow("read event times in nanoseconds", source))
}

/// The rows that have an event time, which is the first of the hidden columns.
fn with_event_time(visible: &RecordBatch, hidden: &[ArrayRef]) -> Result<(RecordBatch, Vec<ArrayRef>), OperatorError> {
    let keep = || -> Result<_, arrow::error::ArrowError> {
        let mask: BooleanArray = is_not_null(&hidden[0])?;
        let hidden = hidden.iter().map(|column| arrow::compute::filter(column, &mask));
        Ok((filter_record_batch(visible, &mask)?, hidden.collect::<Result<_, _>>()?))
    };
    keep().map_err(|source| OperatorError::arrow("leave out rows without event time", source))
}
