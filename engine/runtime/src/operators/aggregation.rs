//! What a window aggregate computes, apart from its windows: keys, aggregates, and the columns of their states.
//!
//! Rows enter as [`Rows`]: the keys with either the aggregates' arguments (of raw rows) or their states (of rows that
//! were aggregated before). Everything that splits rows by slice or run works on those.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use headwater_core::OperatorError;
use headwater_plan::{Aggregate, Phase, WindowAggregateNode};

use super::evaluate;

/// The keys and aggregates of a node.
#[derive(Debug)]
pub(super) struct Aggregation {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    functions: Vec<AggregateColumns>,
    key_schema: SchemaRef,
    state_schema: SchemaRef,
    input: RowKind,
}

/// One aggregate: what it takes, and how many columns its state has.
#[derive(Debug)]
pub(super) struct AggregateColumns {
    pub(super) function: Arc<AggregateFunctionExpr>,
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// The arguments, then the expressions of its `ORDER BY`.
    pub(super) arguments: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) state_columns: usize,
}

/// What the values beside the keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// Arguments of the aggregates.
    Raw,
    /// States of the aggregates.
    States,
}

impl Aggregation {
    /// The aggregation of a node.
    ///
    /// # Errors
    /// When keys and their fields do not match, or an aggregate does not know its state.
    pub(super) fn new(node: &WindowAggregateNode) -> Result<Arc<Self>, OperatorError> {
        Self::of(node.phase, &node.keys, &node.key_fields, &node.aggregates)
    }

    /// The aggregation of one phase by these keys.
    ///
    /// # Errors
    /// As for [`Aggregation::new`].
    pub(super) fn of(
        phase: Phase,
        keys: &[Arc<dyn PhysicalExpr>],
        key_fields: &[FieldRef],
        aggregates: &[Aggregate],
    ) -> Result<Arc<Self>, OperatorError> {
        if keys.len() != key_fields.len() {
            return Err(OperatorError::plan("an aggregate has another number of keys than of key fields"));
        }
        let mut functions = Vec::with_capacity(aggregates.len());
        // State is read back by other versions of the plan's nullability; no column of it forbids nulls.
        let nullable = |field: &FieldRef| Arc::new(Field::clone(field).with_nullable(true));
        let mut fields: Vec<FieldRef> = key_fields.iter().map(nullable).collect();
        let key_schema = Arc::new(Schema::new(fields.clone()));
        for aggregate in aggregates {
            let function = any_order(&aggregate.function)?;
            let state = function.state_fields().map_err(|source| {
                OperatorError::evaluate(format!("lay out the state of {}", function.name()), source)
            })?;
            fields.extend(state.iter().map(nullable));
            let mut arguments = function.expressions();
            arguments.extend(function.order_bys().iter().map(|by| by.expr.clone()));
            let filter = aggregate.filter.clone();
            functions.push(AggregateColumns { function, filter, arguments, state_columns: state.len() });
        }
        let input = if phase == Phase::Final { RowKind::States } else { RowKind::Raw };
        let state_schema = Arc::new(Schema::new(fields));
        Ok(Arc::new(Aggregation { keys: keys.to_vec(), functions, key_schema, state_schema, input }))
    }

    /// The aggregates.
    pub(super) fn functions(&self) -> &[AggregateColumns] {
        &self.functions
    }

    /// The key columns.
    pub(super) fn key_schema(&self) -> &SchemaRef {
        &self.key_schema
    }

    /// The indices of the key columns in a batch of state.
    pub(super) fn key_indices(&self) -> Vec<usize> {
        (0..self.keys.len()).collect()
    }

    /// The key columns, then the state columns.
    pub(super) fn state_schema(&self) -> &SchemaRef {
        &self.state_schema
    }

