//! Logical plans to streams: tables, filters, projections and unions. Aggregates and window functions have their own
//! files; what a stream cannot do is refused here, with what to write instead.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, TableScan, Union};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::StreamSchema;
use headwater_plan::{MapNode, NodeKind, Partitioning};

use super::expression::Scope;
use super::stream::{Role, Stream, Windowed, same_columns};
use super::{GraphBuilder, Result};
use crate::catalog::{Catalog, Read, TableColumns};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;

/// Makes the streams of one statement.
pub(super) struct Streams<'a> {
    /// Where nodes go.
    pub(super) builder: &'a mut GraphBuilder,
    /// Where tables come from.
    pub(super) catalog: &'a Catalog,
    /// Where errors are looked for.
    pub(super) place: Place<'a>,
}

impl<'a> Streams<'a> {
    /// The stream of a plan. A plan that has one already, in this statement or another, gets the same.
    pub(super) fn stream(&mut self, plan: &LogicalPlan) -> Result<Stream> {
        if let Some(stream) = self.builder.planned(plan) {
            return Ok(stream);
        }
        let stream = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan)?,
            LogicalPlan::SubqueryAlias(alias) => self.stream(&alias.input)?,
            LogicalPlan::Projection(projection) => self.projection(projection)?,
            LogicalPlan::Filter(filter) => {
                let input = self.stream(&filter.input)?;
                let predicate = self.scope(filter.input.schema(), &input)?.physical(&filter.predicate)?;
                let columns = identity(&input.schema);
                let node = MapNode { predicate: Some(predicate), columns };
                let (schema, roles) = (input.schema.clone(), input.roles.clone());
                self.builder.map(&input, node, schema, roles)
            }
            LogicalPlan::Union(union) => self.union(union)?,
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate)?,
            LogicalPlan::Window(window) => self.window_functions(window)?,
            other => return Err(self.refuse(other)),
        };
        self.builder.remember(plan, &stream);
        Ok(stream)
    }

    /// The scope of expressions over a stream.
    pub(super) fn scope<'s>(&self, names: &DFSchema, stream: &'s Stream) -> Result<Scope<'s>>
    where
        'a: 's,
    {
        Scope::new(names, stream, self.place)
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Stream> {
        let name = scan.source.downcast_ref::<TableColumns>().map_or(scan.table_name.table(), |table| &table.name);
        match &self.catalog.readable(name)?.read {
            Read::Stream(stream) => Ok(stream.clone()),
            Read::Never | Read::Unfilled => Err(Diagnostic::new(format!("table '{name}' cannot be read"))),
        }
    }

    /// A projection, together with the filter below it.
    fn projection(&mut self, projection: &Projection) -> Result<Stream> {
        let (below, filter) = match projection.input.as_ref() {
            LogicalPlan::Filter(filter) => (&filter.input, Some(&filter.predicate)),
            _ => (&projection.input, None),
        };
        let input = self.stream(below)?;
        let scope = self.scope(below.schema(), &input)?;
        let predicate = filter.map(|predicate| scope.physical(predicate)).transpose()?;
        let columns = projection.expr.iter().map(|expr| scope.physical(expr)).collect::<Result<Vec<_>>>()?;
        let roles = projection.expr.iter().map(|expr| input.role(expr, below.schema())).collect();
        let schema = StreamSchema::append_only(projection.schema.as_arrow());
        if predicate.is_none() && is_identity(&columns) && same_columns(schema.full(), input.schema.full()) {
            return Ok(input);
        }
        Ok(self.builder.map(&input, MapNode { predicate, columns }, schema, roles))
    }

    fn union(&mut self, union: &Union) -> Result<Stream> {
        let schema = StreamSchema::append_only(union.schema.as_arrow());
        let inputs = union.inputs.iter().map(|input| self.stream(input)).collect::<Result<Vec<_>>>()?;
        Ok(self.builder.union(inputs, schema))
    }

    fn refuse(&self, plan: &LogicalPlan) -> Diagnostic {
        let place = self.place;
        let (message, hint, span) = match plan {
            LogicalPlan::Sort(_) => (
                "a stream has no end, so it cannot be sorted as a whole",
                "leave ORDER BY out, or rank the rows of each window: ROW_NUMBER() OVER (PARTITION BY window ORDER BY …)",
                place.words(&["ORDER", "BY"]),
            ),
            LogicalPlan::Limit(_) => (
                "a stream has no first rows to limit it to",
                "rank the rows of each window with ROW_NUMBER() OVER (PARTITION BY window ORDER BY …) and filter by it",
                place.any(&["LIMIT", "OFFSET", "FETCH"]),
            ),
            LogicalPlan::Join(_) if place.any(&["INTERSECT", "EXCEPT"]).is_some() && place.word("JOIN").is_none() => (
                "INTERSECT and EXCEPT over a stream would have to remember every row",
                "filter with a condition instead",
                place.any(&["INTERSECT", "EXCEPT"]),
            ),
            LogicalPlan::Join(_) => (
                "tables cannot be joined here",
                "read one table a query; UNION ALL puts the rows of several together",
                place.any(&["JOIN", "FROM"]),
            ),
            LogicalPlan::Distinct(_) => (
                "DISTINCT over a stream would have to remember every row",
                "group by the columns within a window: GROUP BY tumble(interval '1 minute'), a, b",
                place.any(&["DISTINCT", "UNION"]),
            ),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => (
                "a continuous query reads a table, and this one reads none",
                "add FROM and a table",
                place.any(&["VALUES"]),
            ),
            LogicalPlan::Unnest(_) => {
                ("UNNEST cannot be computed over a stream", "take single elements: items[1]", place.word("UNNEST"))
            }
            LogicalPlan::RecursiveQuery(_) => {
                ("a query over a stream cannot be recursive", "leave RECURSIVE out", place.word("RECURSIVE"))
            }
            _ => {
                ("this query cannot be computed over a stream", "use filters, projections, windows and UNION ALL", None)
            }
        };
        Diagnostic::new(message).at(span).at(place.start()).hint(hint)
    }
}

