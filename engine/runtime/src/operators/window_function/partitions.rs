//! The order in which window functions see rows, and where their partitions begin.
//!
//! Rows are compared by Arrow's row format, which also orders structs such as a window. Rows that the functions hold
//! for equal are ordered by all their other columns: which of two ties comes first must not depend on the order in
//! which an exchange happened to deliver them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use headwater_core::OperatorError;

use crate::operators::evaluate;

/// How to sort and cut the rows of windows or of keys.
pub(in crate::operators) struct PartitionOrder {
    /// Where the event time is, where rows of different times are of different partitions.
    time_index: Option<usize>,
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    order_by: Vec<PhysicalSortExpr>,
    ties: Vec<usize>,
    sort: RowConverter,
    tie: RowConverter,
    partition: RowConverter,
}

/// Rows in order, cut into partitions.
pub(in crate::operators) struct Partitioned {
    /// The rows.
    pub(in crate::operators) rows: RecordBatch,
    /// The partitions.
    pub(in crate::operators) partitions: Vec<Range<usize>>,
    /// For each row whether `ORDER BY` tells it from the one before.
    pub(in crate::operators) begins_peers: Vec<bool>,
}

impl PartitionOrder {
    /// The order of functions that share it, over rows of `input`. Rows of different event times, the column at
    /// `time_index`, are of different partitions where that is given. Ties are broken by the first `columns` columns.
    pub(in crate::operators) fn new(
        functions: &[Arc<dyn WindowExpr>],
        input: &Schema,
        time_index: Option<usize>,
        columns: usize,
    ) -> Result<Self, OperatorError> {
        let first = functions.first().ok_or_else(|| OperatorError::plan("a node without window functions"))?;
        let (partition_by, order_by) = (first.partition_by().to_vec(), first.order_by().to_vec());
        let data_type = |expression: &Arc<dyn PhysicalExpr>| {
            let step = || format!("find the type of {expression}");
            expression.data_type(input).map_err(|source| OperatorError::evaluate(step(), source))
        };
        let mut fields: Vec<SortField> = time_index.iter().map(|_| SortField::new(evaluate::NANOSECONDS)).collect();
        for expression in &partition_by {
            fields.push(SortField::new(data_type(expression)?));
        }
        let partition = converter(fields.clone())?;
        for by in &order_by {
            fields.push(SortField::new_with_options(data_type(&by.expr)?, by.options));
        }
        let mut ties = Vec::new();
        let mut tie_fields = Vec::new();
        for (index, field) in input.fields().iter().enumerate().take(columns) {
            let field = SortField::new(field.data_type().clone());
            if RowConverter::supports_fields(std::slice::from_ref(&field)) {
                ties.push(index);
                tie_fields.push(field);
            }
        }
        let (sort, tie) = (converter(fields)?, converter(tie_fields)?);
        Ok(PartitionOrder { time_index, partition_by, order_by, ties, sort, tie, partition })
    }

    /// The rows in order (by partition, `ORDER BY`, then everything else), and their partitions.
    pub(in crate::operators) fn partition(&self, batch: &RecordBatch) -> Result<Partitioned, OperatorError> {
        let mut columns = self.partition_columns(batch)?;
        let partition = if columns.is_empty() { None } else { Some(convert(&self.partition, &columns)?) };
        for by in &self.order_by {
            columns.push(evaluate::column(&by.expr, batch)?);
        }
        let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
        let mut begins_peers: Vec<bool> = (0..order.len()).map(|row| row == 0).collect();
        if !columns.is_empty() {
            let keys = convert(&self.sort, &columns)?;
            order.sort_unstable_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)).then(a.cmp(b)));
            for (row, pair) in order.windows(2).enumerate() {
                begins_peers[row + 1] = keys.row(pair[0] as usize) != keys.row(pair[1] as usize);
            }
        }
        self.break_ties(batch, &mut order, &begins_peers)?;
        let differ = |a: u32, b: u32| {
            partition.as_ref().is_some_and(|partition| partition.row(a as usize) != partition.row(b as usize))
        };
        let mut partitions = Vec::new();
        let mut start = 0;
        for row in 1..=order.len() {
            if row == order.len() || (begins_peers[row] && differ(order[row], order[start])) {
                partitions.push(start..row);
                start = row;
            }
        }
        let rows = take_record_batch(batch, &UInt32Array::from(order))
            .map_err(|source| OperatorError::arrow("sort the rows of windows", source))?;
        Ok(Partitioned { rows, partitions, begins_peers })
    }

    /// Orders the rows that the functions hold for equal.
    fn break_ties(&self, batch: &RecordBatch, order: &mut [u32], begins_peers: &[bool]) -> Result<(), OperatorError> {
        if begins_peers.iter().all(|begins| *begins) {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = self.ties.iter().map(|index| batch.column(*index).clone()).collect();
        if columns.is_empty() {
            return Ok(());
        }
        let rows = convert(&self.tie, &columns)?;
        let mut start = 0;
        for row in 1..=order.len() {
            if row == order.len() || begins_peers[row] {
                if row - start > 1 {
                    order[start..row].sort_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
                }
                start = row;
            }
        }
        Ok(())
    }

    fn partition_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, OperatorError> {
        let mut columns: Vec<ArrayRef> = self.time_index.iter().map(|index| batch.column(*index).clone()).collect();
        columns.extend(evaluate::columns(&self.partition_by, batch)?);
        Ok(columns)
    }
}

fn converter(fields: Vec<SortField>) -> Result<RowConverter, OperatorError> {
    RowConverter::new(fields).map_err(|source| OperatorError::arrow("compare the rows of windows", source))
}

fn convert(converter: &RowConverter, columns: &[ArrayRef]) -> Result<Rows, OperatorError> {
    converter.convert_columns(columns).map_err(|source| OperatorError::arrow("compare the rows of windows", source))
}
