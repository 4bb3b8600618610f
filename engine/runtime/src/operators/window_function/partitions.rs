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

/// How to sort and cut the rows of closed windows.
pub(super) struct PartitionOrder {
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    order_by: Vec<PhysicalSortExpr>,
    ties: Vec<usize>,
    sort: RowConverter,
    partition: RowConverter,
}

impl PartitionOrder {
    /// The order of functions that share it, over rows of `input`, whose last column is the event time.
    pub(super) fn new(functions: &[Arc<dyn WindowExpr>], input: &Schema) -> Result<Self, OperatorError> {
        let first = functions.first().ok_or_else(|| OperatorError::plan("a node without window functions"))?;
        let (partition_by, order_by) = (first.partition_by().to_vec(), first.order_by().to_vec());
        let data_type = |expression: &Arc<dyn PhysicalExpr>| {
            let step = || format!("find the type of {expression}");
            expression.data_type(input).map_err(|source| OperatorError::evaluate(step(), source))
        };
        let mut fields = vec![SortField::new(evaluate::NANOSECONDS)];
        for expression in &partition_by {
            fields.push(SortField::new(data_type(expression)?));
        }
        let partition = converter(fields.clone())?;
        for by in &order_by {
            fields.push(SortField::new_with_options(data_type(&by.expr)?, by.options));
        }
        let mut ties = Vec::new();
        for (index, field) in input.fields().iter().enumerate() {
            let field = SortField::new(field.data_type().clone());
            if RowConverter::supports_fields(std::slice::from_ref(&field)) {
                ties.push(index);
                fields.push(field);
            }
        }
        Ok(PartitionOrder { partition_by, order_by, ties, sort: converter(fields)?, partition })
    }

    /// The rows in order: by event time, partition, `ORDER BY`, then everything else.
    pub(super) fn sort(&self, batch: &RecordBatch) -> Result<RecordBatch, OperatorError> {
        let mut columns = self.partition_columns(batch)?;
        for by in &self.order_by {
            columns.push(evaluate::column(&by.expr, batch)?);
        }
        columns.extend(self.ties.iter().map(|index| batch.column(*index).clone()));
        let rows = convert(&self.sort, &columns)?;
        let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
        order.sort_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
        take_record_batch(batch, &UInt32Array::from(order))
            .map_err(|source| OperatorError::arrow("sort the rows of windows", source))
    }

    /// The partitions of sorted rows, each of one event time.
    pub(super) fn partitions(&self, sorted: &RecordBatch) -> Result<Vec<Range<usize>>, OperatorError> {
        let rows = convert(&self.partition, &self.partition_columns(sorted)?)?;
        let mut partitions = Vec::new();
        let mut start = 0;
        for row in 1..=sorted.num_rows() {
            if row == sorted.num_rows() || rows.row(row) != rows.row(start) {
                partitions.push(start..row);
                start = row;
            }
        }
        Ok(partitions)
    }

    fn partition_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, OperatorError> {
        let mut columns = batch.columns().last().cloned().into_iter().collect::<Vec<_>>();
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
