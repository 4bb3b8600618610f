//! Groups and the state of their aggregates: DataFusion's own vectorised hash aggregation, one table at a time.
//!
//! [`Accumulators`] are the aggregates' states by group number; a [`GroupTable`] adds the keys that the numbers stand
//! for. Neither knows windows or time.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt64Array, new_null_array};
use arrow::compute::take_arrays;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use headwater_core::OperatorError;

use super::aggregation::{AggregateColumns, Aggregation, RowKind, Rows};
use super::ordered_accumulator::OrderedAccumulator;

/// The states of an aggregation's functions, by group number.
pub(super) struct Accumulators {
    aggregation: Arc<Aggregation>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
}

impl Accumulators {
    /// Without any group.
    pub(super) fn new(aggregation: &Arc<Aggregation>) -> Result<Self, OperatorError> {
        let accumulators = aggregation.functions().iter().map(new_accumulator).collect::<Result<_, _>>()?;
        Ok(Accumulators { aggregation: aggregation.clone(), accumulators })
    }

    /// Takes rows, each into the group with its number; there are `total` groups.
    pub(super) fn add(&mut self, rows: &Rows, groups: &[usize], total: usize) -> Result<(), OperatorError> {
        let mut values = rows.values.as_slice();
        for (index, (function, accumulator)) in
            self.aggregation.functions().iter().zip(&mut self.accumulators).enumerate()
        {
            let count = match rows.kind {
                RowKind::Raw => function.arguments.len(),
                RowKind::States => function.state_columns,
            };
            let (own, rest) = values
                .split_at_checked(count)
                .ok_or_else(|| OperatorError::plan("rows have fewer columns than their aggregates need"))?;
            values = rest;
            match rows.kind {
                RowKind::Raw => accumulator.update_batch(own, groups, rows.filter(index), total),
                RowKind::States => accumulator.merge_batch(own, groups, total),
            }
            .map_err(|source| OperatorError::evaluate(format!("compute {}", function.function.name()), source))?;
        }
        Ok(())
    }

    /// The state columns of all functions, a row a group.
    pub(super) fn states(mut self) -> Result<Vec<ArrayRef>, OperatorError> {
        let mut columns = Vec::new();
        for (function, accumulator) in self.aggregation.functions().iter().zip(&mut self.accumulators) {
            let state = accumulator.state(EmitTo::All);
            let name = function.function.name();
            columns.extend(state.map_err(|source| OperatorError::evaluate(format!("keep {name}"), source))?);
        }
        Ok(columns)
    }

    /// A column a function with its result, a row a group.
    pub(super) fn results(mut self) -> Result<Vec<ArrayRef>, OperatorError> {
        let functions = self.aggregation.functions().iter().zip(&mut self.accumulators);
        functions
            .map(|(function, accumulator)| {
                let name = function.function.name();
                accumulator
                    .evaluate(EmitTo::All)
                    .map_err(|source| OperatorError::evaluate(format!("finish {name}"), source))
            })
            .collect()
    }

    fn size(&self) -> usize {
        self.accumulators.iter().map(|accumulator| accumulator.size()).sum()
    }
}

fn new_accumulator(columns: &AggregateColumns) -> Result<Box<dyn GroupsAccumulator>, OperatorError> {
    let function = columns.function.clone();
    if OrderedAccumulator::needed_by(&function) {
        let make = move || Ok(Box::new(OrderedAccumulator::new(function.clone())?) as _);
        return Ok(Box::new(GroupsAccumulatorAdapter::new(make)));
    }
    if function.groups_accumulator_supported() {
        return function
            .create_groups_accumulator()
            .map_err(|source| OperatorError::evaluate(format!("begin {}", function.name()), source));
    }
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}

