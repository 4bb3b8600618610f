//! Windows whose results may still change: given early (`EMIT CHANGES`), or corrected by late rows (`allowed_lateness`).
//!
//! Each row is given the windows that it falls in, and the window becomes a key like any other: what comes out is a
//! changelog. Without early results it is held back until the window closes.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::EVENT_TIME;
use headwater_plan::{Aggregate, NodeKind, Partitioning, Slicing, Window};

use super::Result;
use super::aggregate::{Groups, WindowGrouping};
use super::select::Streams;
use super::stream::Stream;
use crate::diagnostic::Diagnostic;

/// Windows that are corrected.
pub(super) struct Corrected {
    slicing: Slicing,
    lateness: Duration,
    early: bool,
}

impl Streams<'_> {
    /// How a window's results change, if they do. A window over windows is given whole: its rows are.
    pub(super) fn corrected(&self, input: &Stream, grouping: &WindowGrouping) -> Result<Option<Corrected>> {
        let lateness = input.lateness;
        let early = self.early;
        if (lateness.is_zero() && !early) || grouping.window == Window::instant() {
            return Ok(None);
        }
        match grouping.window {
            Window::Sliced(slicing) => Ok(Some(Corrected { slicing, lateness, early })),
            Window::Session { .. } if early => {
                let error = Diagnostic::new("a session is not known before it has ended");
                Err(error.at(self.place.word("EMIT")).hint("leave EMIT CHANGES out, or use tumble() or hop()"))
            }
            // It is given once, when no late row can lengthen it any more.
            Window::Session { .. } => Ok(None),
        }
    }

    pub(super) fn corrected_windows(
        &mut self,
        input: &Stream,
        grouping: WindowGrouping,
        corrected: Corrected,
        aggregates: Vec<Aggregate>,
        output: &Schema,
    ) -> Result<Stream> {
        let WindowGrouping { window_index, mut keys, mut key_fields, roles, windowed, .. } = grouping;
        self.no_row_time(&keys, &aggregates)?;
        let assigned = self.assigned(input, corrected.slicing, corrected.lateness);
        let window = assigned.schema.visible_count() - 1;
        let index = window_index.unwrap_or(keys.len());
        let field: FieldRef = match window_index {
            Some(index) => Arc::new(output.field(index).clone()),
            None => Arc::new(assigned.schema.full().field(window).clone()),
        };
        keys.insert(index, Arc::new(Column::new(field.name(), window)));
        key_fields.insert(index, field);
        let key_places: Vec<usize> = (0..keys.len()).collect();
        let groups = Groups { keys, key_fields, ttl: Some(corrected.lateness), windowed: true };
        let mut stream = self.builder.group_aggregate(&assigned, groups, aggregates, output)?;
        if !corrected.early {
            let schema = stream.schema.clone();
            let node = self.builder.graph.add(NodeKind::Hold(key_places), schema, true);
            self.builder.graph.connect(stream.node, node, 0, Partitioning::Forward);
            stream = Stream { node, ..stream };
        }
        let lateness = corrected.lateness;
        Ok(Stream { roles, windowed, timed: true, lateness, ..stream })
    }

    /// Once a row has its windows its event time is theirs.
    fn no_row_time(&self, keys: &[Arc<dyn PhysicalExpr>], aggregates: &[Aggregate]) -> Result<()> {
        let names_time = |expr: &Arc<dyn PhysicalExpr>| {
            let collected = datafusion::physical_expr::utils::collect_columns(expr);
            collected.iter().any(|column| column.name() == EVENT_TIME)
        };
        let in_aggregates = aggregates
            .iter()
            .any(|aggregate| aggregate.function.expressions().iter().chain(&aggregate.filter).any(names_time));
        if !in_aggregates && !keys.iter().any(names_time) {
            return Ok(());
        }
        let error = Diagnostic::new("row_time() cannot be aggregated in windows whose results are corrected");
        Err(error.at(self.place.word("row_time")).hint("name the event-time column itself"))
    }
}
