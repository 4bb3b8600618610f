//! `CREATE TABLE` over a connector: its columns, and for one that is read the source node with its event time.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column as ColumnName, DFSchema, DFSchemaRef, TableReference};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use headwater_core::source::SourceFactoryRef;
use headwater_core::{EVENT_TIME, StreamSchema, WEIGHT};
use headwater_plan::{ColumnDeclaration, NodeKind, SourceNode};

use super::expression::physical;
use super::option::OwnOptions;
use super::stream::{Role, Stream, Windowed};
use super::upsert::upsert_columns;
use super::{GraphBuilder, Result};
use crate::binder::Binder;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;
use crate::diagnostic::place::Place;
use crate::statement::{Column, ColumnContent, CreateTable};
use crate::types::{arrow_type, sql_name};

/// The fields of the declared columns, each with the column that it is of.
pub(super) fn declared_fields(create: &CreateTable) -> Result<Vec<(Field, &Column)>> {
    let field = |column: &'_ Column| {
        let name = &column.name;
        if [EVENT_TIME, WEIGHT].contains(&name.text.as_str()) {
            let error = Diagnostic::new(format!("a column cannot be called '{}'", name.text)).at(name.span);
            return Err(error.hint("the engine keeps this name for itself"));
        }
        let data_type = arrow_type(&column.data_type)
            .map_err(|message| Diagnostic::new(message).at(column.type_span).hint(format!("types are {TYPES}")))?;
        Ok(Field::new(&name.text, data_type, column.nullable))
    };
    create.columns.iter().map(|column| Ok((field(column)?, column))).collect()
}

const TYPES: &str = "BOOLEAN, TINYINT, SMALLINT, INT, BIGINT (each also UNSIGNED), FLOAT, DOUBLE, DECIMAL(p, s), TEXT, \
                     BYTEA, JSON, TIMESTAMP(0 | 3 | 6 | 9), DATE, TIME, INTERVAL, T[] and STRUCT<a T, …>";

/// What the connector is told of the columns: those that it fills.
pub(super) fn filled_columns(fields: &[(Field, &Column)]) -> Vec<ColumnDeclaration> {
    let filled = fields.iter().filter(|(_, column)| !matches!(column.content, ColumnContent::Generated(_)));
    let declaration = |(field, column): &(Field, &Column)| ColumnDeclaration {
        name: field.name().clone(),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
        metadata: match &column.content {
            ColumnContent::Metadata(key) => Some(key.clone()),
            ColumnContent::Record | ColumnContent::Generated(_) => None,
        },
    };
    filled.map(declaration).collect()
}

/// A table that is read.
pub(super) struct SourceTable<'a> {
    /// Its declaration.
    pub(super) create: &'a CreateTable,
    /// The fields of the declared columns; empty where the connector decides them.
    pub(super) fields: Vec<(Field, &'a Column)>,
    /// What the planner's own options say.
    pub(super) own: &'a OwnOptions,
    /// The event time and the lag that the connector knows.
    pub(super) known_time: Option<(String, Duration)>,
    /// How long a partition may be silent, where the connector knows.
    pub(super) known_idle: Option<Duration>,
    /// Binds expressions of this statement.
    pub(super) binder: &'a Binder<'a>,
    /// Where errors are looked for.
    pub(super) place: Place<'a>,
}

