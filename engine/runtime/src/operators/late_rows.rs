//! Only the rows that come too late for every window over their source, for the table that collects them. Stands beside
//! the windows and sees the same watermarks, so that it lets through what they leave out.

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::event_times;
use headwater_core::{EventTime, Operator, OperatorError, Output, Watermark};
use headwater_plan::{LateRowsNode, Slicing};

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
        let last_end = |slicing: &Slicing| {
            let slice = slicing.slice_start(time);
            slicing.in_any_window(slice).then(|| slicing.last_window_end(slice))
        };
        // A row between the windows of a hop is of none, and not late.
        let mut ends = self.node.windows.iter().filter_map(last_end).peekable();
        ends.peek().is_some() && ends.all(|end| end <= closed)
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
