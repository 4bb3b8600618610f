//! Temporal joins: each row on the left with the version of its key on the right that held at its event time. Of versions
//! with the same key and time it is the one whose columns are the greatest, compared from left to right.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::case;
use headwater_plan::MapNode;

use super::Result;
use super::join::Joined;
use super::select::{Streams, identity};
use super::stream::{Role, Stream};
use crate::diagnostic::Diagnostic;
use crate::functions::AS_OF;

impl Streams<'_> {
    /// Whether the right side is versions, and the rest of the condition.
    pub(super) fn as_of(&self, join: &logical_expr::Join, left: &Stream) -> Result<(bool, Option<Expr>)> {
        let Some(condition) = &join.filter else { return Ok((false, None)) };
        let (marks, rest): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(condition.clone())
            .into_iter()
            .partition(|part| matches!(part, Expr::ScalarFunction(call) if call.name() == AS_OF));
        let Some(Expr::ScalarFunction(mark)) = marks.first() else { return Ok((false, Some(condition.clone()))) };
        let is_time = |expr: &Expr| left.role(expr, join.left.schema()) == Role::EventTime;
        if !mark.args.first().is_some_and(is_time) {
            let error =
                Diagnostic::new("a version is chosen by the event time of the rows on the left, and this is not it");
            let hint = match left.event_time_column() {
                Some(column) => format!("write FOR SYSTEM_TIME AS OF {column}"),
                None => "give the left table a WATERMARK FOR its time column".to_owned(),
            };
            return Err(error.at(self.place.word("SYSTEM_TIME")).hint(hint));
        }
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            let error = Diagnostic::new("a temporal join is a JOIN or a LEFT JOIN");
            return Err(error.at(self.place.word("SYSTEM_TIME")));
        }
        Ok((true, conjunction(rest)))
    }

    /// What a join's condition asks of the version beside its key: a row whose version does not meet it has none.
    pub(super) fn if_version(
        &mut self,
        stream: Stream,
        condition: Arc<dyn PhysicalExpr>,
        joined: &Joined<'_>,
    ) -> Result<Stream> {
        let mut columns = identity(&stream.schema);
        let outer = joined.join.join_type == JoinType::Left;
        if outer {
            for column in columns.iter_mut().skip(joined.left.schema.visible_count()) {
                let version = case(None, vec![(condition.clone(), column.clone())], None);
                *column = version.map_err(|error| Diagnostic::new(error.message().into_owned()))?;
            }
        }
        let (schema, roles) = (stream.schema.clone(), stream.roles.clone());
        let predicate = (!outer).then_some(condition);
        Ok(self.builder.map(&stream, MapNode { predicate, columns }, schema, roles))
    }
}
