//! The functions that windows are made with: from a row's event time to the windows that hold it.
//!
//! Written down from what the dialect says of each window, one instant after another, and not from the slices that the
//! engine computes with.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, ListArray, StructArray, TimestampNanosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// The type of an event time.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// A struct of `start` and `end`.
fn window_fields() -> Fields {
    let bound = |name: &str| Field::new(name, TIMESTAMP, false);
    Fields::from(vec![bound("start"), bound("end")])
}

/// Fixed windows, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    /// One after another, shifted.
    Tumble { width: i64, offset: i64 },
    /// One beginning every `slide`, shifted.
    Hop { slide: i64, width: i64, offset: i64 },
    /// Growing by `step` from the same start until they are as wide as `width`, shifted.
    Cumulate { step: i64, width: i64, offset: i64 },
}

impl Shape {
    /// The windows that hold an instant, as start and end.
    fn windows(self, at: i64) -> Vec<(i64, i64)> {
        match self {
            Shape::Tumble { width, offset } => {
                let start = floor(at - offset, width) + offset;
                vec![(start, start + width)]
            }
            Shape::Hop { slide, width, offset } => {
                let mut windows = Vec::new();
                let mut start = floor(at - offset, slide) + offset;
                while at < start + width {
                    windows.push((start, start + width));
                    start -= slide;
                }
                windows
            }
            Shape::Cumulate { step, width, offset } => {
                let start = floor(at - offset, width) + offset;
                let first = start + floor(at - start, step) + step;
                (0..)
                    .map(|i| first + i * step)
                    .take_while(|end| *end <= start + width)
                    .map(|end| (start, end))
                    .collect()
            }
        }
    }
}

/// The greatest multiple of `step` that is not greater than `value`.
fn floor(value: i64, step: i64) -> i64 {
    value.div_euclid(step) * step
}

/// From an event time to the list of windows that hold it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Windows {
    shape: Shape,
    signature: Signature,
}

impl Windows {
    /// The windows that a call makes; `None` for sessions, which are made of more than one row.
    pub(super) fn of(call: &ScalarFunction) -> Result<Option<Self>> {
        let lengths = lengths(call)?;
        let shape = match (call.name(), lengths.as_slice()) {
            ("session", _) => return Ok(None),
            ("tumble", [width, offset @ ..]) if offset.len() <= 1 => {
                Shape::Tumble { width: *width, offset: shift(offset) }
            }
            ("hop", [slide, width, offset @ ..]) if offset.len() <= 1 => {
                Shape::Hop { slide: *slide, width: *width, offset: shift(offset) }
            }
            ("cumulate", [step, width, offset @ ..]) if offset.len() <= 1 => {
                Shape::Cumulate { step: *step, width: *width, offset: shift(offset) }
            }
            (name, lengths) => return plan_err!("{name}() does not take {} lengths", lengths.len()),
        };
        Ok(Some(Windows { shape, signature: Signature::exact(vec![TIMESTAMP], Volatility::Immutable) }))
    }
}

/// By how much windows are shifted: the length that may be left out.
fn shift(offset: &[i64]) -> i64 {
    offset.first().copied().unwrap_or(0)
}

/// The lengths that a window function is called with, in nanoseconds; the time column before them is left out.
pub(super) fn lengths(call: &ScalarFunction) -> Result<Vec<i64>> {
    const DAY: i64 = 86_400_000_000_000;
    let mut lengths = Vec::new();
    for argument in &call.args {
        let mut argument = argument;
        while let Expr::Alias(alias) = argument {
            argument = &alias.expr;
        }
        match argument {
            Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) if interval.months == 0 => {
                lengths.push(i64::from(interval.days) * DAY + interval.nanoseconds);
            }
            Expr::Literal(value, _) => return plan_err!("{}() with a length of {value}", call.name()),
            _ if lengths.is_empty() => {}
            other => return plan_err!("{}() with {other}", call.name()),
        }
    }
    Ok(lengths)
}

impl ScalarUDFImpl for Windows {
    fn name(&self) -> &str {
        "windows_that_hold"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Struct(window_fields()), true))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times] = arguments.args.as_slice() else { return plan_err!("windows of one event time") };
        let times = times.to_array(arguments.number_rows)?;
        let (mut starts, mut ends, mut offsets) = (Vec::new(), Vec::new(), vec![0_i32]);
        for time in times.as_primitive::<TimestampNanosecondType>().iter().flatten() {
            for (start, end) in self.shape.windows(time) {
                starts.push(start);
                ends.push(end);
            }
            offsets.push(starts.len() as i32);
        }
        let item = Arc::new(Field::new_list_field(DataType::Struct(window_fields()), true));
        let windows =
            ListArray::try_new(item, OffsetBuffer::new(ScalarBuffer::from(offsets)), pair(starts, ends)?, None)?;
        Ok(ColumnarValue::Array(Arc::new(windows)))
    }
}

fn pair(starts: Vec<i64>, ends: Vec<i64>) -> Result<ArrayRef> {
    let bound = |times: Vec<i64>| Arc::new(TimestampNanosecondArray::from(times)) as ArrayRef;
    let nulls: Option<NullBuffer> = None;
    Ok(Arc::new(StructArray::try_new(window_fields(), vec![bound(starts), bound(ends)], nulls)?))
}

/// From a start and an end to a window.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionWindow {
    signature: Signature,
}

impl Default for SessionWindow {
    fn default() -> Self {
        SessionWindow { signature: Signature::exact(vec![TIMESTAMP, TIMESTAMP], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SessionWindow {
    fn name(&self) -> &str {
        "session_window"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(window_fields()))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [start, end] = arguments.args.as_slice() else { return plan_err!("a window of two times") };
        let bound = |value: &ColumnarValue| -> Result<Vec<i64>> {
            let times = value.to_array(arguments.number_rows)?;
            Ok(times.as_primitive::<TimestampNanosecondType>().values().to_vec())
        };
        Ok(ColumnarValue::Array(pair(bound(start)?, bound(end)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_in_the_windows_that_begin_before_it_and_end_after_it() {
        assert_eq!(Shape::Tumble { width: 10, offset: 3 }.windows(2), [(-7, 3)]);
        assert_eq!(Shape::Tumble { width: 10, offset: 0 }.windows(10), [(10, 20)]);
        assert_eq!(Shape::Hop { slide: 5, width: 12, offset: 0 }.windows(11), [(10, 22), (5, 17), (0, 12)]);
        assert_eq!(Shape::Hop { slide: 5, width: 2, offset: 0 }.windows(13), []);
        assert_eq!(Shape::Hop { slide: 5, width: 5, offset: 2 }.windows(11), [(7, 12)]);
        assert_eq!(Shape::Cumulate { step: 4, width: 12, offset: 0 }.windows(17), [(12, 20), (12, 24)]);
        assert_eq!(Shape::Cumulate { step: 4, width: 12, offset: 0 }.windows(-1), [(-12, 0)]);
    }
}