/// What an aggregate's state is before the first row. `avg` counts no rows where it has no sum, and divides by the count
/// that it finds in a state; for many groups it says null for both.
fn empty_state(columns: &AggregateColumns) -> Result<Vec<ArrayRef>, OperatorError> {
    let state = || {
        let states = columns.function.create_accumulator()?.state()?;
        let is_unknown = columns.function.fun().name() == "avg" && states.iter().any(ScalarValue::is_null);
        let array = |state: &ScalarValue| match is_unknown {
            true => Ok(new_null_array(&state.data_type(), 1)),
            false => state.to_array(),
        };
        states.iter().map(array).collect::<Result<_, DataFusionError>>()
    };
    state().map_err(|source| OperatorError::evaluate(format!("begin {}", columns.function.name()), source))
}

/// Numbers for keys: equal keys have one number, counted from 0 in the order in which they first came.
pub(super) struct GroupKeys {
    /// `None` where there are no keys: all rows are one group then.
    values: Option<Box<dyn GroupValues>>,
    /// The numbers by those of DataFusion, where these are others: of the new keys of a batch it numbers those last that
    /// have the hash of another key, as `('a', NULL)` has that of `(NULL, 'a')`.
    numbers: Option<Vec<usize>>,
    seen_rows: bool,
}

impl GroupKeys {
    /// Without any group.
    pub(super) fn new(aggregation: &Aggregation) -> Result<Self, OperatorError> {
        let schema = aggregation.key_schema();
        let values = match schema.fields().is_empty() {
            true => None,
            false => Some(new_group_values(schema.clone(), &GroupOrdering::None).map_err(|e| failed("group", e))?),
        };
        Ok(GroupKeys { values, numbers: None, seen_rows: false })
    }

    /// The number of each row's group, into `groups`.
    pub(super) fn number(&mut self, rows: &Rows, groups: &mut Vec<usize>) -> Result<(), OperatorError> {
        self.seen_rows |= rows.count > 0;
        groups.clear();
        match &mut self.values {
            Some(values) => {
                let before = values.len();
                values.intern(&rows.keys, groups).map_err(|e| failed("group", e))?;
                if self.numbers.is_some() || !is_in_order(groups, before) {
                    let numbers = self.numbers.get_or_insert_with(|| (0..before).collect());
                    numbers.resize(values.len(), usize::MAX);
                    renumber(groups, numbers, before);
                }
                Ok(())
            }
            None => {
                groups.resize(rows.count, 0);
                Ok(())
            }
        }
    }

    /// How many groups there are.
    pub(super) fn count(&self) -> usize {
        self.values.as_ref().map_or(usize::from(self.seen_rows), |values| values.len())
    }

    fn into_columns(self) -> Result<Vec<ArrayRef>, OperatorError> {
        let Some(mut values) = self.values else { return Ok(Vec::new()) };
        let columns = values.emit(EmitTo::All).map_err(|e| failed("list the groups of", e))?;
        let Some(numbers) = self.numbers else { return Ok(columns) };
        let mut places = vec![0; numbers.len()];
        numbers.iter().enumerate().for_each(|(place, number)| places[*number] = place as u64);
        take_arrays(&columns, &UInt64Array::from(places), None)
            .map_err(|source| OperatorError::arrow("list the groups of rows by key", source))
    }

    fn size(&self) -> usize {
        self.values.as_ref().map_or(0, |values| values.size())
    }
}

/// Whether keys that came first have the numbers from `before` on, one after another.
fn is_in_order(groups: &[usize], before: usize) -> bool {
    let mut next = before;
    groups.iter().all(|group| {
        next += usize::from(*group == next);
        *group < next
    })
}

/// Puts our numbers in the place of DataFusion's; a key that has none yet gets the next one from `next` on.
fn renumber(groups: &mut [usize], numbers: &mut [usize], mut next: usize) {
    for group in groups {
        let number = &mut numbers[*group];
        if *number == usize::MAX {
            *number = next;
            next += 1;
        }
        *group = *number;
    }
}

fn failed(step: &str, source: DataFusionError) -> OperatorError {
    OperatorError::evaluate(format!("{step} rows by key"), source)
}

/// A hash table from keys to aggregate states.
pub(super) struct GroupTable {
    aggregation: Arc<Aggregation>,
    keys: GroupKeys,
    accumulators: Accumulators,
    groups: Vec<usize>,
}

