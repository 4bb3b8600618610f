//! Calls of functions that wait for their answers: they are taken out of the expressions of a node into one of their own
//! before it, whose answers are columns.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use headwater_plan::{Call, CallNode, NodeKind, Partitioning};

use super::Result;
use super::select::Streams;
use super::stream::{Role, Stream};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;
use crate::functions::waits;

/// Expressions without calls that wait, and what they are over.
pub(super) struct Answered {
    pub(super) exprs: Vec<Expr>,
    pub(super) names: DFSchema,
    pub(super) stream: Stream,
}

impl Streams<'_> {
    /// The expressions over a stream that has a column more for every call in them that waits, behind its own.
    pub(super) fn answered(&mut self, exprs: &[Expr], names: &DFSchema, stream: Stream) -> Result<Answered> {
        let mut answered = Answered { exprs: exprs.to_vec(), names: names.clone(), stream };
        // The innermost first: their answers may be what others ask about.
        loop {
            let calls = innermost(&answered.exprs);
            if calls.is_empty() {
                return Ok(answered);
            }
            answered = self.call(calls, answered)?;
        }
    }

    fn call(&mut self, asked: Vec<ScalarFunction>, answered: Answered) -> Result<Answered> {
        let Answered { exprs, names, stream } = answered;
        let failed = |error| clean(error, self.place);
        let mut calls = Vec::with_capacity(asked.len());
        let mut fields: Vec<_> = names.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
        let mut visible: Vec<_> = stream.schema.visible().fields().iter().cloned().collect();
        let mut columns = Vec::with_capacity(asked.len());
        for call in &asked {
            let Some(function) = self.catalog.functions().awaited.get(call.name()).cloned() else {
                return Err(Diagnostic::new(format!("nobody can call {}()", call.name())));
            };
            if stream.is_updating() && !function.deterministic() {
                let error = Diagnostic::new(format!(
                    "{}() is asked about rows that may be taken back, and may not say the same twice",
                    call.name()
                ));
                let hint = "call it before the rows are aggregated or joined, or declare it deterministic";
                return Err(error.at(self.place.word(call.name())).hint(hint));
            }
            let scope = self.scope(&names, &stream)?;
            let arguments = call.args.iter().map(|argument| scope.physical(argument)).collect::<Result<_>>()?;
            let field = Arc::new(Field::new(format!("_answer_{}", fields.len()), function.returns(), true));
            columns.push(Expr::Column(Column::new_unqualified(field.name())));
            fields.push((None, field.clone()));
            visible.push(field);
            calls.push(Call { function, arguments });
        }
        let names = DFSchema::new_with_metadata(fields, names.metadata().clone()).map_err(failed)?;
        let exprs =
            exprs.into_iter().map(|expr| replaced(expr, &asked, &columns).map_err(failed)).collect::<Result<_>>()?;
        let schema = stream.schema_of(&Schema::new(visible));
        let mut roles = stream.roles.clone();
        roles.resize(schema.visible_count(), Role::Plain);
        let kind = NodeKind::Call(CallNode { calls });
        let node = self.builder.graph.add(kind, schema.clone(), !stream.ordered);
        self.builder.graph.connect(stream.node, node, 0, Partitioning::Forward);
        Ok(Answered { exprs, names, stream: Stream { node, schema, roles, ..stream } })
    }
}

/// Whether any call in an expression waits.
pub(super) fn any_waits(expr: &Expr) -> bool {
    // The visit itself cannot fail.
    expr.exists(|part| Ok(matches!(part, Expr::ScalarFunction(call) if waits(call)))).unwrap_or(false)
}

/// The calls that wait for nothing but their own answer, each once.
fn innermost(exprs: &[Expr]) -> Vec<ScalarFunction> {
    let mut calls: Vec<ScalarFunction> = Vec::new();
    for expr in exprs {
        // The visit itself cannot fail.
        let _ = expr.apply(|part| {
            if let Expr::ScalarFunction(call) = part
                && waits(call)
                && !call.args.iter().any(any_waits)
                && !calls.contains(call)
            {
                calls.push(call.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    calls
}

/// The expression with columns for calls, under the name that it had.
fn replaced(expr: Expr, calls: &[ScalarFunction], columns: &[Expr]) -> datafusion::common::Result<Expr> {
    let column = |part: &Expr| match part {
        Expr::ScalarFunction(call) => {
            calls.iter().position(|other| other == call).and_then(|i| columns.get(i)).cloned()
        }
        _ => None,
    };
    let replaced = expr.transform_up(|part| {
        Ok(match column(&part) {
            Some(column) => Transformed::yes(column),
            None => Transformed::no(part),
        })
    });
    replaced.map(|replaced| replaced.data)
}
