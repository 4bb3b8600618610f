//! `UNNEST`: lists to rows, structs to columns.

use datafusion::common::NullHandling;
use datafusion::logical_expr;
use headwater_plan::{NodeKind, Partitioning, UnnestColumn, UnnestKind, UnnestNode};

use super::Result;
use super::select::Streams;
use super::stream::{Role, Stream};
use super::window_table::window_list;
use crate::diagnostic::Diagnostic;

impl Streams<'_> {
    pub(super) fn unnest(&mut self, plan: &logical_expr::Unnest) -> Result<Stream> {
        if let Some(list) = window_list(plan) {
            return self.window_table(plan, &list);
        }
        let input = self.stream(&plan.input)?;
        if plan.list_type_columns.iter().any(|(_, list)| list.depth > 1) {
            let error = Diagnostic::new("a list within a list is unnested one level at a time");
            return Err(error
                .at(self.place.word("UNNEST"))
                .hint("unnest the outer list in a query below, and the inner one around it"));
        }
        let columns = columns(plan);
        let roles = columns.iter().map(|column| match column.kind {
            UnnestKind::Repeated => input.roles.get(column.input).copied().unwrap_or(Role::Plain),
            _ => Role::Plain,
        });
        let roles = roles.collect();
        let schema = input.schema_of(plan.schema.as_arrow());
        let (keep_null, keep_empty) = match plan.options.null_handling {
            NullHandling::Drop => (false, false),
            NullHandling::Preserve => (true, false),
            NullHandling::PreserveAndExpandEmpty => (true, true),
        };
        let kind = NodeKind::Unnest(UnnestNode { columns, keep_null, keep_empty });
        let node = self.builder.graph.add(kind, schema.clone(), !input.ordered);
        self.builder.graph.connect(input.node, node, 0, Partitioning::Forward);
        Ok(Stream { node, schema, roles, ..input })
    }
}

fn columns(plan: &logical_expr::Unnest) -> Vec<UnnestColumn> {
    let mut fields_of = std::collections::HashMap::new();
    let column = |input: &usize| {
        let kind = if plan.list_type_columns.iter().any(|(list, _)| list == input) {
            UnnestKind::Element
        } else if plan.struct_type_columns.contains(input) {
            let next = fields_of.entry(*input).or_insert(0usize);
            *next += 1;
            UnnestKind::Field(*next - 1)
        } else {
            UnnestKind::Repeated
        };
        UnnestColumn { input: *input, kind }
    };
    plan.dependency_indices.iter().map(column).collect()
}
