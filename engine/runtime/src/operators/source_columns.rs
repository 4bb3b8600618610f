//! What a connector's rows become before the first operator: the table's columns, each row's event time and, from a
//! source of changes, its weight, and the watermark that the rows allow. Pure: reading, idleness and the merge over
//! partitions are the source task's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, TimestampNanosecondArray};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch, is_not_null, max};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampNanosecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::FormatOptions;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};
use headwater_core::source::unread;
use headwater_core::{EventTime, NO_TIME, OperatorError, StreamSchema, WEIGHT};
use headwater_plan::SourceNode;

use super::evaluate::{self, NANOSECONDS};

/// A day, in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// Computes a source's output from what its connector read.
#[derive(Clone, Debug)]
pub struct SourceColumns {
    columns: Vec<Arc<dyn PhysicalExpr>>,
    unread: Vec<usize>,
    event_time: Option<Arc<dyn PhysicalExpr>>,
    watermark: Option<Arc<dyn PhysicalExpr>>,
    /// How far the watermark is behind the event time, where that is all that it says.
    lag: Option<i64>,
    upserts: bool,
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
        let both = node.event_time.as_ref().zip(node.watermark.as_ref());
        SourceColumns {
            lag: both.and_then(|(time, watermark)| lag(time, watermark, &schema)),
            columns: node.columns.clone(),
            unread: node.unread.clone(),
            event_time: node.event_time.clone(),
            watermark: node.watermark.clone(),
            upserts: node.factory.upserts(),
            schema,
        }
    }

    /// Rows in the connector's schema, as rows of the stream.
    ///
    /// # Errors
    /// When an expression cannot be computed or gives something other than its schema says.
    pub fn apply(&self, batch: &RecordBatch) -> Result<SourceRows, OperatorError> {
        let columns = self.columns.iter().enumerate().map(|(index, expression)| match self.unread.contains(&index) {
            true => Ok(unread(self.schema.full().field(index), batch.num_rows())),
            false => evaluate::column(expression, batch),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let mut visible = RecordBatch::try_new_with_options(self.schema.visible(), columns, &options)
            .map_err(|source| OperatorError::arrow("compute the columns of a source", source))?;
        let mut hidden = vec![self.event_times(&visible)?];
        if self.schema.is_updating() {
            hidden.push(weights(batch)?);
        }
        let mut dropped_rows = hidden[0].null_count() as u64;
        if dropped_rows > 0 && self.upserts {
            dropped_rows = take_back_untimed(&mut hidden);
        } else if dropped_rows > 0 {
            (visible, hidden) = with_event_time(&visible, &hidden)?;
        }
        let watermark = self.watermark(&visible, &hidden[0])?;
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

    fn watermark(&self, visible: &RecordBatch, times: &ArrayRef) -> Result<Option<EventTime>, OperatorError> {
        if let Some(lag) = self.lag {
            let latest = max(times.as_primitive::<TimestampNanosecondType>());
            let latest = latest.filter(|time| *time != NO_TIME.nanos());
            return Ok(latest.map(|time| EventTime(time.saturating_sub(lag))));
        }
        let Some(expression) = &self.watermark else { return Ok(None) };
        let watermarks = nanoseconds(&evaluate::column(expression, visible)?)?;
        Ok(max(watermarks.as_primitive::<TimestampNanosecondType>()).map(EventTime))
    }
}

/// The lag of a watermark that is the event time less an interval, in nanoseconds: then the latest row says all, and the
/// interval, which calendars make slow, need not be taken from each.
fn lag(time: &Arc<dyn PhysicalExpr>, watermark: &Arc<dyn PhysicalExpr>, schema: &StreamSchema) -> Option<i64> {
    let difference = watermark.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == Operator::Minus)?;
    let interval = difference.right().downcast_ref::<Literal>()?;
    let DataType::Timestamp(unit, zone) = time.data_type(schema.full()).ok()? else { return None };
    let (days, nanos) = match interval.value() {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            (interval.days, interval.nanoseconds)
        }
        ScalarValue::IntervalDayTime(Some(interval)) => (interval.days, i64::from(interval.milliseconds) * 1_000_000),
        _ => return None,
    };
    let nanos = i64::from(days).checked_mul(DAY)?.checked_add(nanos)?;
    let exact = match unit {
        TimeUnit::Second => nanos % 1_000_000_000 == 0,
        TimeUnit::Millisecond => nanos % 1_000_000 == 0,
        TimeUnit::Microsecond => nanos % 1_000 == 0,
        TimeUnit::Nanosecond => true,
    };
    // Where clocks are turned, a day has no fixed length.
    let fixed = days == 0 || zone.is_none_or(|zone| zone.as_ref() == "UTC");
    (exact && fixed && difference.left() == time).then_some(nanos)
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

/// Gives upserts without an event time the least one, and lets them take back the row of their key: an upsert that says
/// its key is gone knows no time, and a row that has none is not in the table, nor is the one whose place it takes. Gives
/// how many such rows there are. `hidden` is the event time and the weight.
fn take_back_untimed(hidden: &mut [ArrayRef]) -> u64 {
    let [times, weights] = hidden else { return 0 };
    let (known, said) = (times.as_primitive::<TimestampNanosecondType>(), weights.as_primitive::<Int64Type>());
    let pairs = || known.iter().zip(said.values().iter());
    let dropped = pairs().filter(|(time, weight)| time.is_none() && **weight > 0).count();
    let all = pairs().map(|(time, _)| time.unwrap_or(NO_TIME.nanos()));
    let all: ArrayRef = Arc::new(TimestampNanosecondArray::from_iter_values(all));
    let changed = pairs().map(|(time, weight)| if time.is_none() { -1 } else { *weight });
    let changed: ArrayRef = Arc::new(Int64Array::from_iter_values(changed));
    (*times, *weights) = (all, changed);
    dropped as u64
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
