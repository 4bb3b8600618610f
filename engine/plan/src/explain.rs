//! A graph as text: a line a node, with what it does and where it reads from.

use std::fmt::Write as _;

use crate::graph::{Graph, NodeId, Partitioning};
use crate::node::{NodeKind, Phase};

impl Graph {
    /// The graph as an indented text, sinks first, each above what it reads.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let sinks = (0..self.nodes.len()).filter(|id| self.outputs(*id).next().is_none());
        for sink in sinks {
            self.explain_node(sink, 0, &mut text);
        }
        text
    }

    fn explain_node(&self, id: NodeId, depth: usize, text: &mut String) {
        let _ = writeln!(text, "{:indent$}{}", "", self.describe(id), indent = depth * 2);
        for edge in self.inputs(id) {
            if let Partitioning::Hash(columns) = &edge.partitioning {
                let schema = self.nodes[edge.from].schema.full();
                let names: Vec<_> = columns.iter().map(|index| schema.field(*index).name().as_str()).collect();
                let by =
                    if names.is_empty() { "one instance".to_owned() } else { format!("hash({})", names.join(", ")) };
                let _ = writeln!(text, "{:indent$}exchange by {by}", "", indent = (depth + 1) * 2);
                self.explain_node(edge.from, depth + 2, text);
            } else {
                self.explain_node(edge.from, depth + 1, text);
            }
        }
    }

    /// One line about a node: what it does, with its expressions. Two nodes with the same line and the same schema do
    /// the same, so it also tells whether a checkpoint's state fits.
    pub fn describe(&self, id: NodeId) -> String {
        let list = |items: Vec<String>| items.join(", ");
        match &self.nodes[id].kind {
            NodeKind::Source(source) => {
                let watermark = source.watermark.as_ref().map(|w| format!(", watermark {w}")).unwrap_or_default();
                format!("source {}{watermark}", source.table)
            }
            NodeKind::Map(map) => {
                let columns = list(map.columns.iter().map(ToString::to_string).collect());
                let filter = map.predicate.as_ref().map(|p| format!(" where {p}")).unwrap_or_default();
                format!("map [{columns}]{filter}")
            }
            NodeKind::WindowAggregate(node) => {
                let phase = match node.phase {
                    Phase::Single => "",
                    Phase::Partial => "partial ",
                    Phase::Final => "final ",
                };
                let keys = list(node.keys.iter().map(ToString::to_string).collect());
                let name = |a: &crate::node::Aggregate| {
                    let filter = a.filter.as_ref().map(|f| format!(" filter {f}")).unwrap_or_default();
                    format!("{}{filter}", a.function.name())
                };
                let aggregates = list(node.aggregates.iter().map(name).collect());
                format!("{phase}aggregate [{aggregates}] by [{keys}] over {}", node.window)
            }
            NodeKind::WindowFunction(node) => {
                let functions = list(node.functions.iter().map(|f| f.name().to_owned()).collect());
                format!("window functions [{functions}] when the window closes")
            }
            NodeKind::Union => "union".to_owned(),
            NodeKind::Sink(sink) => format!("sink {}", sink.table),
        }
    }
}
