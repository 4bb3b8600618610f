//! Continuous SQL: the text of a query file in, a dataflow graph out.
//!
//! A file goes through four rooms: the [`lexer`] cuts it into statements, the [`parser`] reads them, the [`binder`]
//! gives names and types their meaning (with DataFusion's own binder), and the [`planner`] makes the graph. Nothing
//! here runs anything, opens anything or knows a connector: tables come from the [`Connectors`] that the caller gives.
//! Every error is a [`Diagnostic`] with its place in the file.

mod batch;
mod binder;
mod catalog;
mod diagnostic;
mod dialect;
mod functions;
mod lexer;
mod optimizer;
mod parser;
mod planner;
mod rewrite;
mod script;
mod statement;
mod types;

pub use batch::batch_statements;
pub use diagnostic::{Diagnostic, Position, Span};
pub use functions::{FunctionError, Functions};
pub use script::{Answer, AnswerContent, OutputInfo, OutputKind, Script, ScriptSettings, TableInfo, TableKind};
pub use types::sql_name;

use std::sync::Arc;

use headwater_plan::Connectors;

/// How a file is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSettings {
    /// How many instances share the work of a node that several can share, where the file does not say; 1 leaves out
    /// every exchange.
    pub parallelism: usize,
}

/// The planner's stack. Deep expressions are walked by recursion here and in DataFusion; their depth is bounded by the
/// length of a statement, and this is enough for the longest.
const STACK_BYTES: usize = 256 << 20;

/// Plans a query file. Pure: nothing is opened, and everything that can be found without running is found.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn plan(text: &str, connectors: &dyn Connectors, settings: &PlanSettings) -> Result<Script, Diagnostic> {
    plan_with(text, connectors, &Functions::default(), settings)
}

/// Plans a query file that may call these functions.
///
/// # Errors
/// As [`plan`].
pub fn plan_with(
    text: &str,
    connectors: &dyn Connectors,
    functions: &Functions,
    settings: &PlanSettings,
) -> Result<Script, Diagnostic> {
    let functions = Arc::new(functions.clone());
    std::thread::scope(|scope| {
        let planner = std::thread::Builder::new().name("sql-planner".to_owned()).stack_size(STACK_BYTES);
        let planning = planner
            .spawn_scoped(scope, || planner::plan(text, connectors, functions, settings))
            .map_err(|error| Diagnostic::new(format!("no thread to plan on: {error}")))?;
        planning.join().unwrap_or_else(|_| {
            let message = "the planner broke on this file";
            Err(Diagnostic::new(message).hint("leave out statements until it plans, and report the one it broke on"))
        })
    })
}
