//! How far apart in time the rows of a pair can be, by what a join's condition says of their event times.

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
        let (Some(a), Some(b)) = (self.moment(a), self.moment(b)) else { return };
        // Turned so that the left side of the join stands on the left.
        let (left, operator, right) = match (a.side, b.side, operator.swap()) {
            (0, 1, _) => (a, operator, b),
            (1, 0, Some(swapped)) => (b, swapped, a),
            _ => return,
        };
        let apart = right.added.saturating_sub(left.added);
        if matches!(operator, Operator::Eq | Operator::Gt | Operator::GtEq) {
            bounds.least = Some(bounds.least.map_or(apart, |least| least.max(apart)));
        }
        if matches!(operator, Operator::Eq | Operator::Lt | Operator::LtEq) {
            bounds.most = Some(bounds.most.map_or(apart, |most| most.min(apart)));
        }
    }

    fn moment(&self, expr: &Expr) -> Option<Moment> {
        match unaliased(expr) {
            Expr::Cast(cast) => self.moment(&cast.expr),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let Expr::Literal(interval, _) = unaliased(right) else { return None };
                let nanos = i64::try_from(nanoseconds(interval)?.ok()?).ok()?;
                let moment = self.moment(left)?;
                let added = match op {
                    Operator::Plus => moment.added.saturating_add(nanos),
                    Operator::Minus => moment.added.saturating_sub(nanos),
                    _ => return None,
                };
                Some(Moment { added, ..moment })
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
