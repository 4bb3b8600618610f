//! What tasks tell the coordinator, and what it asks of sources.

use headwater_core::{Barrier, Epoch, EventTime, Positions, Snapshot, Staged};
use headwater_plan::NodeId;
use headwater_state::{InstanceAck, InstanceId};

/// What a task tells the coordinator.
#[derive(Debug)]
pub(crate) enum Report {
    /// A barrier has passed: the state of every node of the chain.
    Acknowledged { epoch: Epoch, acks: Vec<(InstanceId, InstanceAck)> },
    /// Nothing follows: all inputs have ended.
    Ended { acks: Vec<(InstanceId, InstanceAck)> },
    /// A source has read what was there when it was asked to drain, and waits for the last barrier.
    Drained,
}

/// What the coordinator asks of a source.
#[derive(Debug)]
pub(crate) enum SourceRequest {
    /// Send this barrier.
    Barrier(Barrier),
    /// Read what is there, then say [`Report::Drained`].
    Drain,
    /// A checkpoint with these positions is complete.
    Committed(Positions),
}

/// What an instance of a node hands over at a barrier.
pub(crate) struct Handed {
    pub(crate) node: NodeId,
    /// How far time was where its rows come in.
    pub(crate) watermark: EventTime,
    pub(crate) snapshot: Snapshot,
}

/// Puts together what the instances numbered `instance` of a chain's nodes hand over; `leaving` is the watermark behind
/// the chain.
pub(crate) fn acknowledge(
    instance: usize,
    leaving: EventTime,
    snapshots: Vec<Handed>,
    staged: Option<(NodeId, Staged)>,
) -> Vec<(InstanceId, InstanceAck)> {
    let mut acks: Vec<(InstanceId, InstanceAck)> = snapshots
        .into_iter()
        .map(|Handed { node, watermark, snapshot }| {
            let ack = InstanceAck { watermark: known(watermark), chunks: snapshot.chunks, ..InstanceAck::default() };
            ((node, instance), ack)
        })
        .collect();
    if let Some((node, staged)) = staged {
        let (watermark, positions) = (known(leaving), Positions::default());
        let ack = InstanceAck { watermark, chunks: staged.chunks, commit: staged.commit, positions };
        acks.push(((node, instance), ack));
    }
    acks
}

/// A watermark in nanoseconds, where there is one.
pub(crate) fn known(watermark: EventTime) -> Option<i64> {
    (watermark != EventTime::MIN).then(|| watermark.nanos())
}
