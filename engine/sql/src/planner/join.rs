//! Joins: which rows pair, and how long each side waits.
//!
//! Where both sides are grouped by the same window, or the condition bounds how far apart the event times of a pair
//! are, rows wait until the watermark says that nothing more can come for them, and the result only grows. Any other
//! join keeps its rows for the file's `updating_ttl`, and what it said of a row without a match it may take back.

use std::sync::Arc;

use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{self, Expr};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::cast;
use headwater_core::StreamSchema;
use headwater_plan::{JoinNode, JoinTime, NodeKind};

use super::Result;
use super::expression::Scope;
use super::interval::Sides;
use super::select::Streams;
use super::stream::{Role, Stream, Windowed};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// The expressions whose values have to be equal, over one side.
type Keys = Vec<Arc<dyn PhysicalExpr>>;

impl Streams<'_> {
    pub(super) fn join(&mut self, join: &logical_expr::Join) -> Result<Stream> {
        if let Some(table) = self.looked_up(&join.right) {
            return self.lookup_join(join, &table);
        }
        if let Some(plan) = self.not_in(join)? {
            return self.stream(&plan);
        }
        let (left, right) = (self.stream(&join.left)?, self.stream(&join.right)?);
        let (as_of, condition) = self.as_of(join, &left)?;
        let time = self.time(join, condition.as_ref(), as_of, &left, &right)?;
        let waits = !matches!(time, JoinTime::Updating(_));
        let (left, right) = match waits {
            true => (self.builder.in_time(left), self.builder.in_time(right)),
            false => (left, right),
        };
        let left_keys = self.keys(join.on.iter().map(|(left, _)| left), join.left.schema(), &left)?;
        let right_keys = self.keys(join.on.iter().map(|(_, right)| right), join.right.schema(), &right)?;
        let (left_keys, right_keys) = self.same_types((&left, left_keys), (&right, right_keys))?;
        let (left, left_places) = self.builder.with_keys(&left, &left_keys)?;
        let (right, right_places) = self.builder.with_keys(&right, &right_keys)?;
        let counts = (join.left.schema().fields().len(), join.right.schema().fields().len());
        let condition = self.condition(join, condition.as_ref(), (&left, &right), counts)?;
        // Which version holds is the key's business; what else is asked is asked of the version that does.
        let (condition, of_version) = if as_of { (None, condition) } else { (condition, None) };
        let grows = !left.is_updating() && !right.is_updating();
        let updating = match (time, join.join_type) {
            (JoinTime::Updating(_), JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi) => !grows,
            (JoinTime::Updating(_), _) => true,
            _ => false,
        };
        let node = JoinNode {
            join_type: join.join_type,
            left_keys: places(&left, &left_places),
            right_keys: places(&right, &right_places),
            null_equal: join.null_equality == NullEquality::NullEqualsNull,
            condition,
            time,
            lasting: [&join.left, &join.right].map(|side| side.max_rows() == Some(1)),
        };
        let joined = Joined { join, time, left: &left, right: &right, updating, counts };
        let made = joined.schema();
        let parallel = !join.on.is_empty();
        let id = self.builder.graph.add(NodeKind::Join(node), made.clone(), parallel);
        for (number, (side, places)) in [(&left, left_places), (&right, right_places)].into_iter().enumerate() {
            let partitioning = self.builder.exchange(places);
            self.builder.graph.connect(side.node, id, number, partitioning);
        }
        let mut stream = joined.stream(id, made);
        if let Some(condition) = of_version {
            stream = self.if_version(stream, condition, &joined)?;
        }
        Ok(self.without_keys(stream, &joined))
    }

    fn time(
        &self,
        join: &logical_expr::Join,
        condition: Option<&Expr>,
        as_of: bool,
        left: &Stream,
        right: &Stream,
    ) -> Result<JoinTime> {
        if as_of {
            if !right.timed {
                let error = Diagnostic::new("versions need an event time, and the table on the right has none");
                let error = error.at(self.place.word("SYSTEM_TIME"));
                return Err(error.hint("add WATERMARK FOR its time column to CREATE TABLE"));
            }
            return Ok(JoinTime::AsOf);
        }
        let updating = JoinTime::Updating(Some(self.builder.updating_ttl));
        if !left.timed || !right.timed {
            return Ok(updating);
        }
        let (left_names, right_names) = (join.left.schema(), join.right.schema());
        let same_window = join.on.iter().any(|(l, r)| {
            let (a, b) = (left.role(l, left_names), right.role(r, right_names));
            let windowed = left.tells_windows(a) && right.tells_windows(b);
            windowed && a == b && (a != Role::WindowStart || left.windowed == right.windowed)
        });
        if same_window {
            return Ok(JoinTime::Interval { least: 0, most: 0 });
        }
        let sides = Sides { streams: [left, right], names: [left_names, right_names] };
        let bounds = sides.bounds(&join.on, condition);
        Ok(match (bounds.least, bounds.most) {
            (Some(least), Some(most)) => JoinTime::Interval { least, most },
            _ => updating,
        })
    }

    fn keys<'e>(&self, exprs: impl Iterator<Item = &'e Expr>, names: &DFSchema, stream: &Stream) -> Result<Keys> {
        let scope = self.scope(names, stream)?;
        exprs.map(|expr| scope.physical(expr)).collect()
    }

    /// The keys with each pair of one type. What a function says that it gives when a query is bound is not always what
    /// it gives: `nullif` of decimals has another precision.
    fn same_types(
        &self,
        (left, left_keys): (&Stream, Keys),
        (right, right_keys): (&Stream, Keys),
    ) -> Result<(Keys, Keys)> {
        let failed = |error| clean(error, self.place);
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (a, b) in left_keys.into_iter().zip(right_keys) {
            let of_a = a.data_type(left.schema.full()).map_err(failed)?;
            let of_b = b.data_type(right.schema.full()).map_err(failed)?;
            let common = if of_a == of_b { of_a } else { comparison_coercion(&of_a, &of_b).unwrap_or(of_a) };
            lefts.push(cast(a, left.schema.full(), common.clone()).map_err(failed)?);
            rights.push(cast(b, right.schema.full(), common).map_err(failed)?);
        }
        Ok((lefts, rights))
    }

    /// The condition over the columns of both sides, behind which each side's own keys stand.
    fn condition(
        &self,
        join: &logical_expr::Join,
        condition: Option<&Expr>,
        (left, right): (&Stream, &Stream),
        counts: (usize, usize),
    ) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some(condition) = condition else { return Ok(None) };
        let failed = |error| clean(error, self.place);
        let padded = |names: &DFSchema, stream: &Stream, count: usize| {
            let visible = stream.schema.visible();
            let keys = visible.fields().iter().skip(count).map(|field| (None, field.clone()));
            let own = names.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone()));
            own.chain(keys).collect::<Vec<_>>()
        };
        let mut fields = padded(join.left.schema(), left, counts.0);
        // Both sides may have keys of the same made-up name.
        let keys = padded(join.right.schema(), right, counts.1).into_iter().map(|(qualifier, field)| match qualifier {
            None if field.name().starts_with("_key_") => {
                (None, Arc::new(field.as_ref().clone().with_name(format!("_right{}", field.name()))))
            }
            _ => (qualifier, field),
        });
        fields.extend(keys);
        let names = DFSchema::new_with_metadata(fields, Default::default()).map_err(failed)?;
        let both = StreamSchema::append_only(names.as_arrow());
        let mut roles = left.roles.clone();
        roles.extend(right.roles.iter().copied());
        let pair = Stream { schema: both, roles, timed: left.timed && right.timed, ..left.clone() };
        Scope::new(&names, &pair, self.place)?.physical(condition).map(Some)
    }

    /// Leaves out the columns that were only there to be keys.
    fn without_keys(&mut self, stream: Stream, joined: &Joined<'_>) -> Stream {
        let (left, right) = joined.counts;
        let columns: Vec<usize> = match joined.join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => (0..left).collect(),
            JoinType::RightSemi | JoinType::RightAnti => (0..right).collect(),
            JoinType::LeftMark => (0..left).chain([joined.left.schema.visible_count()]).collect(),
            JoinType::RightMark => (0..right).chain([joined.right.schema.visible_count()]).collect(),
            _ => {
                let first = joined.left.schema.visible_count();
                (0..left).chain(first..first + right).collect()
            }
        };
        let stream = match columns.iter().copied().eq(0..stream.schema.visible_count()) {
            true => stream,
            false => self.builder.choose(&stream, &columns),
        };
        let schema = stream.schema_of(joined.join.schema.as_arrow());
        self.builder.conform(stream, &schema)
    }
}

