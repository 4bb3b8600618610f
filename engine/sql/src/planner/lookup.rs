//! Lookup joins: each row of a stream is joined with the row of a table elsewhere that has its key.
//!
//! The table has no rows of its own in the dataflow. What the query does to it before the join (a filter, a choice of
//! columns) is done to each looked-up row.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{self, Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use headwater_core::StreamSchema;
use headwater_plan::{LookupNode, MapNode, NodeKind, Partitioning};

use super::Result;
use super::expression::Scope;
use super::select::{Streams, unaliased};
use super::stream::{Role, Stream, Windowed};
use crate::catalog::{LookupTable, Read, TableColumns};
use crate::diagnostic::Diagnostic;
use crate::types::sql_name;

impl Streams<'_> {
    /// The table that a plan looks up, where it does nothing else.
    pub(super) fn looked_up(&self, plan: &LogicalPlan) -> Option<Arc<LookupTable>> {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.looked_up(&alias.input),
            LogicalPlan::Projection(projection) => self.looked_up(&projection.input),
            LogicalPlan::Filter(filter) => self.looked_up(&filter.input),
            LogicalPlan::TableScan(scan) => {
                let name = scan.source.downcast_ref::<TableColumns>().map(|table| table.name.as_str())?;
                match &self.catalog.get(name)?.read {
                    Read::Lookup(table) => Some(table.clone()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A join whose right side is looked up.
    pub(super) fn lookup_join(&mut self, join: &logical_expr::Join, table: &LookupTable) -> Result<Stream> {
        let left = self.stream(&join.left)?;
        self.refuse_lookup(join, table, &left)?;
        let (key, condition) = self.lookup_key(join, table)?;
        let key = self.scope(join.left.schema(), &left)?.physical(key)?;
        let steps = self.lookup_steps(&join.right, table)?;
        let schema = left.schema_of(join.schema.as_arrow());
        let mut roles = left.roles.clone();
        roles.resize(schema.visible_count(), Role::Plain);
        let mut joined = Stream { schema: schema.clone(), roles, ..left.clone() };
        let condition = match &condition {
            Some(condition) => Some(self.scope(&join.schema, &joined)?.physical(condition)?),
            None => None,
        };
        let node = LookupNode {
            table: table.name.clone(),
            factory: table.factory.clone(),
            key,
            steps,
            outer: join.join_type == JoinType::Left,
            condition,
        };
        joined.node = self.builder.graph.add(NodeKind::Lookup(node), schema, !left.ordered);
        self.builder.graph.connect(left.node, joined.node, 0, Partitioning::Forward);
        Ok(joined)
    }

    /// Refuses a table that is looked up where rows are expected.
    pub(super) fn only_looked_up(&self, table: &LookupTable) -> Diagnostic {
        let error = Diagnostic::new(format!("'{}' is looked up by its key, and cannot be read as a whole", table.name));
        let hint = format!("join it on the right: FROM … JOIN {0} ON … = {0}.{1}", table.name, table.key_name());
        error.at(self.place.word(&table.name)).hint(hint)
    }

    fn refuse_lookup(&self, join: &logical_expr::Join, table: &LookupTable, left: &Stream) -> Result<()> {
        let at = || self.place.word(&table.name);
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            let message = format!("'{}' is looked up, so it stands on the right of a JOIN or a LEFT JOIN", table.name);
            return Err(Diagnostic::new(message).at(at()));
        }
        if left.is_updating() {
            let error = Diagnostic::new(format!(
                "'{}' is looked up for rows that may be taken back, and may not say the same twice",
                table.name
            ));
            return Err(error.at(at()).hint("look it up before the rows are aggregated or joined"));
        }
        Ok(())
    }

    /// What is looked up, and what else the join asks for.
    fn lookup_key<'j>(&self, join: &'j logical_expr::Join, table: &LookupTable) -> Result<(&'j Expr, Option<Expr>)> {
        let is_key = |(_, right): &(Expr, Expr)| source_column(right, &join.right) == Some(table.key);
        let found = join.on.iter().position(is_key).filter(|_| {
            // Null would have to be equal to null, and no key is null.
            join.null_equality == NullEquality::NullEqualsNothing
        });
        let Some((index, (key, _))) = found.and_then(|index| Some((index, join.on.get(index)?))) else {
            let key = table.key_name();
            let error = Diagnostic::new(format!("'{}' is looked up by its primary key '{key}' only", table.name));
            let data_type = sql_name(table.columns.field(table.key).data_type());
            let hint = format!("write ON … = {}.{key}, with a {data_type} on the left", table.name);
            return Err(error.at(self.place.word(&table.name)).hint(hint));
        };
        let others = join.on.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.map(|(_, (left, right))| left.clone().eq(right.clone()));
        Ok((key, conjunction(others.chain(join.filter.clone()))))
    }

    /// What a plan does to the rows of the table at its bottom.
    fn lookup_steps(&self, plan: &LogicalPlan, table: &LookupTable) -> Result<Vec<MapNode>> {
        let (below, predicate, exprs) = match plan {
            LogicalPlan::TableScan(scan) => {
                let all: Vec<usize> = (0..table.columns.fields().len()).collect();
                let chosen = scan.projection.as_ref().unwrap_or(&all);
                let column = |index: &usize| {
                    Arc::new(Column::new(table.columns.field(*index).name(), *index)) as Arc<dyn PhysicalExpr>
                };
                return Ok(vec![MapNode { predicate: None, columns: chosen.iter().map(column).collect() }]);
            }
            LogicalPlan::SubqueryAlias(alias) => return self.lookup_steps(&alias.input, table),
            LogicalPlan::Filter(filter) => {
                let all = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
                (&filter.input, Some(&filter.predicate), all)
            }
            LogicalPlan::Projection(projection) => (&projection.input, None, projection.expr.clone()),
            other => return Err(Diagnostic::new(format!("a table is not looked up through {}", other.display()))),
        };
        let mut steps = self.lookup_steps(below, table)?;
        let row = row(below.schema());
        let scope = Scope::new(below.schema(), &row, self.place)?;
        let columns = exprs.iter().map(|expr| scope.physical(expr)).collect::<Result<_>>()?;
        steps.push(MapNode { predicate: predicate.map(|predicate| scope.physical(predicate)).transpose()?, columns });
        Ok(steps)
    }
}

/// A looked-up row, which has no time.
fn row(names: &DFSchema) -> Stream {
    let schema = StreamSchema::append_only(names.as_arrow());
    let roles = vec![Role::Plain; schema.visible_count()];
    let windowed = Windowed::No;
    Stream { node: 0, schema, roles, windowed, timed: false, bounded: true, lateness: Duration::ZERO, ordered: false }
}

/// The column of the table at the bottom of a plan that an expression over the plan is.
fn source_column(expr: &Expr, plan: &LogicalPlan) -> Option<usize> {
    let Expr::Column(column) = unaliased(expr) else { return None };
    let index = plan.schema().maybe_index_of_column(column)?;
    column_below(index, plan)
}

fn column_below(index: usize, plan: &LogicalPlan) -> Option<usize> {
    match plan {
        LogicalPlan::TableScan(scan) => match &scan.projection {
            Some(chosen) => chosen.get(index).copied(),
            None => Some(index),
        },
        LogicalPlan::SubqueryAlias(alias) => column_below(index, &alias.input),
        LogicalPlan::Filter(filter) => column_below(index, &filter.input),
        LogicalPlan::Projection(projection) => source_column(projection.expr.get(index)?, &projection.input),
        _ => None,
    }
}
