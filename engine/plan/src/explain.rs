//! A graph as text: a line a node, with what it does and where it reads from.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_expr::PhysicalExpr;
use headwater_core::StreamSchema;

use crate::awaited::{Call, LookupNode};
use crate::graph::{Graph, Node, NodeId, Partitioning};
use crate::node::{
    Aggregate, GroupAggregateNode, JoinNode, JoinTime, NodeKind, OrderNode, Phase, UnnestKind, UpsertNode,
    WindowAggregateNode,
};
use crate::window::Window;

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
            match self.exchange(edge.from, &edge.partitioning) {
                by if by.is_empty() => self.explain_node(edge.from, depth + 1, text),
                by => {
                    let _ = writeln!(text, "{:indent$}exchange by {by}", "", indent = (depth + 1) * 2);
                    self.explain_node(edge.from, depth + 2, text);
                }
            }
        }
    }

    /// One line about a node: what it does, with its expressions. Two nodes with the same line and the same schema do
    /// the same, so it also tells whether a checkpoint's state fits.
    pub fn describe(&self, id: NodeId) -> String {
        let node = &self.nodes[id];
        format!("{}{}", node.kind.name(), details(node))
    }

    /// How rows are exchanged on their way from a node; empty where they go straight on.
    pub(crate) fn exchange(&self, from: NodeId, partitioning: &Partitioning) -> String {
        let Partitioning::Hash(columns) = partitioning else { return String::new() };
        let schema = self.nodes[from].schema.full();
        let names: Vec<_> = columns.iter().map(|index| schema.field(*index).name().as_str()).collect();
        if names.is_empty() { "one instance".to_owned() } else { format!("hash({})", names.join(", ")) }
    }
}

impl NodeKind {
    /// What a node does in a few words, whatever it does it to: what its line begins with.
    pub fn name(&self) -> String {
        let name = match self {
            NodeKind::Source(_) => "source",
            NodeKind::Map(_) => "map",
            NodeKind::WindowAggregate(WindowAggregateNode { phase, .. })
            | NodeKind::GroupAggregate(GroupAggregateNode { phase, .. }) => match phase {
                Phase::Single => "aggregate",
                Phase::Partial => "partial aggregate",
                Phase::Final => "final aggregate",
            },
            NodeKind::WindowFunction(_) | NodeKind::KeyedWindowFunction(_) => "window functions",
            NodeKind::Upsert(_) => "last row",
            NodeKind::Join(join) => return format!("{} join", join.join_type.to_string().to_lowercase()),
            NodeKind::Lookup(lookup) if lookup.outer => "left look up",
            NodeKind::Lookup(_) => "look up",
            NodeKind::Call(_) => "call",
            NodeKind::Unnest(_) => "unnest",
            NodeKind::AssignWindows(_) => "assign windows",
            NodeKind::Hold(_) => "hold until windows close",
            NodeKind::LateRows(_) => "late rows",
            NodeKind::BadRecords => "records that cannot be read",
            NodeKind::Settle => "settle changes",
            NodeKind::Delay(_) => "wait",
            NodeKind::Fold { .. } => "fold changes",
            NodeKind::Order(_) => "order",
            NodeKind::Union => "union",
            NodeKind::Sink(_) => "sink",
        };
        name.to_owned()
    }
}

/// What a node's line says behind its name.
fn details(node: &Node) -> String {
    match &node.kind {
        NodeKind::Source(source) => {
            let watermark = source.watermark.as_ref().map(|w| format!(", watermark {w}")).unwrap_or_default();
            format!(" {}{watermark}", source.table)
        }
        NodeKind::Map(map) => {
            let columns = list(map.columns.iter().map(ToString::to_string).collect());
            let filter = map.predicate.as_ref().map(|p| format!(" where {p}")).unwrap_or_default();
            format!(" [{columns}]{filter}")
        }
        NodeKind::WindowAggregate(node) => {
            format!("{} over {}", aggregation(&node.keys, &node.aggregates), node.window)
        }
        NodeKind::GroupAggregate(node) => {
            let changes = if node.phase == Phase::Partial { "" } else { ", updating" };
            format!("{}{changes}{}", aggregation(&node.keys, &node.aggregates), kept(node.ttl))
        }
        NodeKind::WindowFunction(node) => {
            let functions = list(node.functions.iter().map(|f| f.name().to_owned()).collect());
            format!(" [{functions}] when the window closes")
        }
        NodeKind::KeyedWindowFunction(node) => {
            let functions = list(node.functions.iter().map(|f| f.name().to_owned()).collect());
            let bound = node.bound.map(|bound| format!(" up to {bound}")).unwrap_or_default();
            format!(" [{functions}]{bound}, updating{}", kept(node.ttl))
        }
        NodeKind::Upsert(upsert) => upsert_details(upsert, &node.schema),
        NodeKind::Join(join) => join_details(join),
        NodeKind::Lookup(lookup) => lookup_details(lookup),
        NodeKind::Call(node) => {
            let call = |call: &Call| {
                let arguments: Vec<_> = call.arguments.iter().map(ToString::to_string).collect();
                format!("{}({})", call.function.name(), arguments.join(", "))
            };
            format!(" [{}]", list(node.calls.iter().map(call).collect()))
        }
        NodeKind::Unnest(node) => {
            let columns = node.columns.iter().filter(|column| column.kind != UnnestKind::Repeated);
            format!(" columns {}", list(columns.map(|column| column.input.to_string()).collect()))
        }
        NodeKind::AssignWindows(node) => {
            let late = match node.lateness.is_zero() {
                true => String::new(),
                false => format!(", late by up to {}", humane(node.lateness)),
            };
            format!(": {}{late}", Window::Sliced(node.slicing))
        }
        NodeKind::LateRows(node) => {
            let windows = list(node.windows.iter().map(|slicing| Window::Sliced(*slicing).to_string()).collect());
            format!(" of {windows}")
        }
        NodeKind::Delay(by) => format!(" {} for late rows", humane(*by)),
        NodeKind::Fold { every } => every.map(|every| format!(", every {}", humane(every))).unwrap_or_default(),
        NodeKind::Order(order) => order_details(order),
        NodeKind::Hold(_) | NodeKind::BadRecords | NodeKind::Settle | NodeKind::Union => String::new(),
        NodeKind::Sink(sink) => format!(" {}", sink.table),
    }
}

