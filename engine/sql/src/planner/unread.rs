//! Tells a source which of its columns nobody looks at, so that they need not be read.

use datafusion::physical_expr::utils::collect_columns;
use headwater_core::source::may_be_unread;
use headwater_plan::{NodeId, NodeKind};

use super::GraphBuilder;

impl GraphBuilder {
    /// Lets every source leave out what it can.
    pub(super) fn leave_out_columns(&mut self) {
        for id in 0..self.graph.nodes.len() {
            let Some(unread) = self.unread(id).filter(|unread| !unread.is_empty()) else { continue };
            let NodeKind::Source(source) = &mut self.graph.nodes[id].kind else { continue };
            let connector = source.factory.schema();
            let mut read: Vec<bool> = connector.fields().iter().map(|field| !may_be_unread(field)).collect();
            for (_, expr) in source.columns.iter().enumerate().filter(|(index, _)| !unread.contains(index)) {
                collect_columns(expr).iter().for_each(|column| read[column.index()] = true);
            }
            if let Some(factory) = source.factory.reading(&read) {
                source.factory = factory;
            }
            source.unread = unread;
        }
    }

    /// The visible columns of a source that neither its readers nor its event time look at. Changes are compared whole.
    fn unread(&self, id: NodeId) -> Option<Vec<usize>> {
        let node = &self.graph.nodes[id];
        let NodeKind::Source(source) = &node.kind else { return None };
        if node.schema.is_updating() {
            return None;
        }
        let mut looked_at = vec![false; node.schema.full().fields().len()];
        let mut look = |expr| collect_columns(expr).iter().for_each(|column| looked_at[column.index()] = true);
        source.event_time.iter().chain(&source.watermark).for_each(&mut look);
        for edge in self.graph.outputs(id).filter(|edge| !self.graph.carries_bad_records(edge)) {
            // Whoever is no map takes the rows whole.
            let NodeKind::Map(map) = &self.graph.nodes[edge.to].kind else { return None };
            map.columns.iter().chain(&map.predicate).for_each(&mut look);
        }
        let visible = node.schema.visible();
        let may = |index: &usize| !looked_at[*index] && may_be_unread(visible.field(*index));
        Some((0..visible.fields().len()).filter(may).collect())
    }
}
