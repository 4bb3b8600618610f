//! The manifest of an epoch, and what a job that goes on from it takes out of it. Pure.

use headwater_core::{Epoch, EventTime, KeyRange, Positions};
use serde::{Deserialize, Serialize};

/// The version of this format; a manifest of another one is refused.
pub const FORMAT: u32 = 1;

/// Everything that a job needs to go on from an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The job's name.
    pub job: String,
    /// The epoch.
    pub epoch: Epoch,
    /// The nodes of the job's graph.
    pub nodes: Vec<NodeState>,
}

/// One node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// What the node does, as text: state is given back only to a node that does the same.
    pub fingerprint: String,
    /// Its instances, in order.
    pub instances: Vec<InstanceState>,
}

/// One instance of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceState {
    /// Its merged watermark at the barrier, in nanoseconds.
    pub watermark: Option<i64>,
    /// Its state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<ChunkRef>,
    /// A source's positions.
    #[serde(default, skip_serializing_if = "Positions::is_empty")]
    pub positions: Positions,
    /// What a sink staged for this epoch, to be committed once the manifest exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<serde_json::Value>,
}

/// Where a chunk of state is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The operator's table.
    pub table: String,
    /// The chunk's name within its instance.
    pub id: String,
    /// Its file, relative to the job's prefix.
    pub path: String,
    /// How many rows it has.
    pub rows: usize,
}

impl Manifest {
    /// What was staged and must be visible before the job goes on: (node, values of its instances).
    pub fn commits(&self) -> Vec<(usize, Vec<serde_json::Value>)> {
        let of_node = |node: &NodeState| node.instances.iter().filter_map(|i| i.commit.clone()).collect::<Vec<_>>();
        let nodes = self.nodes.iter().enumerate().map(|(id, node)| (id, of_node(node)));
        nodes.filter(|(_, values)| !values.is_empty()).collect()
    }

    /// The files that this manifest needs.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().flat_map(|node| &node.instances).flat_map(|i| &i.chunks).map(|chunk| chunk.path.as_str())
    }

    /// The state of the node with this fingerprint, the `occurrence`-th of those that have it. Nodes are found by what
    /// they do and not by their number, so that a query file may gain an insert and keep the state of the others.
    pub fn node(&self, fingerprint: &str, occurrence: usize) -> Option<&NodeState> {
        self.nodes.iter().filter(|node| node.fingerprint == fingerprint).nth(occurrence)
    }
}

impl NodeState {
    /// The chunks that instance `index` of `count` has to read: those of every instance whose range overlaps its own.
    pub fn chunks_for(&self, index: usize, count: usize) -> Vec<&ChunkRef> {
        let range = KeyRange::of(index, count);
        let old = self.instances.len();
        let overlapping = (0..old).filter(|i| KeyRange::of(*i, old).overlaps(&range));
        overlapping.flat_map(|i| &self.instances[i].chunks).collect()
    }

    /// The chunks that instance `index` of `count` has to read where rows have no key (a sink's): each is dealt to one.
    pub fn chunks_dealt(&self, index: usize, count: usize) -> Vec<&ChunkRef> {
        let dealt = self.instances.iter().enumerate().filter(|(i, _)| i % count.max(1) == index);
        dealt.flat_map(|(_, instance)| &instance.chunks).collect()
    }

    /// The watermark to go on from: the least of all instances, so that none is ahead of its state.
    pub fn watermark(&self) -> Option<EventTime> {
        let known = self.instances.iter().map(|instance| instance.watermark);
        known.min().flatten().map(EventTime)
    }

    /// The positions of all instances.
    pub fn positions(&self) -> Positions {
        self.instances.iter().flat_map(|i| i.positions.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(path: &str, watermark: Option<i64>) -> InstanceState {
        let chunk = ChunkRef { table: "t".into(), id: path.into(), path: path.into(), rows: 1 };
        InstanceState { watermark, chunks: vec![chunk], ..InstanceState::default() }
    }

    #[test]
    fn every_chunk_finds_its_readers_when_the_parallelism_changes() {
        for (old, new) in [(1, 1), (1, 3), (3, 1), (2, 3), (3, 2), (4, 6)] {
            let instances = (0..old).map(|i| instance(&i.to_string(), None)).collect();
            let node = NodeState { fingerprint: String::new(), instances };
            for chunk in 0..old {
                let range = KeyRange::of(chunk, old);
                let readers: Vec<_> = (0..new)
                    .filter(|i| node.chunks_for(*i, new).iter().any(|c| c.path == chunk.to_string()))
                    .map(|i| KeyRange::of(i, new))
                    .collect();
                assert!(readers.first().is_some_and(|r| r.first <= range.first), "{old} → {new}, {chunk}");
                assert!(readers.last().is_some_and(|r| r.last >= range.last), "{old} → {new}, {chunk}");
            }
        }
    }

    #[test]
    fn an_instance_that_has_seen_no_time_holds_the_watermark() {
        let node = |marks: &[Option<i64>]| NodeState {
            fingerprint: String::new(),
            instances: marks.iter().map(|m| instance("a", *m)).collect(),
        };
        assert_eq!(node(&[Some(3), Some(2)]).watermark(), Some(EventTime(2)));
        assert_eq!(node(&[Some(3), None]).watermark(), None);
    }
}
