//! Queries into tables: the columns of a query fitted to those of its sink, and sinks bound once all inserts are known.

use std::sync::Arc;
use std::time::Duration;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use headwater_core::StreamSchema;
use headwater_plan::options::nearest;
use headwater_plan::{NodeKind, Partitioning, SinkNode, SinkSpec};

use super::option::table_error;
use super::stream::Stream;
use super::{GraphBuilder, Result};
use crate::catalog::Declaration;
use crate::diagnostic::clean::clean;
use crate::diagnostic::place::Place;
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::Name;
use crate::types::sql_name;

/// A sink and everything that is written to it.
#[derive(Clone, Debug)]
pub(super) struct PendingSink {
    /// The table's name.
    pub(super) table: String,
    /// What it was declared as.
    pub(super) declaration: Arc<Declaration>,
    /// Where the statement that writes it first names it.
    pub(super) written_at: Option<Span>,
    /// Learns the columns and makes the sink.
    pub(super) spec: Arc<dyn SinkSpec>,
    /// The inserts.
    pub(super) inputs: Vec<Stream>,
}

impl GraphBuilder {
    /// Adds the sink node behind the union of its inputs.
    pub(super) fn sink(&mut self, sink: &PendingSink) -> Result<()> {
        let Some(first) = sink.inputs.first() else { return Ok(()) };
        let input = match sink.inputs.as_slice() {
            [only] => only.clone(),
            inputs => {
                let schema = union_schema(inputs, &first.schema);
                self.union(inputs.to_vec(), schema)
            }
        };
        let input = self.folded(input);
        let factory = sink.spec.bind(&input.schema).map_err(|error| {
            let about_declaration = error.option.is_some();
            let error = table_error(error, &sink.declaration);
            let span = if about_declaration { error.span.or(sink.written_at) } else { sink.written_at.or(error.span) };
            Diagnostic { span, ..error }
        })?;
        let parallel = factory.parallel() && !input.ordered;
        let node = NodeKind::Sink(SinkNode { table: sink.table.clone(), factory });
        let node = self.graph.add(node, input.schema.clone(), parallel);
        self.graph.connect(input.node, node, 0, Partitioning::Forward);
        Ok(())
    }
}

impl GraphBuilder {
    /// Folds the changes that a sink gets, where its query does not do so already.
    fn folded(&mut self, input: Stream) -> Stream {
        let is_fold = matches!(self.graph.nodes[input.node].kind, NodeKind::Fold { .. });
        if !input.is_updating() || is_fold { input } else { self.fold(input, None) }
    }

    /// Folds changes, for so long at least.
    pub(super) fn fold(&mut self, input: Stream, every: Option<Duration>) -> Stream {
        let node = self.graph.add(NodeKind::Fold { every }, input.schema.clone(), true);
        self.graph.connect(input.node, node, 0, Partitioning::Forward);
        Stream { node, ..input }
    }
}

/// The columns of the first insert, each nullable where it is in any.
fn union_schema(inputs: &[Stream], first: &StreamSchema) -> StreamSchema {
    let nullable = |index: usize| inputs.iter().any(|input| input.schema.full().field(index).is_nullable());
    let visible = first.visible();
    let fields = visible.fields().iter().enumerate();
    let fields: Vec<Field> = fields.map(|(i, field)| field.as_ref().clone().with_nullable(nullable(i))).collect();
    StreamSchema::with_hidden(&Schema::new(fields), inputs.iter().any(Stream::is_updating))
}

/// The columns of a table and what a query gives for them.
pub(super) struct Fit<'a> {
    /// The table written.
    pub(super) table: &'a Name,
    /// Its columns.
    pub(super) columns: &'a SchemaRef,
    /// The columns that the INSERT names.
    pub(super) named: &'a [Name],
    /// Where errors are looked for.
    pub(super) place: Place<'a>,
}

