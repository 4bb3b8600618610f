//! Every function that SQL may call: DataFusion's own, those of whoever embeds the engine ([`own`]), and those that only
//! mean something over a stream.
//!
//! `tumble`, `hop`, `cumulate`, `session` and `row_time` are never evaluated: the planner replaces them by what they stand for.

mod awaited;
mod json;
mod own;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, HigherOrderUDF, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, WindowUDF,
};
use headwater_core::AsyncFunction;
use headwater_plan::window::window_type;

pub(crate) use awaited::waits;
pub(crate) use json::JsonCasts;
use json::JsonOperators;
pub use own::FunctionError;

/// Windows of fixed width, one after another.
pub(crate) const TUMBLE: &str = "tumble";
/// Windows of fixed width that overlap.
pub(crate) const HOP: &str = "hop";
/// Windows that begin together and grow step by step.
pub(crate) const CUMULATE: &str = "cumulate";
/// Windows that grow while rows come.
pub(crate) const SESSION: &str = "session";
/// A row's event time.
pub(crate) const ROW_TIME: &str = "row_time";

/// The list of windows that a row falls in: `windows_of(hop(…))`.
pub(crate) const WINDOWS_OF: &str = "windows_of";

/// Marks the condition of a join whose right side is versions, with the time at which they are looked at and
/// a column of theirs.
pub(crate) const AS_OF: &str = "as_of";

/// Whether the planner replaces the function, so that a plan with it is the same each time.
pub(crate) fn is_replaced(name: &str) -> bool {
    is_window(name) || matches!(name, ROW_TIME | WINDOWS_OF | AS_OF)
}

/// Whether the function makes a window.
pub(crate) fn is_window(name: &str) -> bool {
    matches!(name, TUMBLE | HOP | CUMULATE | SESSION)
}

/// The functions that queries may call, by name and alias. All that are built in to begin with; an embedding program adds
/// its own.
#[derive(Clone)]
pub struct Functions {
    /// A row to a value.
    pub(crate) scalar: HashMap<String, Arc<ScalarUDF>>,
    /// With lambdas among the arguments.
    pub(crate) higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    /// Rows to a value.
    pub(crate) aggregate: HashMap<String, Arc<AggregateUDF>>,
    /// `… OVER (…)`
    pub(crate) window: HashMap<String, Arc<WindowUDF>>,
    /// What waits for its answer; each is among the scalar ones as well.
    pub(crate) awaited: HashMap<String, Arc<dyn AsyncFunction>>,
    /// How operators and literals become functions.
    pub(crate) planners: Vec<Arc<dyn ExprPlanner>>,
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions").finish_non_exhaustive()
    }
}

/// The functions that are built in; made once.
pub(crate) static BUILT_IN: LazyLock<Functions> = LazyLock::new(Functions::all);

impl Default for Functions {
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

impl Functions {
    fn all() -> Self {
        let mut scalar = HashMap::new();
        let own = [TUMBLE, HOP, CUMULATE, SESSION, ROW_TIME, WINDOWS_OF, AS_OF];
        let own = own.map(|name| Arc::new(ScalarUDF::from(StreamFunction::new(name))));
        for function in SessionStateDefaults::default_scalar_functions().into_iter().chain(own).chain(json::functions())
        {
            for alias in function.aliases() {
                scalar.insert(alias.clone(), function.clone());
            }
            scalar.insert(function.name().to_owned(), function);
        }
        let mut higher_order = HashMap::new();
        for function in SessionStateDefaults::default_higher_order_functions() {
            for alias in function.aliases() {
                higher_order.insert(alias.clone(), function.clone());
            }
            higher_order.insert(function.name().to_owned(), function);
        }
        let mut aggregate = HashMap::new();
        for function in SessionStateDefaults::default_aggregate_functions() {
            for alias in function.aliases() {
                aggregate.insert(alias.clone(), function.clone());
            }
            aggregate.insert(function.name().to_owned(), function);
        }
        let mut window = HashMap::new();
        for function in SessionStateDefaults::default_window_functions() {
            for alias in function.aliases() {
                window.insert(alias.clone(), function.clone());
            }
            window.insert(function.name().to_owned(), function);
        }
        let mut planners = SessionStateDefaults::default_expr_planners();
        planners.push(Arc::new(JsonOperators));
        Functions { scalar, higher_order, aggregate, window, awaited: HashMap::new(), planners }
    }

    /// Gives batch DataFusion these functions and the signs and casts of JSON; not those that need a stream.
    ///
    /// # Errors
    /// When the registry takes no functions.
    pub fn register(&self, registry: &mut dyn FunctionRegistry) -> Result<()> {
        for (_, function) in self.scalar.iter().filter(|(name, _)| !is_replaced(name)) {
            registry.register_udf(function.clone())?;
        }
        for function in self.higher_order.values() {
            registry.register_higher_order_function(function.clone())?;
        }
        for function in self.aggregate.values() {
            registry.register_udaf(function.clone())?;
        }
        for function in self.window.values() {
            registry.register_udwf(function.clone())?;
        }
        // DataFusion's own planners are there already.
        registry.register_expr_planner(Arc::new(JsonOperators))?;
        registry.register_function_rewrite(Arc::new(JsonCasts))
    }

    /// The names of all functions, for hints.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.scalar.keys().chain(self.higher_order.keys()).chain(self.aggregate.keys());
        let names = names.chain(self.window.keys()).map(String::as_str);
        names.filter(|name| ![WINDOWS_OF, AS_OF].contains(name))
    }
}

/// A function that the planner replaces.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StreamFunction {
    name: &'static str,
    signature: Signature,
}

impl StreamFunction {
    fn new(name: &'static str) -> Self {
        // Volatile, so that no rule computes it while planning.
        let signature = match name {
            ROW_TIME => Signature::nullary(Volatility::Volatile),
            _ => Signature::variadic_any(Volatility::Volatile),
        };
        StreamFunction { name, signature }
    }
}

impl ScalarUDFImpl for StreamFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        self.schema_name(arguments)
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let shown = |argument: &Expr| match argument {
            Expr::Literal(value, _) => interval_text(value).unwrap_or_else(|| value.to_string()),
            other => other.schema_name().to_string(),
        };
        Ok(format!("{}({})", self.name, arguments.iter().map(shown).collect::<Vec<_>>().join(", ")))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<_> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name, self.return_type(&types)?, false)))
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.name {
            ROW_TIME => DataType::Timestamp(TimeUnit::Nanosecond, None),
            AS_OF => DataType::Boolean,
            WINDOWS_OF => DataType::new_list(window_type(), false),
            _ => window_type(),
        })
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is replaced when a query is planned", self.name)
    }
}

/// An interval as a short text, `60s`, where it has a fixed length.
fn interval_text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 && v.days >= 0 && v.nanoseconds >= 0 => {
            let days = Duration::from_secs(v.days.unsigned_abs().into()) * 86_400;
            Some(format!("{:?}", days + Duration::from_nanos(v.nanoseconds.unsigned_abs())))
        }
        _ => None,
    }
}