impl SourceTable<'_> {
    /// Adds the source to the graph; gives back the stream and the table's columns, which in upserts may be null.
    pub(super) fn add(&self, builder: &mut GraphBuilder, factory: SourceFactoryRef) -> Result<(Stream, SchemaRef)> {
        let connector = self.names(&factory.schema())?;
        let columns = self.visible_columns(&connector)?;
        let fields: Vec<Field> = match self.fields.as_slice() {
            [] => connector.fields().iter().map(|field| field.as_ref().clone()).collect(),
            declared => declared.iter().map(|(field, _)| field.clone()).collect(),
        };
        let visible = Arc::new(Schema::new(fields));
        let read = match factory.upserts() {
            true => Arc::new(upsert_columns(self.create, &visible)),
            false => visible.clone(),
        };
        let names = self.names(&read)?;
        let time = self.time(&names)?;
        let (event_time, watermark) = match &time {
            Some((_, event_time, watermark)) => (Some(event_time), Some(watermark)),
            None => (None, None),
        };
        if let (None, Some(_)) = (&time, self.own.max_drift) {
            let option = self.create.options.iter().find(|option| option.key.text == "watermark.max_drift");
            let error = Diagnostic::new("nothing is ahead in a table without an event time");
            let error = error.at(option.and_then(|option| option.value_span));
            return Err(error.hint("add WATERMARK FOR its time column"));
        }
        let compile = |expr: &Expr, names: &DFSchema| physical(expr, names).map_err(|error| clean(error, self.place));
        let (parallel, updating) = (factory.parallel(), factory.updating());
        let node = SourceNode {
            table: self.create.name.text.clone(),
            factory,
            columns: columns.iter().map(|column| compile(column, &connector)).collect::<Result<_>>()?,
            event_time: event_time.map(|expr| compile(expr, &names)).transpose()?,
            watermark: watermark.map(|expr| compile(expr, &names)).transpose()?,
            idle_after: self.own.idle.or(self.known_idle),
            max_drift: self.own.max_drift,
            lateness: self.own.lateness,
            unread: Vec::new(),
            watermark_step: self.own.step,
        };
        let bounded = node.factory.bounded();
        let schema = StreamSchema::with_hidden(&read, updating);
        let node = builder.graph.add(NodeKind::Source(node), schema.clone(), parallel);
        let event_time = time.as_ref().map(|(name, ..)| name.as_str());
        let role = |field: &Arc<Field>| if event_time == Some(field.name()) { Role::EventTime } else { Role::Plain };
        let roles = visible.fields().iter().map(role).collect();
        Ok((
            Stream {
                node,
                schema,
                roles,
                windowed: Windowed::No,
                timed: time.is_some(),
                bounded,
                lateness: self.own.lateness,
                ordered: false,
            },
            visible,
        ))
    }

    fn names(&self, schema: &Schema) -> Result<DFSchemaRef> {
        let table = TableReference::bare(self.create.name.text.as_str());
        let names = DFSchema::try_from_qualified_schema(table, schema);
        names.map(Arc::new).map_err(|error| clean(error, self.place))
    }

    /// Each visible column as an expression over the connector's.
    fn visible_columns(&self, connector: &DFSchemaRef) -> Result<Vec<Expr>> {
        let filled = self.fields.iter().filter(|(_, c)| !matches!(c.content, ColumnContent::Generated(_)));
        let filled = Schema::new(filled.map(|(field, _)| field.clone()).collect::<Vec<_>>());
        let mut names = self.names(&filled)?;
        let mut columns: Vec<Expr> = Vec::new();
        let mut generated: Vec<(String, Expr)> = Vec::new();
        for (field, column) in &self.fields {
            let expr = match &column.content {
                ColumnContent::Generated(expr) => {
                    let expr = self.generated(expr, field, column, &names, &generated, connector)?;
                    generated.push((field.name().clone(), expr.clone()));
                    let mut extended = names.as_arrow().fields().iter().cloned().collect::<Vec<_>>();
                    extended.push(Arc::new(field.clone()));
                    names = self.names(&Schema::new(extended))?;
                    expr
                }
                _ => self.filled(field, column, connector)?,
            };
            columns.push(expr);
        }
        if self.fields.is_empty() {
            columns = connector.columns().into_iter().map(Expr::Column).collect();
        }
        self.binder.expressions(columns, connector)
    }

    /// A column that the connector fills, in the declared type.
    fn filled(&self, field: &Field, column: &Column, connector: &DFSchemaRef) -> Result<Expr> {
        let name = ColumnName::new(Some(TableReference::bare(self.create.name.text.as_str())), field.name());
        let Ok((_, found)) = connector.qualified_field_from_column(&name) else {
            let error = Diagnostic::new(format!("the connector does not fill column '{}'", field.name()));
            return Err(error.at(column.name.span));
        };
        let expr = Expr::Column(name);
        Ok(if found.data_type() == field.data_type() { expr } else { cast(expr, field.data_type().clone()) })
    }

    /// A column that is computed from others; earlier ones of its kind are put in where they are named.
    fn generated(
        &self,
        expr: &datafusion::sql::sqlparser::ast::Expr,
        field: &Field,
        column: &Column,
        names: &DFSchemaRef,
        earlier: &[(String, Expr)],
        connector: &DFSchemaRef,
    ) -> Result<Expr> {
        let bound = self.binder.expression(expr, names)?;
        let replaced = bound.transform_up(|part| match &part {
            Expr::Column(name) => Ok(match earlier.iter().find(|(other, _)| *other == name.name) {
                Some((_, expr)) => Transformed::yes(expr.clone()),
                None => Transformed::no(part),
            }),
            _ => Ok(Transformed::no(part)),
        });
        let expr = replaced.map_err(|error| clean(error, self.place))?.data;
        let found = expr.get_type(connector).map_err(|error| clean(error, self.place))?;
        if found == *field.data_type() {
            return Ok(expr);
        }
        if !arrow::compute::can_cast_types(&found, field.data_type()) {
            let (name, declared, found) = (field.name(), sql_name(field.data_type()), sql_name(&found));
            let error = Diagnostic::new(format!("column '{name}' is {declared}, but its expression gives {found}"));
            return Err(error.at(column.name.span));
        }
        Ok(cast(expr, field.data_type().clone()))
    }
}
