//! Logical plans to streams: tables, filters, projections and unions. Aggregates, joins, window functions, lists and
//! orders have their own files; what a stream cannot do is refused here, with what to write instead.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, TableScan, Union};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::StreamSchema;
use headwater_plan::{MapNode, NodeKind, Partitioning};

use super::awaited::{Answered, any_waits};
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
    /// Whether windows give results before they close.
    pub(super) early: bool,
}

impl<'a> Streams<'a> {
    /// The stream of a plan. A plan that has one already, in this statement or another, gets the same.
    pub(super) fn stream(&mut self, plan: &LogicalPlan) -> Result<Stream> {
        // A plan that gives early results is another one.
        if let Some(stream) = self.builder.planned(plan).filter(|_| !self.early) {
            return Ok(stream);
        }
        let stream = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan)?,
            LogicalPlan::SubqueryAlias(alias) => self.stream(&alias.input)?,
            LogicalPlan::Projection(projection) => self.projection(projection)?,
            LogicalPlan::Filter(filter) => self.filter(filter)?,
            LogicalPlan::Union(union) => self.union(union)?,
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate)?,
            LogicalPlan::Window(window) => self.window_functions(window)?,
            LogicalPlan::Join(join) => self.join(join)?,
            LogicalPlan::Unnest(unnest) => self.unnest(unnest)?,
            LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => self.ordered(plan)?,
            LogicalPlan::Values(values) => self.values(values)?,
            LogicalPlan::EmptyRelation(relation) => self.no_table(relation)?,
            other => return Err(self.refuse(other)),
        };
        if !self.early {
            self.builder.remember(plan, &stream);
        }
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
        let stream = match &self.catalog.readable(name)?.read {
            Read::Stream(stream) => stream.clone(),
            Read::Lookup(table) => return Err(self.only_looked_up(table)),
            Read::Never | Read::Unfilled => return Err(Diagnostic::new(format!("table '{name}' cannot be read"))),
        };
        Ok(match &scan.projection {
            Some(columns) if !columns.iter().copied().eq(0..stream.schema.visible_count()) => {
                self.builder.choose(&stream, columns)
            }
            _ => stream,
        })
    }

    fn filter(&mut self, filter: &Filter) -> Result<Stream> {
        let input = self.stream(&filter.input)?;
        let (schema, roles) = (input.schema.clone(), input.roles.clone());
        let answered = self.answered(std::slice::from_ref(&filter.predicate), filter.input.schema(), input)?;
        let scope = self.scope(&answered.names, &answered.stream)?;
        let predicate = answered.exprs.first().map(|predicate| scope.physical(predicate)).transpose()?;
        // What was answered is behind the columns, and of no more use.
        let node = MapNode { predicate, columns: identity(&schema) };
        Ok(self.builder.map(&answered.stream, node, schema, roles))
    }

    /// A projection, together with the filter below it.
    fn projection(&mut self, projection: &Projection) -> Result<Stream> {
        // Nobody is asked about rows that are not wanted.
        let waits = projection.expr.iter().any(any_waits);
        let (below, filter) = match projection.input.as_ref() {
            LogicalPlan::Filter(filter) if !waits && !any_waits(&filter.predicate) => {
                (&filter.input, Some(&filter.predicate))
            }
            _ => (&projection.input, None),
        };
        let input = self.stream(below)?;
        self.project(projection, below, filter, input)
    }

    /// The columns of a projection over the stream of what is below it.
    pub(super) fn project(
        &mut self,
        projection: &Projection,
        below: &LogicalPlan,
        filter: Option<&Expr>,
        input: Stream,
    ) -> Result<Stream> {
        let Answered { exprs, names, stream: input } = self.answered(&projection.expr, below.schema(), input)?;
        let scope = self.scope(&names, &input)?;
        let predicate = filter.map(|predicate| scope.physical(predicate)).transpose()?;
        let columns = exprs.iter().map(|expr| scope.physical(expr)).collect::<Result<Vec<_>>>()?;
        let roles = projection.expr.iter().map(|expr| input.role(expr, below.schema())).collect();
        let schema = input.schema_of(projection.schema.as_arrow());
        if predicate.is_none() && is_identity(&columns) && same_columns(schema.full(), input.schema.full()) {
            return Ok(input);
        }
        Ok(self.builder.map(&input, MapNode { predicate, columns }, schema, roles))
    }

    fn union(&mut self, union: &Union) -> Result<Stream> {
        let inputs = union.inputs.iter().map(|input| self.stream(input)).collect::<Result<Vec<_>>>()?;
        let updating = inputs.iter().any(Stream::is_updating);
        let schema = StreamSchema::with_hidden(union.schema.as_arrow(), updating);
        Ok(self.builder.union(inputs, schema))
    }

    fn refuse(&self, plan: &LogicalPlan) -> Diagnostic {
        let place = self.place;
        let (message, hint, span) = match plan {
            LogicalPlan::RecursiveQuery(_) => {
                ("a query over a stream cannot be recursive", "leave RECURSIVE out", place.word("RECURSIVE"))
            }
            LogicalPlan::Subquery(_) => (
                "this correlated query cannot be turned into a join",
                "write it as a JOIN, or correlate it by equality only",
                place.nested_select(),
            ),
            _ => (
                "this query cannot be computed over a stream",
                "use filters, projections, joins, aggregates, windows and set operations",
                None,
            ),
        };
        Diagnostic::new(message).at(span).at(place.start()).hint(hint)
    }
}

