//! When an epoch is complete: every instance of every node has acknowledged its barrier, or has ended. Pure.

use std::collections::BTreeMap;

use headwater_core::{Epoch, Positions, StateChunk};

/// An instance of a node: (node, number of the instance).
pub type InstanceId = (usize, usize);

/// What an instance hands over at a barrier, or when it ends.
#[derive(Debug, Default)]
pub struct InstanceAck {
    /// Its merged watermark, in nanoseconds.
    pub watermark: Option<i64>,
    /// Its state: chunks with rows are new, those without are kept.
    pub chunks: Vec<StateChunk>,
    /// A source's positions.
    pub positions: Positions,
    /// What a sink staged.
    pub commit: Option<serde_json::Value>,
}

/// The acknowledgements of one epoch at a time. Instances that have ended count for every later epoch with what they
/// last handed over; what they staged is committed with the first of these and not again.
#[derive(Debug)]
pub struct EpochTracker {
    expected: Vec<InstanceId>,
    in_flight: Option<Epoch>,
    acks: BTreeMap<InstanceId, InstanceAck>,
    ended: BTreeMap<InstanceId, InstanceAck>,
}

impl EpochTracker {
    /// A tracker that waits for these instances.
    pub fn new(expected: Vec<InstanceId>) -> Self {
        EpochTracker { expected, in_flight: None, acks: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// The epoch whose barriers are under way.
    pub fn in_flight(&self) -> Option<Epoch> {
        self.in_flight
    }

    /// Begins an epoch. One at a time: an epoch begun before the last is complete takes its place.
    pub fn begin(&mut self, epoch: Epoch) {
        self.in_flight = Some(epoch);
        self.acks.clear();
    }

    /// Takes an acknowledgement; one of another epoch is ignored.
    pub fn acknowledge(&mut self, epoch: Epoch, instance: InstanceId, ack: InstanceAck) {
        if self.in_flight == Some(epoch) {
            self.acks.insert(instance, ack);
        }
    }

    /// Learns that an instance has ended and what it leaves.
    pub fn end(&mut self, instance: InstanceId, ack: InstanceAck) {
        self.ended.insert(instance, ack);
    }

    /// Whether all instances have ended: the job is at its end, and one more epoch makes that durable.
    pub fn all_ended(&self) -> bool {
        self.expected.iter().all(|instance| self.ended.contains_key(instance))
    }

    /// The epoch and everything handed over for it, once it is complete.
    pub fn complete(&mut self) -> Option<(Epoch, BTreeMap<InstanceId, InstanceAck>)> {
        let epoch = self.in_flight?;
        let answered = |instance| self.acks.contains_key(instance) || self.ended.contains_key(instance);
        if !self.expected.iter().all(answered) {
            return None;
        }
        self.in_flight = None;
        let mut whole = std::mem::take(&mut self.acks);
        for (instance, left) in &mut self.ended {
            // An instance that acknowledged this barrier and has ended since leaves the rest to the next epoch.
            whole.entry(*instance).or_insert_with(|| left.hand_over());
        }
        Some((epoch, whole))
    }
}

impl InstanceAck {
    /// What this leaves for an epoch; rows and commits are handed over once, and named afterwards.
    fn hand_over(&mut self) -> InstanceAck {
        let kept = self.chunks.iter().map(|c| StateChunk { rows: None, ..c.clone() }).collect();
        InstanceAck {
            watermark: self.watermark,
            chunks: std::mem::replace(&mut self.chunks, kept),
            positions: self.positions.clone(),
            commit: self.commit.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn commit(value: &str) -> InstanceAck {
        InstanceAck { commit: Some(json!(value)), ..InstanceAck::default() }
    }

    #[test]
    fn complete_when_all_have_answered_and_not_before() {
        let mut tracker = EpochTracker::new(vec![(0, 0), (1, 0)]);
        tracker.begin(1);
        tracker.acknowledge(1, (0, 0), InstanceAck::default());
        assert!(tracker.complete().is_none());
        tracker.acknowledge(7, (1, 0), InstanceAck::default());
        assert!(tracker.complete().is_none(), "an answer to another epoch does not count");
        tracker.acknowledge(1, (1, 0), commit("a"));
        let (epoch, acks) = tracker.complete().unwrap();
        assert_eq!((epoch, acks.len()), (1, 2));
        assert!(tracker.complete().is_none(), "complete once");
    }

    #[test]
    fn what_an_ended_sink_staged_is_committed_once() {
        let mut tracker = EpochTracker::new(vec![(0, 0), (1, 0)]);
        tracker.end((1, 0), commit("last"));
        for (epoch, expected) in [(1, Some(json!("last"))), (2, None)] {
            tracker.begin(epoch);
            tracker.acknowledge(epoch, (0, 0), InstanceAck::default());
            let (_, acks) = tracker.complete().unwrap();
            assert_eq!(acks[&(1, 0)].commit, expected, "epoch {epoch}");
        }
    }

    #[test]
    fn what_was_staged_before_and_after_a_barrier_are_both_committed() {
        let mut tracker = EpochTracker::new(vec![(0, 0), (1, 0)]);
        tracker.begin(1);
        tracker.acknowledge(1, (1, 0), commit("before"));
        tracker.end((1, 0), commit("after"));
        tracker.end((0, 0), InstanceAck::default());
        let (_, first) = tracker.complete().unwrap();
        tracker.begin(2);
        let (_, second) = tracker.complete().unwrap();
        assert_eq!((&first[&(1, 0)].commit, &second[&(1, 0)].commit), (&Some(json!("before")), &Some(json!("after"))));
    }

    #[test]
    fn a_job_whose_instances_have_all_ended_needs_no_answer() {
        let mut tracker = EpochTracker::new(vec![(0, 0)]);
        tracker.end((0, 0), commit("x"));
        assert!(tracker.all_ended());
        tracker.begin(4);
        assert!(tracker.complete().is_some());
    }
}
