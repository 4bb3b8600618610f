//! Only the rows that come too late for every window over their source, for the table that collects them. Stands beside
//! the windows and sees the same watermarks, so that it lets through what they leave out.

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{EventTime, Operator, OperatorError, Output, Watermark};
use headwater_plan::{LateRowsNode, Window};

/// The operator of a [`LateRowsNode`].
pub(super) struct LateRows {
    node: LateRowsNode,
    watermark: EventTime,
}

impl LateRows {
    /// Of this node.
    pub(super) fn new(node: &LateRowsNode) -> Self {
        LateRows { node: node.clone(), watermark: EventTime::MIN }
    }

    fn is_late(&self, time: i64) -> bool {
        let lateness = headwater_core::time::saturating_nanos(self.node.lateness);
        let closed = self.watermark.nanos().saturating_sub(lateness);
        self.node.windows.iter().all(|window| match window {
            Window::Sliced(slicing) => slicing.last_window_end(slicing.slice_start(time)) <= closed,
            // A session that such a row would open or join has ended when its gap is over.
            Window::Session { gap } => EventTime(time).plus(*gap).nanos() <= closed,
        })
    }
}

impl Operator for LateRows {
    fn name(&self) -> &str {
        "late-rows"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        if self.watermark == EventTime::MIN {
            return Ok(());
        }
        let late: BooleanArray = event_times(&batch)?.values().iter().map(|time| Some(self.is_late(*time))).collect();
        if late.true_count() == 0 {
            return Ok(());
        }
        out.emit(filter_record_batch(&batch, &late).map_err(|e| OperatorError::arrow("choose late rows", e))?)
    }

    fn on_watermark(&mut self, watermark: Watermark, _out: &mut dyn Output) -> Result<Watermark, OperatorError> {
        self.watermark = self.watermark.max(watermark.time);
        Ok(watermark)
    }
}