impl GraphBuilder {
    /// Adds a map behind a stream.
    pub(super) fn map(&mut self, input: &Stream, node: MapNode, schema: StreamSchema, roles: Vec<Role>) -> Stream {
        let node = self.graph.add(NodeKind::Map(node), schema.clone(), !input.ordered);
        self.graph.connect(input.node, node, 0, Partitioning::Forward);
        Stream { node, schema, roles, ..*input }
    }

    /// Some of a stream's columns, in this order.
    pub(super) fn choose(&mut self, input: &Stream, columns: &[usize]) -> Stream {
        let visible = input.schema.visible();
        let fields: Vec<_> = columns.iter().map(|index| visible.field(*index).clone()).collect();
        let schema = input.schema_of(&arrow::datatypes::Schema::new(fields));
        let roles = columns.iter().map(|index| input.roles.get(*index).copied().unwrap_or(Role::Plain)).collect();
        let column = |index: &usize| {
            Arc::new(Column::new(input.schema.full().field(*index).name(), *index)) as Arc<dyn PhysicalExpr>
        };
        let node = MapNode { predicate: None, columns: columns.iter().map(column).collect() };
        self.map(input, node, schema, roles)
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
        let mut windows = inputs.iter().map(|input| input.windowed);
        let first = windows.next().unwrap_or(Windowed::No);
        let windowed = if windows.all(|window| window == first) {
            first
        } else if inputs.iter().all(|input| input.windowed != Windowed::No) {
            Windowed::Varying
        } else {
            Windowed::No
        };
        let timed = inputs.iter().all(|input| input.timed);
        let bounded = inputs.iter().all(|input| input.bounded);
        let lateness = inputs.iter().map(|input| input.lateness).max().unwrap_or_default();
        Stream { node, schema, roles, windowed, timed, bounded, lateness, ordered: false }
    }

    /// The stream with these column names, as a changelog where that is asked for; the types are the same already.
    pub(super) fn conform(&mut self, input: Stream, schema: &StreamSchema) -> Stream {
        if same_columns(input.schema.full(), schema.full()) {
            return input;
        }
        let columns = identity(&input.schema);
        let roles = input.roles.clone();
        self.map(&input, MapNode { predicate: None, columns }, schema.clone(), roles)
    }

    /// How rows find the instances of a node that has more than one: by these columns, or straight on.
    pub(super) fn exchange(&self, columns: Vec<usize>) -> Partitioning {
        if self.parallelism == 1 { Partitioning::Forward } else { Partitioning::Hash(columns) }
    }

    /// The stream with columns for these expressions behind its own where they are not columns already, and where each
    /// is. So that rows can be exchanged by them; the same at every parallelism, as state depends on it.
    pub(super) fn with_keys(&mut self, input: &Stream, keys: &[Arc<dyn PhysicalExpr>]) -> Result<(Stream, Vec<usize>)> {
        let mut columns = identity(&input.schema);
        let visible = input.schema.visible();
        let mut fields: Vec<_> = visible.fields().iter().cloned().collect();
        let mut places = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(index) = column_index(key).filter(|index| *index < input.schema.visible_count()) {
                places.push(index);
                continue;
            }
            let field = key.return_field(input.schema.full());
            let field = field.map_err(|error| Diagnostic::new(error.message().into_owned()))?;
            places.push(columns.len());
            fields.push(Arc::new(field.as_ref().clone().with_name(format!("_key_{}", columns.len()))));
            columns.push(key.clone());
        }
        if columns.len() == input.schema.visible_count() {
            return Ok((input.clone(), places));
        }
        let schema = input.schema_of(&arrow::datatypes::Schema::new(fields));
        let mut roles = input.roles.clone();
        roles.resize(schema.visible_count(), Role::Plain);
        Ok((self.map(input, MapNode { predicate: None, columns }, schema, roles), places))
    }

    /// An append-only stream with the rows of a changelog that has event times, once they are settled; any other stream
    /// as it is.
    pub(super) fn settled(&mut self, input: Stream) -> Stream {
        if !input.is_updating() || !input.timed {
            return input;
        }
        let input = self.punctual(input);
        let schema = StreamSchema::append_only(&input.schema.visible());
        let columns: Vec<usize> = (0..schema.visible_count()).collect();
        // Rows without columns are all dealt to one instance.
        let node = self.graph.add(NodeKind::Settle, schema.clone(), !columns.is_empty());
        let partitioning = self.exchange(columns);
        self.graph.connect(input.node, node, 0, partitioning);
        Stream { node, schema, ..input }
    }

    /// The stream with its watermark held back so far that the rows which may come late are not.
    pub(super) fn punctual(&mut self, input: Stream) -> Stream {
        if input.lateness.is_zero() {
            return input;
        }
        let node = self.graph.add(NodeKind::Delay(input.lateness), input.schema.clone(), !input.ordered);
        self.graph.connect(input.node, node, 0, Partitioning::Forward);
        Stream { node, lateness: Duration::ZERO, ..input }
    }

    /// The stream for what waits for the watermark and corrects nothing: only rows that stay, and none that are late.
    pub(super) fn in_time(&mut self, input: Stream) -> Stream {
        let settled = self.settled(input);
        self.punctual(settled)
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
