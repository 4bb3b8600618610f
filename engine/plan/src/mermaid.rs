//! A graph as a [Mermaid](https://mermaid.js.org) flowchart: what Markdown viewers draw.

use std::fmt::Write as _;

use crate::graph::{Edge, Graph};
use crate::node::NodeKind;

impl Graph {
    /// The graph as a flowchart, sources first. Tables have round ends, and an edge with a text is an exchange.
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for (id, node) in self.nodes.iter().enumerate() {
            let says = escaped(&self.describe(id));
            let _ = match node.kind {
                NodeKind::Source(_) | NodeKind::Sink(_) => writeln!(text, "    n{id}([\"{says}\"])"),
                _ => writeln!(text, "    n{id}[\"{says}\"]"),
            };
        }
        for edge in &self.edges {
            let _ = writeln!(text, "    n{} {} n{}", edge.from, self.arrow(edge), edge.to);
        }
        text
    }

    fn arrow(&self, edge: &Edge) -> String {
        let side = match &self.nodes[edge.to].kind {
            NodeKind::Join(_) if edge.input == 0 => "left",
            NodeKind::Join(_) => "right",
            _ => "",
        };
        let exchange = self.exchange(edge.from, &edge.partitioning);
        let says: Vec<&str> = [side, &exchange].into_iter().filter(|part| !part.is_empty()).collect();
        match says.is_empty() {
            true => "-->".to_owned(),
            false => format!("-->|\"{}\"|", escaped(&says.join(", "))),
        }
    }
}

/// A text between double quotes, in which Mermaid takes some signs for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(sign));
            }
            sign if sign.is_control() => escaped.push(' '),
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_would_read_is_escaped() {
        assert_eq!(escaped("map [a@0 > \"b\"]\n`#`"), "map [a@0 #62; #34;b#34;] #96;#35;#96;");
    }
}