fn aggregation(keys: &[Arc<dyn PhysicalExpr>], aggregates: &[Aggregate]) -> String {
    let keys = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let name = |aggregate: &Aggregate| {
        let filter = aggregate.filter.as_ref().map(|f| format!(" filter {f}")).unwrap_or_default();
        format!("{}{filter}", aggregate.function.name())
    };
    let aggregates = aggregates.iter().map(name).collect::<Vec<_>>().join(", ");
    format!(" [{aggregates}] by [{keys}]")
}

fn kept(ttl: Option<Duration>) -> String {
    ttl.map(|ttl| format!(", kept {}", humane(ttl))).unwrap_or_default()
}

fn list(items: Vec<String>) -> String {
    items.join(", ")
}

fn order_details(order: &OrderNode) -> String {
    let by = list(order.by.iter().map(ToString::to_string).collect());
    let fetch = order.fetch.map(|fetch| format!(", first {fetch}")).unwrap_or_default();
    let skip = if order.skip > 0 { format!(" after {}", order.skip) } else { String::new() };
    format!(" by [{by}]{fetch}{skip} at the end")
}

fn upsert_details(upsert: &UpsertNode, schema: &StreamSchema) -> String {
    let key = upsert.key.iter().map(|index| format!("{}@{index}", schema.full().field(*index).name()));
    format!(" by [{}], updating{}", list(key.collect()), kept(upsert.ttl))
}

fn join_details(join: &JoinNode) -> String {
    let pairs = join.left_keys.iter().zip(&join.right_keys);
    let on = pairs.map(|(left, right)| format!("{left} = {right}")).collect::<Vec<_>>().join(", ");
    let nulls = if join.null_equal { ", nulls equal" } else { "" };
    let condition = join.condition.as_ref().map(|condition| format!(" where {condition}")).unwrap_or_default();
    let time = match join.time {
        JoinTime::Updating(ttl) => match join.lasting {
            [false, false] => kept(ttl),
            [true, false] => format!("{}, the left for good", kept(ttl)),
            [false, true] => format!("{}, the right for good", kept(ttl)),
            [true, true] => String::new(),
        },
        JoinTime::Interval { least: 0, most: 0 } => " within one window".to_owned(),
        JoinTime::Interval { least, most } => format!(" within {} to {}", signed(least), signed(most)),
        JoinTime::AsOf => " as of the left time".to_owned(),
    };
    format!(" on [{on}]{nulls}{condition}{time}")
}

fn lookup_details(lookup: &LookupNode) -> String {
    let filters = lookup.steps.iter().filter_map(|step| step.predicate.as_ref());
    let filters: Vec<_> = filters.map(|predicate| format!(" with {predicate}")).collect();
    let condition = lookup.condition.as_ref().map(|condition| format!(" where {condition}")).unwrap_or_default();
    format!(" {} by {}{}{condition}", lookup.table, lookup.key, filters.concat())
}

fn signed(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}", humane(Duration::from_nanos(nanos.unsigned_abs())))
}

/// A length of time in the largest unit that says it whole.
fn humane(length: Duration) -> String {
    let seconds = length.as_secs();
    match (length.subsec_nanos(), seconds) {
        (0, s) if s > 0 && s % 86_400 == 0 => format!("{} d", s / 86_400),
        (0, s) if s > 0 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        (0, s) if s > 0 && s % 60 == 0 => format!("{} min", s / 60),
        _ => format!("{length:?}"),
    }
}
