//! Each row once for every window that it falls in, with that window as a column: so windows become keys like any
//! other, and their results can be given early or corrected late. A row's event time becomes that of its window's
//! result. Keeps nothing: how far time was, the task tells it when it goes on from a checkpoint. Each instance sees the
//! time of its own sources, which after a change of parallelism are others.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray, TimestampNanosecondArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{EventTime, Operator, OperatorError, Output, StreamSchema, Watermark};
use headwater_plan::{AssignWindowsNode, Slicing};

/// The operator of an [`AssignWindowsNode`].
pub(super) struct AssignWindows {
    slicing: Slicing,
    /// How long after its end a window still takes rows.
    lateness: i64,
    schema: StreamSchema,
    watermark: EventTime,
    late_rows: u64,
}

/// The windows of the rows of a batch.
#[derive(Default)]
struct Assigned {
    rows: Vec<u32>,
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl AssignWindows {
    /// `schema` is the node's output: the input's visible columns, then the window.
    pub(super) fn new(node: &AssignWindowsNode, schema: StreamSchema) -> Self {
        AssignWindows {
            slicing: node.slicing,
            lateness: headwater_core::time::saturating_nanos(node.lateness),
            schema,
            watermark: EventTime::MIN,
            late_rows: 0,
        }
    }

    fn assign(&mut self, times: &TimestampNanosecondArray) -> Assigned {
        let mut assigned = Assigned::default();
        let closed = self.watermark.nanos().saturating_sub(self.lateness);
        let closed = if self.watermark == EventTime::MIN { i64::MIN } else { closed };
        for (row, time) in (0u32..).zip(times.values()) {
            let slice = self.slicing.slice_start(*time);
            if !self.slicing.in_any_window(slice) {
                continue;
            }
            let last = self.slicing.last_window_end(slice);
            if last <= closed {
                self.late_rows += 1;
                continue;
            }
            let mut end = self.slicing.next_window_end(slice, closed);
            while end <= last {
                assigned.rows.push(row);
                assigned.starts.push(self.slicing.window_start(end));
                assigned.ends.push(end);
                if end == i64::MAX {
                    break;
                }
                end = self.slicing.next_window_end(slice, end);
            }
        }
        assigned
    }

    fn windows(&self, starts: Vec<i64>, ends: Vec<i64>) -> Result<ArrayRef, OperatorError> {
        let field = self.schema.full().field(self.schema.visible_count() - 1);
        let DataType::Struct(fields) = field.data_type() else {
            return Err(OperatorError::plan(format!("the window {} is no struct", field.name())));
        };
        let column = |times| Arc::new(TimestampNanosecondArray::from(times)) as ArrayRef;
        let windows = StructArray::try_new(fields.clone(), vec![column(starts), column(ends)], None);
        Ok(Arc::new(windows.map_err(failed)?))
    }
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("assign windows", source)
}

impl Operator for AssignWindows {
    fn name(&self) -> &str {
        "assign-windows"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        let Assigned { rows, starts, ends } = self.assign(event_times(&batch)?);
        if rows.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(rows);
        let visible = batch.columns()[..self.schema.visible_count() - 1].iter();
        let mut columns: Vec<ArrayRef> =
            visible.map(|column| take(column, &rows, None)).collect::<Result<_, _>>().map_err(failed)?;
        let times = TimestampNanosecondArray::from_iter_values(ends.iter().map(|end| end.saturating_sub(1)));
        columns.push(self.windows(starts, ends)?);
        out.emit(self.schema.batch(columns, Arc::new(times))?)
    }

    fn on_watermark(&mut self, watermark: Watermark, _out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        self.watermark = self.watermark.max(watermark.time);
        Ok(watermark)
    }

    fn late_rows(&self) -> u64 {
        self.late_rows
    }
}
