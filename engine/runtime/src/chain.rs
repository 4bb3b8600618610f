//! The operators of one task, run one after the other as plain calls.

use arrow::record_batch::RecordBatch;
use headwater_core::{Epoch, EventTime, Operator, OperatorError, Output, Watermark};
use headwater_plan::NodeId;

use crate::report::Handed;

/// Operators in the order of the flow. What the last one emits is collected, and the task sends it on.
pub(crate) struct Chain {
    links: Vec<Link>,
    /// The watermark that last left.
    leaving: EventTime,
}

struct Link {
    node: NodeId,
    operator: Box<dyn Operator>,
    /// The watermark that last came: where an operator before holds time back it is not the head's.
    watermark: EventTime,
    /// Each how-many-th flush is this operator's.
    flush_each: u32,
    /// Flushes since.
    flushes: u32,
}

/// What an operator emits goes straight into the rest of the chain.
struct Rest<'a> {
    links: &'a mut [Link],
    collected: &'a mut Vec<RecordBatch>,
}

impl Output for Rest<'_> {
    fn emit(&mut self, batch: RecordBatch) -> Result<(), OperatorError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match self.links.split_first_mut() {
            Some((next, links)) => {
                let mut rest = Rest { links, collected: self.collected };
                next.operator.on_batch(0, batch, &mut rest)
            }
            None => {
                self.collected.push(batch);
                Ok(())
            }
        }
    }
}

impl Chain {
    /// Each operator with how many flushes of the task there are to one of its own.
    pub(crate) fn new(operators: Vec<(NodeId, Box<dyn Operator>, u32)>) -> Self {
        let watermark = EventTime::MIN;
        let link = |(node, operator, flush_each)| Link { node, operator, watermark, flush_each, flushes: 0 };
        Chain { links: operators.into_iter().map(link).collect(), leaving: watermark }
    }

    /// Rows on one of the head's inputs.
    pub(crate) fn batch(
        &mut self,
        input: usize,
        batch: RecordBatch,
        collected: &mut Vec<RecordBatch>,
    ) -> Result<(), OperatorError> {
        match self.links.split_first_mut() {
            Some((head, links)) => head.operator.on_batch(input, batch, &mut Rest { links, collected }),
            None => {
                collected.push(batch);
                Ok(())
            }
        }
    }

    /// The head's merged watermark; gives the one that leaves the chain.
    pub(crate) fn watermark(
        &mut self,
        mut watermark: Watermark,
        collected: &mut Vec<RecordBatch>,
    ) -> Result<Watermark, OperatorError> {
        let mut links = self.links.as_mut_slice();
        while let Some((link, rest)) = links.split_first_mut() {
            let mut out = Rest { links: &mut *rest, collected };
            link.watermark = watermark.time;
            watermark = link.operator.on_watermark(watermark, &mut out)?;
            links = rest;
        }
        self.leaving = watermark.time;
        Ok(watermark)
    }

    /// The watermark that last left.
    pub(crate) fn leaving(&self) -> EventTime {
        self.leaving
    }

    /// Lets every operator whose turn it is emit what it has folded.
    pub(crate) fn flush(&mut self, collected: &mut Vec<RecordBatch>) -> Result<(), OperatorError> {
        let mut links = self.links.as_mut_slice();
        while let Some((link, rest)) = links.split_first_mut() {
            link.flushes += 1;
            if link.flushes >= link.flush_each {
                link.flushes = 0;
                link.operator.on_flush(&mut Rest { links: &mut *rest, collected })?;
            }
            links = rest;
        }
        Ok(())
    }

    /// A barrier on all of the head's inputs; gives each operator's state.
    pub(crate) fn barrier(
        &mut self,
        epoch: Epoch,
        collected: &mut Vec<RecordBatch>,
    ) -> Result<Vec<Handed>, OperatorError> {
        let mut snapshots = Vec::with_capacity(self.links.len());
        let mut links = self.links.as_mut_slice();
        while let Some((link, rest)) = links.split_first_mut() {
            let mut out = Rest { links: &mut *rest, collected };
            let snapshot = link.operator.on_barrier(epoch, &mut out)?;
            snapshots.push(Handed { node: link.node, watermark: link.watermark, snapshot });
            links = rest;
        }
        Ok(snapshots)
    }

    /// Each operator, to be measured.
    pub(crate) fn operators(&self) -> impl Iterator<Item = (NodeId, &dyn Operator)> {
        self.links.iter().map(|link| (link.node, link.operator.as_ref()))
    }
}
