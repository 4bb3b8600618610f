//! The event time and the watermark of a table that is read: from `WATERMARK FOR`, from the options, or from what the
//! connector knows, in this order.

use std::time::Duration;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchemaRef, ScalarValue, TableReference};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit};
use headwater_plan::options::nearest;

use super::Result;
use super::source::SourceTable;
use super::stream::is_timestamp;
use crate::diagnostic::clean::clean;
use crate::diagnostic::{Diagnostic, Span};
use crate::types::sql_name;

/// How far the watermark is behind when the table does not say.
const LAG: Duration = Duration::from_secs(1);

impl SourceTable<'_> {
    /// The event-time column, the event time and the watermark, over the visible columns.
    pub(super) fn time(&self, names: &DFSchemaRef) -> Result<Option<(String, Expr, Expr)>> {
        let clause = self.create.watermark.as_ref();
        let option = |key: &str| {
            let entry = self.create.options.iter().find(|option| option.key.text == key);
            entry.and_then(|option| option.value_span)
        };
        let (name, span, lag) = match (clause, &self.own.event_time, &self.known_time) {
            (Some(clause), Some(field), _) if clause.column.text != *field => {
                let error = Diagnostic::new(format!(
                    "the event time is '{}' here, and '{field}' in WATERMARK FOR's place",
                    clause.column.text
                ));
                return Err(error.at(option("event_time_field")).hint("leave event_time_field out"));
            }
            (Some(clause), ..) => (clause.column.text.clone(), clause.column.span, LAG),
            (None, Some(field), _) => (field.clone(), option("event_time_field"), LAG),
            (None, None, Some((name, lag))) => (name.clone(), self.create.name.span, *lag),
            (None, None, None) => {
                let Some(field) = &self.own.watermark else { return Ok(None) };
                let error = Diagnostic::new(format!("there is a watermark '{field}', but no event time"));
                return Err(error.at(option("watermark_field")).hint("say it with event_time_field = '…'"));
            }
        };
        let event_time = self.timestamp_column(&name, names, span)?;
        let watermark = match (clause.and_then(|clause| clause.expression.as_ref()), &self.own.watermark) {
            (Some(expr), _) => {
                let expr = self.binder.expression(expr, names)?;
                let found = expr.get_type(names).map_err(|error| clean(error, self.place))?;
                if !is_timestamp(&found) {
                    let error =
                        Diagnostic::new(format!("a watermark is a TIMESTAMP, and this is {}", sql_name(&found)));
                    return Err(error.at(span).hint(format!("write AS ({name} - INTERVAL '5 seconds')")));
                }
                nanoseconds(expr, &found)
            }
            (None, Some(field)) => self.timestamp_column(field, names, option("watermark_field"))?,
            (None, None) => {
                let lag = ScalarValue::new_interval_mdn(0, 0, i64::try_from(lag.as_nanos()).unwrap_or(i64::MAX));
                event_time.clone() - lit(lag)
            }
        };
        let mut exprs = self.binder.expressions(vec![event_time, watermark], names)?.into_iter();
        Ok(exprs.next().zip(exprs.next()).map(|(event_time, watermark)| (name, event_time, watermark)))
    }

    fn timestamp_column(&self, name: &str, names: &DFSchemaRef, span: Option<Span>) -> Result<Expr> {
        let column = Column::new(Some(TableReference::bare(self.create.name.text.as_str())), name);
        let Ok((_, field)) = names.qualified_field_from_column(&column) else {
            let error = Diagnostic::new(format!("there is no column '{name}'")).at(span);
            let near = nearest(name, names.fields().iter().map(|f| f.name().as_str()));
            return Err(error.hint_opt(near.map(|near| format!("did you mean '{near}'?"))));
        };
        let data_type = field.data_type().clone();
        if !is_timestamp(&data_type) {
            let error =
                Diagnostic::new(format!("the event time '{name}' must be a TIMESTAMP, not {}", sql_name(&data_type)));
            let hint =
                format!("add a column: event_time TIMESTAMP GENERATED ALWAYS AS ({})", converted(name, &data_type));
            return Err(error.at(span).hint(hint));
        }
        Ok(nanoseconds(Expr::Column(column), &data_type))
    }
}

/// How one would make a timestamp of a column.
fn converted(name: &str, data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Date32 => format!("CAST({name} AS TIMESTAMP)"),
        _ => format!("to_timestamp_millis({name})"),
    }
}

/// A timestamp in nanoseconds, in UTC where it has a zone.
fn nanoseconds(expr: Expr, found: &DataType) -> Expr {
    let plain = DataType::Timestamp(TimeUnit::Nanosecond, None);
    match found {
        found if *found == plain => expr,
        DataType::Timestamp(_, Some(_)) => {
            cast(cast(expr, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))), plain)
        }
        _ => cast(expr, plain),
    }
}