impl GroupTable {
    /// An empty table.
    pub(super) fn new(aggregation: &Arc<Aggregation>) -> Result<Self, OperatorError> {
        Ok(GroupTable {
            aggregation: aggregation.clone(),
            keys: GroupKeys::new(aggregation)?,
            accumulators: Accumulators::new(aggregation)?,
            groups: Vec::new(),
        })
    }

    /// Takes raw rows, or rows of states.
    pub(super) fn add(&mut self, rows: &Rows) -> Result<(), OperatorError> {
        if rows.count == 0 {
            return Ok(());
        }
        self.keys.number(rows, &mut self.groups)?;
        self.accumulators.add(rows, &self.groups, self.keys.count())
    }

    /// Lets there be a group where there are no keys, though no row has come: merges the states of no rows. An
    /// accumulator for many groups takes a group that it is only told of for one that has had values.
    pub(super) fn begin_group(&mut self) -> Result<(), OperatorError> {
        let mut columns = Vec::new();
        for function in self.aggregation.functions() {
            columns.extend(empty_state(function)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let state = RecordBatch::try_new_with_options(self.aggregation.state_schema().clone(), columns, &options)
            .map_err(|source| OperatorError::arrow("lay out the states of no rows", source))?;
        self.merge(&state)
    }

    /// Takes rows of a batch that begins with the columns of [`Aggregation::state_schema`].
    pub(super) fn merge(&mut self, states: &RecordBatch) -> Result<(), OperatorError> {
        self.add(&self.aggregation.state_rows(states)?)
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.keys.count()
    }

    /// The groups and their states, in the columns of [`Aggregation::state_schema`].
    pub(super) fn into_states(self) -> Result<RecordBatch, OperatorError> {
        let rows = self.keys.count();
        if rows == 0 {
            return Ok(RecordBatch::new_empty(self.aggregation.state_schema().clone()));
        }
        let mut columns = self.keys.into_columns()?;
        columns.extend(self.accumulators.states()?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.aggregation.state_schema().clone(), columns, &options)
            .map_err(|source| OperatorError::arrow("lay out the states of aggregates", source))
    }

    /// The key columns, the results, and the number of groups.
    pub(super) fn into_results(self) -> Result<GroupResults, OperatorError> {
        let count = self.keys.count();
        if count == 0 {
            return Ok(GroupResults { keys: Vec::new(), results: Vec::new(), count });
        }
        Ok(GroupResults { keys: self.keys.into_columns()?, results: self.accumulators.results()?, count })
    }

    /// Bytes that the table holds.
    pub(super) fn size(&self) -> usize {
        self.keys.size() + self.accumulators.size() + self.groups.capacity() * size_of::<usize>()
    }
}

/// Finished groups.
#[derive(Debug)]
pub(super) struct GroupResults {
    /// A column a key.
    pub(super) keys: Vec<ArrayRef>,
    /// A column an aggregate.
    pub(super) results: Vec<ArrayRef>,
    /// How many groups.
    pub(super) count: usize,
}

impl GroupResults {
    /// The results of states that stay as they are: a row a group, in the columns of [`Aggregation::state_schema`].
    /// No key is looked up, as every row is a group of its own.
    pub(super) fn of_states(aggregation: &Arc<Aggregation>, states: &RecordBatch) -> Result<Self, OperatorError> {
        let rows = aggregation.state_rows(states)?;
        let groups: Vec<usize> = (0..rows.count).collect();
        let mut accumulators = Accumulators::new(aggregation)?;
        accumulators.add(&rows, &groups, rows.count)?;
        Ok(GroupResults { keys: rows.keys, results: accumulators.results()?, count: rows.count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_as_they_come_however_they_were_numbered() {
        assert!(is_in_order(&[2, 0, 3, 2, 1, 4], 2) && !is_in_order(&[3, 2], 2));
        let (mut groups, mut numbers) = ([3, 0, 2, 3, 4], [0, 1, usize::MAX, usize::MAX, usize::MAX]);
        renumber(&mut groups, &mut numbers, 2);
        assert_eq!((groups, numbers), ([2, 0, 3, 2, 4], [0, 1, 3, 2, 4]));
    }
}