/// A join with what is known of its sides.
pub(super) struct Joined<'a> {
    /// The join.
    pub(super) join: &'a logical_expr::Join,
    time: JoinTime,
    /// Its left side.
    pub(super) left: &'a Stream,
    right: &'a Stream,
    updating: bool,
    /// How many columns each side has but for keys that were added.
    counts: (usize, usize),
}

impl Joined<'_> {
    /// The columns of the node, keys and all.
    fn schema(&self) -> StreamSchema {
        use arrow::datatypes::{DataType, Field, FieldRef, Schema};
        let side = |stream: &Stream, nullable: bool| {
            let visible = stream.schema.visible();
            let field =
                |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(nullable || field.is_nullable()));
            visible.fields().iter().map(field).collect::<Vec<FieldRef>>()
        };
        let mark = || Arc::new(Field::new("mark", DataType::Boolean, false));
        let join_type = self.join.join_type;
        let mut left = side(self.left, matches!(join_type, JoinType::Right | JoinType::Full));
        let mut right = side(self.right, matches!(join_type, JoinType::Left | JoinType::Full));
        let fields = match join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => left,
            JoinType::RightSemi | JoinType::RightAnti => right,
            JoinType::LeftMark => {
                left.push(mark());
                left
            }
            JoinType::RightMark => {
                right.push(mark());
                right
            }
            _ => {
                left.append(&mut right);
                left
            }
        };
        StreamSchema::with_hidden(&Schema::new(fields), self.updating)
    }

    fn stream(&self, node: usize, schema: StreamSchema) -> Stream {
        let join_type = self.join.join_type;
        let same_time = matches!(self.time, JoinTime::Interval { least: 0, most: 0 });
        // The event time of a pair is the greater one: a side's own time column is only that where both are the same.
        let role = |role: &Role, nullable: bool| match (nullable, same_time, self.time) {
            (true, ..) => Role::Plain,
            (false, true, _) => *role,
            (false, false, JoinTime::AsOf) if *role == Role::EventTime => Role::EventTime,
            _ => Role::Plain,
        };
        let roles_of =
            |stream: &Stream, nullable: bool| stream.roles.iter().map(|r| role(r, nullable)).collect::<Vec<_>>();
        let left = roles_of(self.left, matches!(join_type, JoinType::Right | JoinType::Full));
        let right_nullable = matches!(join_type, JoinType::Left | JoinType::Full) || self.time == JoinTime::AsOf;
        let right = roles_of(self.right, right_nullable);
        let mut roles = match join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right,
            _ => left.into_iter().chain(right).collect(),
        };
        roles.resize(schema.visible_count(), Role::Plain);
        let windowed = match (same_time, self.left.windowed, self.right.windowed) {
            (false, ..) => Windowed::No,
            (true, left, right) if left == right => left,
            (true, Windowed::No, _) | (true, _, Windowed::No) => Windowed::No,
            _ => Windowed::Varying,
        };
        let grows = !self.left.is_updating() && !self.right.is_updating();
        let both_timed = self.left.timed && self.right.timed;
        let timed = match self.time {
            JoinTime::Updating(_) => grows && both_timed && join_type == JoinType::Inner,
            _ => true,
        };
        let bounded = self.left.bounded && self.right.bounded;
        let lateness = self.left.lateness.max(self.right.lateness);
        Stream { node, schema, roles, windowed, timed, bounded, lateness, ordered: false }
    }
}

/// The columns at these places.
fn places(stream: &Stream, places: &[usize]) -> Vec<Arc<dyn PhysicalExpr>> {
    use datafusion::physical_expr::expressions::Column;
    let column = |index: &usize| Arc::new(Column::new(stream.schema.full().field(*index).name(), *index)) as _;
    places.iter().map(column).collect()
}