impl Fit<'_> {
    /// The query with a projection on top where its columns are not those of the table already.
    pub(super) fn apply(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let given = plan.schema().clone();
        let sources = self.sources(given.fields().len())?;
        let mut exprs = Vec::new();
        for (target, source) in self.columns.fields().iter().zip(sources) {
            let expr = match source {
                Some(index) => {
                    let (qualifier, field) = given.qualified_field(index);
                    let column = Expr::Column(datafusion::common::Column::from((qualifier, field)));
                    self.convert(column, field, target)?
                }
                None if target.is_nullable() => {
                    let null = ScalarValue::try_from(target.data_type()).map_err(|error| clean(error, self.place))?;
                    lit(null)
                }
                None => {
                    let message =
                        format!("column '{}' of '{}' is NOT NULL and gets no value", target.name(), self.table.text);
                    return Err(Diagnostic::new(message).at(self.table.span));
                }
            };
            exprs.push(expr.alias(target.name()));
        }
        let same = |(target, field): (&Arc<Field>, &Arc<Field>)| {
            target.name() == field.name() && target.data_type() == field.data_type()
        };
        if self.columns.fields().len() == given.fields().len()
            && self.named.is_empty()
            && self.columns.fields().iter().zip(given.fields().iter()).all(same)
        {
            return Ok(plan);
        }
        let project = || LogicalPlanBuilder::from(plan).project(exprs)?.build();
        project().map_err(|error| clean(error, self.place))
    }

    /// For each column of the table the number of the query's column that fills it.
    fn sources(&self, given: usize) -> Result<Vec<Option<usize>>> {
        let wanted = if self.named.is_empty() { self.columns.fields().len() } else { self.named.len() };
        if given != wanted {
            let names = self.columns.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
            let message = format!("'{}' takes {}, and the query gives {given}", self.table.text, counted(wanted));
            return Err(Diagnostic::new(message).at(self.table.span).hint(format!("its columns: {names}")));
        }
        if self.named.is_empty() {
            return Ok((0..given).map(Some).collect());
        }
        for (index, name) in self.named.iter().enumerate() {
            if self.columns.column_with_name(&name.text).is_none() {
                let near = nearest(&name.text, self.columns.fields().iter().map(|field| field.name().as_str()));
                let error = Diagnostic::new(format!("'{}' has no column '{}'", self.table.text, name.text));
                return Err(error.at(name.span).hint_opt(near.map(|near| format!("did you mean '{near}'?"))));
            }
            if self.named.iter().take(index).any(|other| other.text == name.text) {
                return Err(Diagnostic::new(format!("column '{}' is named twice", name.text)).at(name.span));
            }
        }
        let position = |field: &Arc<Field>| self.named.iter().position(|name| name.text == *field.name());
        Ok(self.columns.fields().iter().map(position).collect())
    }

    fn convert(&self, column: Expr, given: &Field, target: &Field) -> Result<Expr> {
        let (from, to) = (given.data_type(), target.data_type());
        if given.is_nullable() && !target.is_nullable() {
            let (name, table) = (target.name(), &self.table.text);
            let message = format!("column '{name}' of '{table}' is NOT NULL, and the query can give null for it");
            let hint = "put a value in its place: coalesce(…, 0), or leave NOT NULL out";
            return Err(Diagnostic::new(message).at(self.table.span).hint(hint));
        }
        if from == to {
            return Ok(column);
        }
        if assignable(from, to) && can_cast_types(from, to) {
            return Ok(cast(column, to.clone()));
        }
        let (name, table, from, to) = (target.name(), &self.table.text, sql_name(from), sql_name(to));
        let error = Diagnostic::new(format!("column '{name}' of '{table}' is {to}, and the query gives {from}"));
        let hint = format!("columns go by their order; convert it with CAST({} AS {to})", given.name());
        Err(error.at(self.place.word(given.name())).at(self.table.span).hint(hint))
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}

/// Whether a value goes into a column of another type without being asked for.
fn assignable(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Date32, Date64, Dictionary, FixedSizeBinary, LargeBinary, LargeList, LargeUtf8, List, Null,
        Struct, Time32, Time64, Timestamp, Utf8, Utf8View,
    };
    let text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View);
    let binary = |t: &DataType| matches!(t, Binary | LargeBinary | BinaryView | FixedSizeBinary(_));
    match (from, to) {
        (from, to) if from == to => true,
        (Null, _) => true,
        (Dictionary(_, value), to) => assignable(value, to),
        (from, Dictionary(_, value)) => assignable(from, value),
        (List(a) | LargeList(a), List(b) | LargeList(b)) => assignable(a.data_type(), b.data_type()),
        (Struct(a), Struct(b)) => {
            let pair =
                |(a, b): (&Arc<Field>, &Arc<Field>)| a.name() == b.name() && assignable(a.data_type(), b.data_type());
            a.len() == b.len() && a.iter().zip(b.iter()).all(pair)
        }
        (Timestamp(..) | Date32 | Date64, Timestamp(..)) | (Time32(_) | Time64(_), Time32(_) | Time64(_)) => true,
        (from, to) if from.is_numeric() && to.is_numeric() => true,
        (from, to) if binary(from) && binary(to) => true,
        (from, to) => text(to) && !from.is_nested() && !binary(from),
    }
}
