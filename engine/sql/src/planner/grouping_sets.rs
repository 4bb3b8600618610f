//! `GROUPING SETS`, `ROLLUP` and `CUBE`: an aggregate for each set, with nulls for the keys that it leaves out.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{self, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, cast, lit};

use super::Result;
use super::select::Streams;
use super::stream::Stream;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

impl Streams<'_> {
    pub(super) fn grouping_sets(&mut self, plan: &logical_expr::Aggregate, sets: &GroupingSet) -> Result<Stream> {
        let keys = grouping_set_to_exprlist(&plan.group_expr).map_err(|error| clean(error, self.place))?;
        let keys: Vec<Expr> = keys.into_iter().cloned().collect();
        let mut streams = Vec::new();
        for (number, set) in expanded(sets).iter().enumerate() {
            let repeated = expanded(sets)[..number].iter().filter(|other| *other == set).count();
            let query = self.one_set(plan, &keys, set, repeated)?;
            streams.push(self.stream(&query)?);
        }
        let updating = streams.iter().any(Stream::is_updating);
        let schema = headwater_core::StreamSchema::with_hidden(plan.schema.as_arrow(), updating);
        Ok(self.builder.union(streams, schema))
    }

    /// The aggregate over one set, with all the columns of the whole.
    fn one_set(
        &self,
        plan: &logical_expr::Aggregate,
        keys: &[Expr],
        set: &[Expr],
        repeated: usize,
    ) -> Result<LogicalPlan> {
        let failed = |error| clean(error, self.place);
        let aggregated = LogicalPlanBuilder::from(plan.input.as_ref().clone())
            .aggregate(set.to_vec(), plan.aggr_expr.clone())
            .and_then(LogicalPlanBuilder::build)
            .map_err(failed)?;
        let given = aggregated.schema().clone();
        let column = |index: usize| Expr::Column(Column::from(given.qualified_field(index)));
        let mut outputs = Vec::new();
        // Which keys are left out, the last one in the lowest bit; then how often the set came before.
        let mut id: u64 = 0;
        for (index, key) in keys.iter().enumerate() {
            let field = plan.schema.field(index);
            let place = set.iter().position(|other| other == key);
            id = (id << 1) | u64::from(place.is_none());
            let value = match place {
                Some(place) => column(place),
                None => lit(ScalarValue::try_from(field.data_type()).map_err(failed)?),
            };
            outputs.push(value.alias(field.name()));
        }
        let id = id | ((repeated as u64) << keys.len());
        let id_field = plan.schema.field(keys.len());
        outputs.push(cast(lit(id), id_field.data_type().clone()).alias(id_field.name()));
        for index in 0..plan.aggr_expr.len() {
            let name = plan.schema.field(keys.len() + 1 + index).name();
            outputs.push(column(set.len() + index).alias(name));
        }
        let projected = LogicalPlanBuilder::from(aggregated).project(outputs).and_then(LogicalPlanBuilder::build);
        projected.map_err(|error| Diagnostic { span: self.place.any(&["GROUPING", "ROLLUP", "CUBE"]), ..failed(error) })
    }
}

/// The sets that the shorter forms stand for.
fn expanded(sets: &GroupingSet) -> Vec<Vec<Expr>> {
    match sets {
        GroupingSet::GroupingSets(sets) => sets.clone(),
        GroupingSet::Rollup(keys) => (0..=keys.len()).rev().map(|length| keys[..length].to_vec()).collect(),
        GroupingSet::Cube(keys) => {
            let chosen = |mask: usize| {
                let keys = keys.iter().enumerate().filter(|(index, _)| mask & (1 << (keys.len() - 1 - index)) != 0);
                keys.map(|(_, key)| key.clone()).collect()
            };
            // More than twenty keys are a million sets; the binder refuses as many before.
            (0..1usize << keys.len().min(20)).rev().map(chosen).collect()
        }
    }
}
