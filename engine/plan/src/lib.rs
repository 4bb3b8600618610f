//! The dataflow graph: what a query becomes before anything runs.
//!
//! A [`Graph`] is nodes and edges. A node holds what an operator needs, as physical expressions over the columns of
//! its input; an edge says how rows find the instances of the next node. There is no SQL here and no I/O: sources and
//! sinks are factories that open nothing until a task asks them to.

pub mod awaited;
pub mod byte_size;
pub mod catalog;
pub mod explain;
pub mod graph;
pub mod mermaid;
pub mod node;
pub mod options;
pub mod window;

pub use awaited::{Call, CallNode, LookupNode};
pub use byte_size::{ByteSize, ByteSizeError};
pub use catalog::{ColumnDeclaration, ConnectorTable, Connectors, SinkSpec, TableDeclaration, TableError, no_lookup};
pub use graph::{Edge, Graph, GraphError, Node, NodeId, Partitioning};
pub use node::{
    Aggregate, AssignWindowsNode, GroupAggregateNode, JoinNode, JoinTime, KeyedWindowFunctionNode, LateRowsNode,
    MapNode, NodeKind, OrderNode, Phase, Rank, SinkNode, SourceNode, UnnestColumn, UnnestKind, UnnestNode, UpsertNode,
    WindowAggregateNode, WindowFunctionNode,
};
pub use options::{OptionValue, Options};
pub use window::{Slicing, Window};
