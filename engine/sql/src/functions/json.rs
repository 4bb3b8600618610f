//! JSON in SQL: `->`, `->>`, `?`, and functions that look into a text.
//!
//! A value of JSON is its text. What `->` and `json_get` give is one as well, so that every sink, key and format can take
//! it: `'{"a": "x"}' -> 'a'` is `"x"` with its quotes, and `->>` takes them off. A cast says what is looked for, and
//! [`JsonCasts`] asks for just that. The looking is done by `datafusion-functions-json`; [`path`] adds paths with `[*]`.

mod get;
mod path;
mod path_functions;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion_functions_json::udfs;

use get::JSON_GET;
use path_functions::{PathFunction, Wanted};

/// The functions that look into JSON.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let by_path = [
        PathFunction::new("extract_json", Wanted::All),
        PathFunction::new("extract_json_string", Wanted::FirstText),
        PathFunction::new("get_first_json_object", Wanted::First),
    ];
    let mut functions = vec![
        JSON_GET.clone(),
        udfs::json_get_str_udf(),
        udfs::json_get_int_udf(),
        udfs::json_get_float_udf(),
        udfs::json_get_bool_udf(),
        udfs::json_get_json_udf(),
        udfs::json_get_array_udf(),
        udfs::json_as_text_udf(),
        udfs::json_contains_udf(),
        udfs::json_length_udf(),
        udfs::json_object_keys_udf(),
    ];
    functions.extend(by_path.map(|function| Arc::new(ScalarUDF::from(function))));
    functions
}

/// `->`, `->>` and `?` as functions; `#>` and `#>>` are the same with a list for the path.
#[derive(Debug)]
pub(super) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Arrow | BinaryOperator::HashArrow => JSON_GET.clone(),
            BinaryOperator::LongArrow | BinaryOperator::HashLongArrow => udfs::json_as_text_udf(),
            BinaryOperator::Question => udfs::json_contains_udf(),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
        if !is_text(&left) {
            // As DataFusion says it of other operators.
            return plan_err!("Cannot infer common argument type for comparison operation {left} {} {right}", expr.op);
        }
        Ok(PlannerResult::Planned(function.call(vec![expr.left, expr.right])))
    }
}

/// Whether values of the type are text, and so may be JSON.
fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string() || other.is_null(),
    }
}

/// Reads from JSON what it is cast to, and goes down a path in one step.
#[derive(Debug)]
pub(crate) struct JsonCasts;

impl FunctionRewrite for JsonCasts {
    fn name(&self) -> &str {
        "json_casts"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::Cast(Cast { expr: inner, field }) => match read_as(&inner, field.data_type(), schema) {
                Some((read, true)) => Transformed::yes(read),
                Some((read, false)) => Transformed::yes(Expr::Cast(Cast { expr: Box::new(read), field })),
                None => Transformed::no(Expr::Cast(Cast { expr: inner, field })),
            },
            Expr::TryCast(TryCast { expr: inner, field }) => match read_as(&inner, field.data_type(), schema) {
                Some((read, true)) => Transformed::yes(read),
                Some((read, false)) => Transformed::yes(Expr::TryCast(TryCast { expr: Box::new(read), field })),
                None => Transformed::no(Expr::TryCast(TryCast { expr: inner, field })),
            },
            Expr::ScalarFunction(call) => match in_one_step(&call) {
                Some(call) => Transformed::yes(Expr::ScalarFunction(call)),
                None => Transformed::no(Expr::ScalarFunction(call)),
            },
            other => Transformed::no(other),
        })
    }
}

/// The call that reads a value of the type that a `json_get` is cast to, and whether it is of just this type.
fn read_as(inner: &Expr, data_type: &DataType, schema: &DFSchema) -> Option<(Expr, bool)> {
    let Expr::ScalarFunction(call) = inner else { return None };
    if call.func != *JSON_GET {
        return None;
    }
    let reader = match data_type {
        DataType::Boolean => udfs::json_get_bool_udf(),
        float if float.is_floating() || float.is_decimal() => udfs::json_get_float_udf(),
        integer if integer.is_integer() => udfs::json_get_int_udf(),
        _ => udfs::json_as_text_udf(),
    };
    let read = reader.call(call.args.clone());
    let exact = read.get_type(schema).is_ok_and(|found| found == *data_type);
    Some((read, exact))
}

/// Functions that look into what a `json_get` gives as they would look deeper into its own argument.
const LOOKING: [&str; 11] = [
    "json_get",
    "json_get_str",
    "json_get_int",
    "json_get_float",
    "json_get_bool",
    "json_get_json",
    "json_get_array",
    "json_as_text",
    "json_contains",
    "json_length",
    "json_object_keys",
];

/// `json_get_x(json_get(value, 'a'), 'b')` as `json_get_x(value, 'a', 'b')`, where the paths are literals.
fn in_one_step(call: &ScalarFunction) -> Option<ScalarFunction> {
    let (Expr::ScalarFunction(inner), keys) = call.args.split_first()? else { return None };
    let literal = |key: &Expr| matches!(key, Expr::Literal(..));
    let fits = inner.func == *JSON_GET && inner.args.iter().skip(1).chain(keys).all(literal);
    (fits && LOOKING.contains(&call.name())).then(|| {
        let args = inner.args.iter().chain(keys).cloned().collect();
        ScalarFunction { func: call.func.clone(), args }
    })
}
