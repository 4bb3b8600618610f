//! Names and types get their meaning: DataFusion's binder over our catalog and functions, then its coercion of types
//! and its simplification of expressions. What comes out is a logical plan that says nothing about streams.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, ScalarValue, TableReference};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{
    AggregateUDF, EmptyRelation, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, Projection, ScalarUDF,
    TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Analyzer, Optimizer};
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Query, Statement};

use crate::catalog::{Catalog, TableColumns};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::{clean, missing_column};
use crate::diagnostic::place::Place;
use crate::functions::{AS_OF, JsonCasts, WINDOWS_OF};
use crate::optimizer;
use crate::rewrite;
use crate::types::arrow_type;

/// Binds the queries and expressions of one statement.
pub(crate) struct Binder<'a> {
    context: Context<'a>,
    place: Place<'a>,
}

impl<'a> Binder<'a> {
    /// A binder over these tables; errors get their places within `place`.
    pub(crate) fn new(catalog: &'a Catalog, place: Place<'a>) -> Self {
        let context = Context { catalog, options: ConfigOptions::default(), types: Arc::new(Types) };
        Binder { context, place }
    }

    /// Binds a query.
    pub(crate) fn query(&self, query: &Query) -> Result<LogicalPlan, Diagnostic> {
        let mut query = query.clone();
        rewrite::expand_tables(&mut query, self.context.catalog, self.place)?;
        rewrite::name_columns(&mut query);
        self.bind(query.clone()).or_else(|first| {
            // `window.start` beside `tumble(…) AS window` is no SQL, but there is only one thing that it can mean.
            let Some(aliases) = rewrite::expand_windows(&mut query) else { return Err(clean(first, self.place)) };
            self.bind(query).map_err(|second| {
                // If the alias was all that was wrong at first, what is wrong now is what to speak of.
                let missing = missing_column(&first);
                let was_alias = missing.is_some_and(|column| {
                    let table = column.relation.as_ref().map(|relation| relation.table());
                    aliases.iter().any(|alias| table == Some(alias.as_str()) || *alias == column.name)
                });
                clean(if was_alias { second } else { first }, self.place)
            })
        })
    }

    fn bind(&self, query: Query) -> Result<LogicalPlan, DataFusionError> {
        let plan = self.sql_to_rel().sql_statement_to_plan(Statement::Query(Box::new(query)))?;
        no_window_function_filters(&plan)?;
        let plan = self.analyzed(name_fields(plan)?)?;
        Optimizer::with_rules(optimizer::rules()).optimize(plan, &optimizer::context(), |_, _| {})
    }

    /// Binds an expression over columns.
    pub(crate) fn expression(&self, expr: &ast::Expr, schema: &DFSchema) -> Result<Expr, Diagnostic> {
        let bound = self.sql_to_rel().sql_to_expr(expr.clone(), schema, &mut PlannerContext::new());
        bound.map_err(|error| clean(error, self.place))
    }

    /// Coerces the types of bound expressions over columns, and simplifies them.
    pub(crate) fn expressions(&self, exprs: Vec<Expr>, schema: &DFSchemaRef) -> Result<Vec<Expr>, Diagnostic> {
        let rows = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: schema.clone() });
        // The names only have to differ.
        let named = exprs.into_iter().enumerate().map(|(index, expr)| expr.alias(format!("_{index}")));
        let project = || self.simplified(LogicalPlanBuilder::from(rows).project(named)?.build()?);
        let plan = project().map_err(|error| clean(error, self.place))?;
        Ok(plan.expressions().into_iter().map(Expr::unalias).collect())
    }

    fn sql_to_rel(&self) -> SqlToRel<'_, Context<'a>> {
        let options = ParserOptions::new().with_collect_spans(true).with_map_string_types_to_utf8view(false);
        SqlToRel::new_with_options(&self.context, options)
    }

    fn analyzed(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        let mut analyzer = Analyzer::new();
        analyzer.add_function_rewrite(Arc::new(JsonCasts));
        analyzer.execute_and_check(plan, &self.context.options, |_, _| {})
    }

    fn simplified(&self, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
        let rules = Optimizer::with_rules(vec![Arc::new(SimplifyExpressions::new())]);
        rules.optimize(self.analyzed(plan)?, &optimizer::context(), |_, _| {})
    }
}

/// Refuses what DataFusion would bind and cannot compute: a window function in WHERE or HAVING. One in QUALIFY is a
/// column by now.
fn no_window_function_filters(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    let refused = |part: &Expr| match part {
        Expr::WindowFunction(function) => {
            let name = function.fun.name();
            let error = Diagnostic::new(format!("rows are filtered before '{name}' sees them"));
            let error = error.hint("write QUALIFY in place of WHERE or HAVING, or filter in a query around this one");
            Err(DataFusionError::External(Box::new(error)))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    };
    let visited = plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Filter(filter) => filter.predicate.apply(refused),
        _ => Ok(TreeNodeRecursion::Continue),
    });
    visited.map(drop)
}

/// Calls a field of a struct in the result by the field's name, where that is free.
fn name_fields(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let LogicalPlan::Projection(Projection { expr, input, schema, .. }) = plan else { return Ok(plan) };
    let mut taken: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut named = Vec::with_capacity(expr.len());
    for expr in expr {
        let field = match &expr {
            Expr::ScalarFunction(call) if call.name() == "get_field" => match call.args.last() {
                Some(Expr::Literal(ScalarValue::Utf8(Some(field)), _)) if !taken.contains(field) => Some(field.clone()),
                _ => None,
            },
            _ => None,
        };
        named.push(match field {
            Some(field) => {
                taken.push(field.clone());
                expr.alias(field)
            }
            None => expr,
        });
    }
    Projection::try_new(named, input).map(LogicalPlan::Projection)
}

/// What DataFusion's binder asks for.
struct Context<'a> {
    catalog: &'a Catalog,
    options: ConfigOptions,
    types: Arc<dyn TypePlanner>,
}

impl ContextProvider for Context<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let find = || match &name {
            TableReference::Bare { table } => self.catalog.readable(table),
            _ => Err(Diagnostic::new("names have no schema or catalog in front of them").hint("write the name alone")),
        };
        let table = find().map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Arc::new(TableColumns { name: table.info.name.clone(), schema: table.info.columns.clone() }))
    }

    /// What a recursive query reads of itself. It is bound so that the planner sees it, and says where it stands.
    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>, DataFusionError> {
        Ok(Arc::new(TableColumns { name: name.to_owned(), schema }))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.catalog.functions().planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(self.types.clone())
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.catalog.functions().scalar.get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.catalog.functions().higher_order.get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.catalog.functions().aggregate.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.catalog.functions().window.get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        let hidden = |name: &&String| [AS_OF, WINDOWS_OF].contains(&name.as_str());
        self.catalog.functions().scalar.keys().filter(|name| !hidden(name)).cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.catalog.functions().higher_order.keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.catalog.functions().aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.catalog.functions().window.keys().cloned().collect()
    }
}

/// `CAST(x AS T)` knows the same types as `CREATE TABLE`.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql: &ast::DataType) -> Result<Option<FieldRef>, DataFusionError> {
        let data_type =
            arrow_type(sql).map_err(|message| DataFusionError::External(Box::new(Diagnostic::new(message))))?;
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
