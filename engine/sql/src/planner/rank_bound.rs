//! Tells a node that ranks rows how far its readers look, so that it need not keep the rest.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal};
use headwater_plan::{NodeId, NodeKind};

use super::GraphBuilder;
use super::select::column_index;

impl GraphBuilder {
    /// Sets the bounds of all nodes that rank rows over keys.
    pub(super) fn bound_ranks(&mut self) {
        for id in 0..self.graph.nodes.len() {
            let NodeKind::KeyedWindowFunction(node) = &self.graph.nodes[id].kind else { continue };
            if node.ranks.is_empty() {
                continue;
            }
            let last = self.graph.nodes[id].schema.visible_count();
            let ranks: Vec<usize> = (last - node.ranks.len()..last).collect();
            let bound = self.readers_bound(id, &ranks);
            if let NodeKind::KeyedWindowFunction(node) = &mut self.graph.nodes[id].kind {
                node.bound = bound;
            }
        }
    }

    /// The greatest value of a column among `columns` that any reader of a node looks at; `None` where one looks at all.
    fn readers_bound(&self, id: NodeId, columns: &[usize]) -> Option<usize> {
        let mut greatest = None;
        for edge in self.graph.outputs(id) {
            let NodeKind::Map(map) = &self.graph.nodes[edge.to].kind else { return None };
            let filtered = map.predicate.as_ref().and_then(|predicate| bound(predicate, columns));
            let bound = match filtered {
                Some(bound) => bound,
                None => {
                    let through = |index: usize| {
                        column_index(&map.columns[index]).is_some_and(|column| columns.contains(&column))
                    };
                    let columns: Vec<usize> = (0..map.columns.len()).filter(|index| through(*index)).collect();
                    self.readers_bound(edge.to, &columns)?
                }
            };
            greatest = greatest.max(Some(bound));
        }
        greatest
    }
}

/// The greatest value of one of the columns for which a predicate can be true.
fn bound(predicate: &Arc<dyn PhysicalExpr>, columns: &[usize]) -> Option<usize> {
    let binary = predicate.downcast_ref::<BinaryExpr>()?;
    if *binary.op() == Operator::And {
        let (left, right) = (bound(binary.left(), columns), bound(binary.right(), columns));
        return left.into_iter().chain(right).min();
    }
    let (column, operator, value) = match (number(binary.left()), number(binary.right())) {
        (None, Some(value)) => (binary.left(), *binary.op(), value),
        (Some(value), None) => (binary.right(), binary.op().swap()?, value),
        _ => return None,
    };
    let column = column.downcast_ref::<CastExpr>().map_or(column, CastExpr::expr);
    if !column_index(column).is_some_and(|index| columns.contains(&index)) {
        return None;
    }
    let most = match operator {
        Operator::Eq | Operator::LtEq => value,
        Operator::Lt => value.checked_sub(1)?,
        _ => return None,
    };
    Some(usize::try_from(most).unwrap_or(0))
}

fn number(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    let literal = expr.downcast_ref::<Literal>()?;
    match literal.value().cast_to(&arrow::datatypes::DataType::Int64).ok()? {
        ScalarValue::Int64(value) => value,
        _ => None,
    }
}
