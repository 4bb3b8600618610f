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

/// Puts together what the instances numbered `instance` of a chain's nodes hand over.
pub(crate) fn acknowledge(
    instance: usize,
    watermark: EventTime,
    snapshots: Vec<(NodeId, Snapshot)>,
    staged: Option<(NodeId, Staged)>,
) -> Vec<(InstanceId, InstanceAck)> {
    let watermark = (watermark != EventTime::MIN).then(|| watermark.nanos());
    let mut acks: Vec<(InstanceId, InstanceAck)> = snapshots
        .into_iter()
        .map(|(node, snapshot)| {
            let ack = InstanceAck { watermark, chunks: snapshot.chunks, ..InstanceAck::default() };
            ((node, instance), ack)
        })
        .collect();
    if let Some((node, staged)) = staged {
        let ack =
            InstanceAck { watermark, chunks: staged.chunks, commit: staged.commit, positions: Positions::default() };
        acks.push(((node, instance), ack));
    }
    acks
}