impl GraphBuilder {
    /// Adds a map behind a stream.
    pub(super) fn map(&mut self, input: &Stream, node: MapNode, schema: StreamSchema, roles: Vec<Role>) -> Stream {
        let node = self.graph.add(NodeKind::Map(node), schema.clone(), true);
        self.graph.connect(input.node, node, 0, Partitioning::Forward);
        Stream { node, schema, roles, ..*input }
    }

    /// The rows of all inputs, in one schema.
    pub(super) fn union(&mut self, inputs: Vec<Stream>, schema: StreamSchema) -> Stream {
        let inputs: Vec<Stream> = inputs.into_iter().map(|input| self.conform(input, &schema)).collect();
        let node = self.graph.add(NodeKind::Union, schema.clone(), true);
        for input in &inputs {
            self.graph.connect(input.node, node, 0, Partitioning::Forward);
        }
        let role = |index: usize| {
            let mut roles = inputs.iter().map(|input| input.roles.get(index).copied().unwrap_or(Role::Plain));
            let first = roles.next().unwrap_or(Role::Plain);
            if roles.all(|role| role == first) { first } else { Role::Plain }
        };
        let roles = (0..schema.visible_count()).map(role).collect();
        let windowed = if inputs.iter().all(|input| input.windowed != Windowed::No) && !inputs.is_empty() {
            Windowed::Varying
        } else {
            Windowed::No
        };
        Stream { node, schema, roles, windowed, timed: inputs.iter().all(|input| input.timed) }
    }

    /// The stream with these column names; the types are the same already.
    pub(super) fn conform(&mut self, input: Stream, schema: &StreamSchema) -> Stream {
        if same_columns(input.schema.full(), schema.full()) {
            return input;
        }
        let columns = identity(&input.schema);
        let roles = input.roles.clone();
        self.map(&input, MapNode { predicate: None, columns }, schema.clone(), roles)
    }
}

/// Every visible column as it is.
pub(super) fn identity(schema: &StreamSchema) -> Vec<Arc<dyn PhysicalExpr>> {
    let fields = schema.full().fields().iter().take(schema.visible_count()).enumerate();
    fields.map(|(index, field)| Arc::new(Column::new(field.name(), index)) as Arc<dyn PhysicalExpr>).collect()
}

fn is_identity(columns: &[Arc<dyn PhysicalExpr>]) -> bool {
    let at = |(index, expr): (usize, &Arc<dyn PhysicalExpr>)| column_index(expr) == Some(index);
    columns.iter().enumerate().all(at)
}

/// The index of a plain column.
pub(super) fn column_index(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

/// An expression without its aliases.
pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