    /// The state columns with more after them, as an operator keeps them.
    pub(super) fn state_schema_with(&self, more: impl IntoIterator<Item = Field>) -> SchemaRef {
        let fields = self.state_schema.fields().iter().cloned().chain(more.into_iter().map(Arc::new));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// What a batch of the node's input has for this aggregation.
    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<Rows, OperatorError> {
        match self.input {
            RowKind::Raw => self.raw_rows(batch),
            RowKind::States => self.state_rows(batch),
        }
    }

    fn raw_rows(&self, batch: &RecordBatch) -> Result<Rows, OperatorError> {
        let keys = evaluate::columns(&self.keys, batch)?;
        for (key, field) in keys.iter().zip(self.key_schema.fields()) {
            check_type(field, key)?;
        }
        let mut values = Vec::new();
        let mut filters = Vec::with_capacity(self.functions.len());
        for function in &self.functions {
            values.extend(evaluate::columns(&function.arguments, batch)?);
            filters.push(match &function.filter {
                Some(filter) => Some(Arc::new(evaluate::mask(filter, batch)?) as ArrayRef),
                None => None,
            });
        }
        Ok(Rows { keys, values, filters, kind: RowKind::Raw, count: batch.num_rows() })
    }

    /// The rows of a batch that begins with the columns of [`Aggregation::state_schema`].
    pub(super) fn state_rows(&self, batch: &RecordBatch) -> Result<Rows, OperatorError> {
        let fields = self.state_schema.fields();
        if batch.num_columns() < fields.len() {
            return Err(OperatorError::plan("a batch has fewer columns than the states it should hold"));
        }
        let (keys, values) = batch.columns()[..fields.len()].split_at(self.keys.len());
        for (column, field) in batch.columns().iter().zip(fields) {
            check_type(field, column)?;
        }
        let (keys, values) = (keys.to_vec(), values.to_vec());
        Ok(Rows { keys, values, filters: Vec::new(), kind: RowKind::States, count: batch.num_rows() })
    }
}

/// DataFusion's planner may have told an aggregate that its input is sorted; here it never is.
fn any_order(function: &Arc<AggregateFunctionExpr>) -> Result<Arc<AggregateFunctionExpr>, OperatorError> {
    if function.order_bys().is_empty() {
        return Ok(function.clone());
    }
    let unordered = function
        .clone()
        .with_beneficial_ordering(false)
        .map_err(|source| OperatorError::evaluate(format!("plan {}", function.name()), source))?;
    Ok(unordered.map_or_else(|| function.clone(), Arc::new))
}

/// DataFusion's grouping downcasts without asking, so a wrong plan is found here.
fn check_type(field: &Field, column: &ArrayRef) -> Result<(), OperatorError> {
    if field.data_type() == column.data_type() {
        return Ok(());
    }
    let (name, expected, found) = (field.name(), field.data_type(), column.data_type());
    Err(OperatorError::plan(format!("column {name} of an aggregate is {found}, not {expected}")))
}

/// Rows to be aggregated.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// A column a key.
    pub(super) keys: Vec<ArrayRef>,
    /// The arguments of all aggregates, or the columns of their states, one after another.
    pub(super) values: Vec<ArrayRef>,
    /// The `FILTER` of each aggregate; nothing for states.
    pub(super) filters: Vec<Option<ArrayRef>>,
    /// What the values are.
    pub(super) kind: RowKind,
    /// How many rows.
    pub(super) count: usize,
}

impl Rows {
    /// The filter of aggregate number `index`.
    pub(super) fn filter(&self, index: usize) -> Option<&BooleanArray> {
        self.filters.get(index)?.as_ref()?.as_boolean_opt()
    }

    /// `count` rows from `offset` on, without copying.
    pub(super) fn slice(&self, offset: usize, count: usize) -> Rows {
        let slice = |column: &ArrayRef| column.slice(offset, count);
        Rows {
            keys: self.keys.iter().map(slice).collect(),
            values: self.values.iter().map(slice).collect(),
            filters: self.filters.iter().map(|filter| filter.as_ref().map(slice)).collect(),
            kind: self.kind,
            count,
        }
    }

    /// The rows at `indices`.
    pub(super) fn take(&self, indices: &UInt32Array) -> Result<Rows, OperatorError> {
        let pick = |column: &ArrayRef| {
            take(column, indices, None).map_err(|source| OperatorError::arrow("split rows", source))
        };
        Ok(Rows {
            keys: self.keys.iter().map(pick).collect::<Result<_, _>>()?,
            values: self.values.iter().map(pick).collect::<Result<_, _>>()?,
            filters: self.filters.iter().map(|f| f.as_ref().map(pick).transpose()).collect::<Result<_, _>>()?,
            kind: self.kind,
            count: indices.len(),
        })
    }
}
