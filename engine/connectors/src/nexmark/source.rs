//! Gives out the sequence. It is cut into blocks, and the blocks are dealt to a fixed number of lanes, which are the
//! source's partitions: instances share the lanes, whatever their number, and each goes through its own in the order
//! of events. One instance gives them all in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::columns::Columns;
use super::event::Sequence;

/// As many instances can share the work.
pub(super) const LANES: u64 = 16;

/// What all instances know.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) sequence: Sequence,
    /// Events in a block.
    pub(super) block: u64,
    /// Events in all; none is the last where unsaid.
    pub(super) count: Option<u64>,
    /// Events a second of the clock; as fast as they are taken where unsaid.
    pub(super) pace: Option<f64>,
}

/// Where a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LanePosition {
    /// Its next event.
    event: u64,
    /// The event time of event 0.
    start_ns: i64,
}

fn lane_name(lane: u64) -> String {
    format!("nexmark/{lane}")
}

/// One instance.
pub(super) struct Generator {
    plan: Plan,
    columns: Arc<Columns>,
    /// The next event of each lane of this instance.
    lanes: BTreeMap<u64, u64>,
    names: Vec<u64>,
    announced: bool,
    draining: bool,
    /// When it began, and with which event of all instances.
    paced_from: (Instant, u64),
}

impl Generator {
    /// Opens an instance; `plan`'s start of event time gives way to the one that is in the positions.
    pub(super) fn open(mut plan: Plan, columns: Arc<Columns>, context: &SourceContext) -> Result<Self, ConnectorError> {
        let mut all = BTreeMap::new();
        for lane in 0..LANES {
            let position = match context.positions.get(&lane_name(lane)) {
                None => lane * plan.block,
                Some(value) => {
                    let position: LanePosition = serde_json::from_value(value.clone()).map_err(|error| {
                        ConnectorError::fatal("nexmark", lane_name(lane), "read its position", error)
                    })?;
                    plan.sequence.start_ns = position.start_ns;
                    position.event
                }
            };
            all.insert(lane, position);
        }
        let next = all.values().copied().min().unwrap_or(0);
        let parallelism = context.parallelism.max(1) as u64;
        let lanes: BTreeMap<u64, u64> =
            all.into_iter().filter(|(lane, _)| lane % parallelism == context.subtask as u64).collect();
        let names = lanes.keys().copied().collect();
        let paced_from = (Instant::now(), next);
        Ok(Generator { plan, columns, lanes, names, announced: false, draining: false, paced_from })
    }

    /// The next block: its lane's index, and its events.
    fn next_block(&self) -> Option<(usize, u64, std::ops::Range<u64>)> {
        let (lane, next) = self.lanes.iter().min_by_key(|(_, next)| **next)?;
        let end = (next / self.plan.block + 1).saturating_mul(self.plan.block);
        let end = self.plan.count.map_or(end, |count| end.min(count));
        let index = self.names.iter().position(|name| name == lane)?;
        (*next < end).then_some((index, *lane, *next..end))
    }

    /// Where a lane goes on after it gave the events before `end`.
    fn after(&self, end: u64) -> u64 {
        match end % self.plan.block {
            0 => end.saturating_add((LANES - 1).saturating_mul(self.plan.block)),
            // The count ended within a block; a longer run goes on there.
            _ => end,
        }
    }

    /// Waits until the events before `end` are due, by a deadline that does not drift.
    async fn pace(&self, end: u64) {
        let Some(rate) = self.plan.pace else {
            return tokio::task::consume_budget().await;
        };
        let (began, from) = self.paced_from;
        let after = Duration::try_from_secs_f64(end.saturating_sub(from) as f64 / rate).ok();
        match after.and_then(|after| began.checked_add(after)) {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Source for Generator {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !self.announced {
            self.announced = true;
            return Ok(SourceEvent::Partitions(self.names.iter().map(|lane| lane_name(*lane)).collect()));
        }
        loop {
            let block = if self.draining { None } else { self.next_block() };
            let Some((partition, lane, events)) = block else { return Ok(SourceEvent::End) };
            self.pace(events.end).await;
            let batch = self
                .columns
                .batch(&self.plan.sequence, events.clone())
                .map_err(|error| ConnectorError::fatal("nexmark", lane_name(lane), "build a batch", error))?;
            self.lanes.insert(lane, self.after(events.end));
            if batch.num_rows() > 0 {
                return Ok(SourceEvent::Batch { partition, batch });
            }
        }
    }

    fn positions(&self) -> Positions {
        let start_ns = self.plan.sequence.start_ns;
        let value =
            |(lane, event): (&u64, &u64)| (lane_name(*lane), serde_json::json!({"event": event, "start_ns": start_ns}));
        self.lanes.iter().map(value).collect()
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        self.draining = true;
        Ok(())
    }
}
