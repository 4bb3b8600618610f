//! How far apart in time the rows of a pair can be, by what a join's condition says of their event times.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::select::unaliased;
use super::stream::{Role, Stream};
use super::window::nanoseconds;
use crate::functions::ROW_TIME;

/// Bounds on the left event time less the right one, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// At least this.
    pub(super) least: Option<i64>,
    /// At most this.
    pub(super) most: Option<i64>,
}

impl Bounds {
    /// `a - b operator length`, of event times of the two sides.
    fn apart(&mut self, a: &Moment, b: &Moment, operator: Operator, length: i64) {
        let length = length.saturating_sub(a.added).saturating_add(b.added);
        // Turned so that the left side of the join stands on the left.
        let (operator, length) = match (a.side, b.side, operator.swap()) {
            (0, 1, _) => (operator, length),
            (1, 0, Some(swapped)) => (swapped, length.saturating_neg()),
            _ => return,
        };
        if matches!(operator, Operator::Eq | Operator::Gt | Operator::GtEq) {
            self.least = Some(self.least.map_or(length, |least| least.max(length)));
        }
        if matches!(operator, Operator::Eq | Operator::Lt | Operator::LtEq) {
            self.most = Some(self.most.map_or(length, |most| most.min(length)));
        }
    }
}

/// The two sides of a join.
pub(super) struct Sides<'a> {
    /// The streams, left and right.
    pub(super) streams: [&'a Stream; 2],
    /// The names of their columns.
    pub(super) names: [&'a DFSchema; 2],
}

/// An event time of one side with something added.
struct Moment {
    side: usize,
    added: i64,
}

impl Sides<'_> {
    /// The bounds that equal keys and a condition put on a pair.
    pub(super) fn bounds(&self, on: &[(Expr, Expr)], condition: Option<&Expr>) -> Bounds {
        let mut bounds = Bounds::default();
        for (left, right) in on {
            self.compare(left, Operator::Eq, right, &mut bounds);
        }
        for part in condition.map(split_conjunction).unwrap_or_default() {
            if let Expr::BinaryExpr(BinaryExpr { left, op, right }) = unaliased(part) {
                self.compare(left, *op, right, &mut bounds);
            }
            if let Expr::Between(between) = unaliased(part)
                && !between.negated
            {
                self.compare(&between.expr, Operator::GtEq, &between.low, &mut bounds);
                self.compare(&between.expr, Operator::LtEq, &between.high, &mut bounds);
            }
        }
        bounds
    }

    fn compare(&self, a: &Expr, operator: Operator, b: &Expr, bounds: &mut Bounds) {
        let Some(swapped) = operator.swap() else { return };
        if let (Some(a), Some(b)) = (self.moment(a), self.moment(b)) {
            bounds.apart(&a, &b, operator, 0);
        } else if let (Some((a, less)), Some(length)) = (self.difference(a), length(b)) {
            bounds.apart(&a, &less, operator, length);
        } else if let (Some(length), Some((b, less))) = (length(a), self.difference(b)) {
            bounds.apart(&b, &less, swapped, length);
        }
    }

    /// An event time less another one.
    fn difference(&self, expr: &Expr) -> Option<(Moment, Moment)> {
        match unaliased(expr) {
            Expr::Cast(cast) if is_length(cast.field.data_type()) => self.difference(&cast.expr),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                Some((self.moment(left)?, self.moment(right)?))
            }
            _ => None,
        }
    }

    fn moment(&self, expr: &Expr) -> Option<Moment> {
        match unaliased(expr) {
            // Into a coarser unit, times that differ become the same.
            Expr::Cast(cast) if *cast.field.data_type() == NANOSECONDS => self.moment(&cast.expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (moment, added) = match (op, length(left), length(right)) {
                    (Operator::Plus, None, Some(length)) => (self.moment(left)?, length),
                    (Operator::Plus, Some(length), None) => (self.moment(right)?, length),
                    (Operator::Minus, None, Some(length)) => (self.moment(left)?, length.checked_neg()?),
                    _ => return None,
                };
                Some(Moment { added: moment.added.saturating_add(added), ..moment })
            }
            // Both sides have one.
            Expr::ScalarFunction(call) if call.name() == ROW_TIME => None,
            column @ Expr::Column(name) => {
                let side = (0..2).find(|side| self.names[*side].maybe_index_of_column(name).is_some())?;
                let is_time = self.streams[side].role(column, self.names[side]) == Role::EventTime;
                is_time.then_some(Moment { side, added: 0 })
            }
            _ => None,
        }
    }
}

/// The type of the event time.
const NANOSECONDS: DataType = DataType::Timestamp(TimeUnit::Nanosecond, None);

/// Whether values of the type are lengths of time, to the nanosecond.
fn is_length(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(IntervalUnit::MonthDayNano) | DataType::Duration(TimeUnit::Nanosecond))
}

/// A length of time that is given, in nanoseconds.
fn length(expr: &Expr) -> Option<i64> {
    match unaliased(expr) {
        Expr::Cast(cast) if is_length(cast.field.data_type()) => length(&cast.expr),
        Expr::Literal(interval, _) => i64::try_from(nanoseconds(interval)?.ok()?).ok(),
        _ => None,
    }
}
