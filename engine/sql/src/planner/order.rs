//! `ORDER BY`, `LIMIT` and `OFFSET`: over a bounded input they wait for its end. A stream that does not end has neither
//! an order nor first rows.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Sort};
use datafusion::physical_expr::PhysicalSortExpr;
use headwater_core::StreamSchema;
use headwater_plan::{NodeKind, OrderNode};

use super::Result;
use super::select::{Streams, unaliased};
use super::stream::Stream;
use crate::diagnostic::Diagnostic;

/// Which rows of an order come out.
#[derive(Clone, Copy)]
struct Slice {
    skip: usize,
    fetch: Option<usize>,
}

impl Slice {
    const ALL: Slice = Slice { skip: 0, fetch: None };

    /// What is left when more is left out of it.
    fn within(self, outer: Slice) -> Slice {
        let left = self.fetch.map(|fetch| fetch.saturating_sub(outer.skip));
        let fetch = match (left, outer.fetch) {
            (Some(left), Some(fetch)) => Some(left.min(fetch)),
            (left, fetch) => left.or(fetch),
        };
        Slice { skip: self.skip.saturating_add(outer.skip), fetch }
    }
}

impl Streams<'_> {
    /// The stream of a plan that is a sort or a limit.
    pub(super) fn ordered(&mut self, plan: &LogicalPlan) -> Result<Stream> {
        self.sliced(plan, Slice::ALL)
    }

    /// The rows of `slice` in the order of the sort below, if there is one.
    fn sliced(&mut self, plan: &LogicalPlan, slice: Slice) -> Result<Stream> {
        match plan {
            LogicalPlan::Limit(limit) => {
                let own = self.slice_of(limit)?;
                self.sliced(&limit.input, own.within(slice))
            }
            LogicalPlan::Sort(sort) => {
                let own = Slice { skip: 0, fetch: sort.fetch };
                self.sort(sort, own.within(slice))
            }
            // What does not change the number of rows keeps their order.
            LogicalPlan::Projection(projection) => {
                let input = self.sliced(&projection.input, slice)?;
                self.project(projection, &projection.input, None, input)
            }
            LogicalPlan::SubqueryAlias(alias) => self.sliced(&alias.input, slice),
            other => {
                let input = self.stream(other)?;
                if !input.bounded {
                    return Err(self.endless_limit());
                }
                Ok(self.order_node(input, Vec::new(), slice))
            }
        }
    }

    fn slice_of(&self, limit: &Limit) -> Result<Slice> {
        let number = |expr: &Option<Box<Expr>>| match expr.as_deref().map(unaliased) {
            None | Some(Expr::Literal(ScalarValue::Null | ScalarValue::Int64(None), _)) => Ok(None),
            Some(Expr::Literal(ScalarValue::Int64(Some(count)), _)) if *count >= 0 => {
                Ok(Some(usize::try_from(*count).unwrap_or(usize::MAX)))
            }
            Some(other) => {
                let error = Diagnostic::new(format!("LIMIT and OFFSET take a number of rows, not {other}"));
                Err(error.at(self.place.any(&["LIMIT", "OFFSET", "FETCH"])))
            }
        };
        Ok(Slice { skip: number(&limit.skip)?.unwrap_or(0), fetch: number(&limit.fetch)? })
    }

    fn sort(&mut self, sort: &Sort, slice: Slice) -> Result<Stream> {
        let input = self.stream(&sort.input)?;
        if !input.bounded {
            return Err(match slice.fetch {
                Some(_) => self.endless_limit(),
                None => self.endless_order(),
            });
        }
        let scope = self.scope(sort.input.schema(), &input)?;
        let mut by = Vec::with_capacity(sort.expr.len());
        for order in &sort.expr {
            let options = arrow::compute::SortOptions { descending: !order.asc, nulls_first: order.nulls_first };
            by.push(PhysicalSortExpr { expr: scope.physical(&order.expr)?, options });
        }
        Ok(self.order_node(input, by, slice))
    }

    fn order_node(&mut self, input: Stream, by: Vec<PhysicalSortExpr>, slice: Slice) -> Stream {
        let schema = StreamSchema::append_only(&input.schema.visible());
        let kind = NodeKind::Order(OrderNode { by, skip: slice.skip, fetch: slice.fetch });
        let node = self.builder.graph.add(kind, schema.clone(), false);
        let partitioning = self.builder.exchange(Vec::new());
        self.builder.graph.connect(input.node, node, 0, partitioning);
        Stream { node, schema, ordered: true, timed: false, ..input }
    }

    fn endless_order(&self) -> Diagnostic {
        let error = Diagnostic::new("a stream has no end, so it cannot be sorted as a whole");
        error.at(self.place.words(&["ORDER", "BY"])).at(self.place.start()).hint(
            "leave ORDER BY out, or rank the rows of each window: ROW_NUMBER() OVER (PARTITION BY window ORDER BY …)",
        )
    }

    fn endless_limit(&self) -> Diagnostic {
        let error = Diagnostic::new("a stream has no first rows to limit it to");
        error
            .at(self.place.any(&["LIMIT", "OFFSET", "FETCH"]))
            .at(self.place.start())
            .hint("rank the rows with ROW_NUMBER() OVER (PARTITION BY window ORDER BY …) and filter by it")
    }
}
