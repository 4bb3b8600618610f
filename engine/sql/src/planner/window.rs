//! `tumble(width[, offset])`, `hop(slide, width[, offset])`, `cumulate(step, size[, offset])` and `session(gap)` to
//! windows.

use std::time::Duration;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};
use headwater_plan::{Slicing, Window};

use super::Result;
use super::expression::Scope;
use super::select::unaliased;
use super::stream::Role;
use crate::diagnostic::Diagnostic;
use crate::functions::{CUMULATE, HOP, SESSION, TUMBLE, is_window};

/// The window function that a grouping expression is, if it is one.
pub(super) fn window_call(expr: &Expr) -> Option<&ScalarFunction> {
    match unaliased(expr) {
        Expr::ScalarFunction(call) if is_window(call.name()) => Some(call),
        _ => None,
    }
}

impl Scope<'_> {
    /// The window that a call makes over this stream.
    pub(super) fn window(&self, call: &ScalarFunction) -> Result<Window> {
        let name = call.name();
        if !self.stream.timed {
            return Err(self.untimed(&format!("{name}()"), name));
        }
        let lengths = self.without_time_column(call)?;
        let lengths = lengths.iter().map(|length| self.interval(name, length)).collect::<Result<Vec<_>>>()?;
        match (name, lengths.as_slice()) {
            (TUMBLE, [width, offset @ ..]) if offset.len() <= 1 => {
                let width = self.nanos(name, *width)?;
                Ok(Window::Sliced(Slicing::tumble(width, offset_within(width, offset))))
            }
            (HOP, [slide, width, offset @ ..]) if offset.len() <= 1 => {
                let (slide, width) = (self.nanos(name, *slide)?, self.nanos(name, *width)?);
                Ok(Window::Sliced(Slicing::hop(slide, width, offset_within(slide, offset))))
            }
            (CUMULATE, [step, size, offset @ ..]) if offset.len() <= 1 => {
                let (step, size) = (self.nanos(name, *step)?, self.nanos(name, *size)?);
                if size % step != 0 {
                    return Err(self.uneven_steps(step, size));
                }
                Ok(Window::Sliced(Slicing::cumulate(step, size, offset_within(size, offset))))
            }
            (SESSION, [gap]) => {
                Ok(Window::Session { gap: Duration::from_nanos(self.nanos(name, *gap)?.unsigned_abs()) })
            }
            _ => {
                let usage = usage(name);
                let error = Diagnostic::new(format!("{name}() takes other arguments: {}", usage.0));
                Err(error.at(self.place.word(name)).hint(usage.1))
            }
        }
    }

    /// The arguments that are lengths of time: all, but for the event time where it is named first.
    fn without_time_column<'e>(&self, call: &'e ScalarFunction) -> Result<&'e [Expr]> {
        let Some((first, rest)) = call.args.split_first() else { return Ok(&call.args) };
        let is_time = first
            .get_type(&self.columns)
            .is_ok_and(|t| matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64));
        let is_column = matches!(unaliased(first), Expr::Column(_));
        if !is_time && !is_column {
            return Ok(&call.args);
        }
        if self.stream.role(first, &self.columns) == Role::EventTime {
            return Ok(rest);
        }
        let name = call.name();
        let error = Diagnostic::new(format!("{name}() windows by the event time, and its first argument is not it"));
        let error = error.at(self.place.word(name));
        Err(match self.stream.event_time_column() {
            Some(column) => {
                error.hint(format!("the event time is '{column}'; it need not be named: {}", usage(name).1))
            }
            None => error.hint(format!("leave it out: {}", usage(name).1)),
        })
    }

    /// A literal interval in nanoseconds.
    fn interval(&self, function: &str, expr: &Expr) -> Result<i128> {
        let error = |message: String| Diagnostic::new(message).at(self.place.word(function));
        let Expr::Literal(value, _) = unaliased(expr) else {
            let message = format!("the lengths of {function}() must be constant intervals");
            return Err(error(message).hint(usage(function).1));
        };
        match nanoseconds(value) {
            Some(Ok(nanos)) => Ok(nanos),
            Some(Err(Months)) => {
                Err(error(format!("{function}() cannot be as long as a month: months differ in length"))
                    .hint("use days: interval '30 days'"))
            }
            None => {
                let shown = match value {
                    ScalarValue::Utf8(Some(text)) => format!("interval '{text}'"),
                    _ => "interval '1 minute'".to_owned(),
                };
                Err(error(format!("the lengths of {function}() are intervals")).hint(format!("write {shown}")))
            }
        }
    }

    /// A length as a positive number.
    fn nanos(&self, function: &str, nanos: i128) -> Result<i64> {
        match i64::try_from(nanos) {
            Ok(nanos @ 1..) => Ok(nanos),
            _ => Err(Diagnostic::new(format!("the lengths of {function}() must be longer than nothing"))
                .at(self.place.word(function))),
        }
    }

    fn uneven_steps(&self, step: i64, size: i64) -> Diagnostic {
        let shown = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
        let (step, size) = (shown(step), shown(size));
        let error = Diagnostic::new(format!("windows that grow by {step:?} never are {size:?} long"));
        let hint = format!("the size is a multiple of the step: {}", usage(CUMULATE).1);
        error.at(self.place.word(CUMULATE)).hint(hint)
    }
}

/// An offset, where there is one, as what it comes to: windows that begin every `period` are the same when they are
/// shifted by it.
fn offset_within(period: i64, offset: &[i128]) -> i64 {
    let offset = offset.first().copied().unwrap_or(0).rem_euclid(i128::from(period));
    i64::try_from(offset).unwrap_or(0)
}

/// A length that has no fixed number of nanoseconds.
#[derive(Debug)]
pub(super) struct Months;

/// The nanoseconds of an interval; `None` for what is no interval. A day has 24 hours.
pub(super) fn nanoseconds(value: &ScalarValue) -> Option<Result<i128, Months>> {
    const DAY: i128 = 86_400_000_000_000;
    Some(match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 => {
            Ok(i128::from(v.days) * DAY + i128::from(v.nanoseconds))
        }
        ScalarValue::IntervalDayTime(Some(v)) => Ok(i128::from(v.days) * DAY + i128::from(v.milliseconds) * 1_000_000),
        ScalarValue::IntervalMonthDayNano(Some(_)) | ScalarValue::IntervalYearMonth(Some(_)) => Err(Months),
        ScalarValue::DurationSecond(Some(v)) => Ok(i128::from(*v) * 1_000_000_000),
        ScalarValue::DurationMillisecond(Some(v)) => Ok(i128::from(*v) * 1_000_000),
        ScalarValue::DurationMicrosecond(Some(v)) => Ok(i128::from(*v) * 1_000),
        ScalarValue::DurationNanosecond(Some(v)) => Ok(i128::from(*v)),
        _ => return None,
    })
}

/// What a function takes, in words and as an example.
fn usage(name: &str) -> (&'static str, &'static str) {
    match name {
        TUMBLE => ("the width, and an offset where wanted", "tumble(interval '1 minute')"),
        HOP => {
            let words = "how far apart windows begin, how wide they are, and an offset where wanted";
            (words, "hop(interval '10 seconds', interval '1 minute')")
        }
        CUMULATE => {
            let words = "by how much windows grow, how long they get, and an offset where wanted";
            (words, "cumulate(interval '1 hour', interval '1 day')")
        }
        _ => ("the gap that ends a session", "session(interval '30 seconds')"),
    }
}
