//! Lists as rows: each element with a copy of the columns beside it. Linear, so weights go through; nothing is kept.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use headwater_core::{Operator, OperatorError, Output, StreamSchema};
use headwater_plan::{UnnestKind, UnnestNode};

/// The operator of an [`UnnestNode`].
pub(super) struct Unnest {
    node: UnnestNode,
    schema: StreamSchema,
}

/// A list column as its elements and where each row's are.
struct Elements {
    values: ArrayRef,
    /// The number of the first element, and how many there are; `None` for a null list.
    rows: Vec<Option<(usize, usize)>>,
}

impl Unnest {
    /// `schema` is the node's output.
    pub(super) fn new(node: &UnnestNode, schema: StreamSchema) -> Self {
        Unnest { node: node.clone(), schema }
    }

    /// How many rows become of each.
    fn lengths(&self, lists: &[Elements], rows: usize) -> Vec<usize> {
        let length = |row: usize| {
            let longest = lists.iter().filter_map(|list| list.rows[row].map(|(_, count)| count)).max();
            match longest {
                Some(0) => usize::from(self.node.keep_empty),
                Some(count) => count,
                None => usize::from(self.node.keep_null || lists.is_empty()),
            }
        };
        (0..rows).map(length).collect()
    }

    fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, OperatorError> {
        let mut lists = Vec::new();
        let mut list_of = Vec::new();
        for column in &self.node.columns {
            list_of.push(match column.kind {
                UnnestKind::Element => {
                    lists.push(elements(batch.column(column.input))?);
                    Some(lists.len() - 1)
                }
                _ => None,
            });
        }
        let lengths = self.lengths(&lists, batch.num_rows());
        let repeat = |row: usize| std::iter::repeat_n(row as u32, lengths[row]);
        let repeated = UInt32Array::from_iter_values((0..batch.num_rows()).flat_map(repeat));
        let mut columns = Vec::with_capacity(self.node.columns.len() + 2);
        for (column, list) in self.node.columns.iter().zip(list_of) {
            let input = batch.column(column.input);
            columns.push(match (column.kind, list.and_then(|list| lists.get(list))) {
                (UnnestKind::Element, Some(list)) => element_column(list, &lengths)?,
                (UnnestKind::Field(number), _) => take(&field(input, number)?, &repeated, None).map_err(failed)?,
                _ => take(input, &repeated, None).map_err(failed)?,
            });
        }
        let hidden = batch.schema().index_of(headwater_core::EVENT_TIME).map_err(failed)?;
        for column in &batch.columns()[hidden..] {
            columns.push(take(column, &repeated, None).map_err(failed)?);
        }
        Ok(columns)
    }
}

/// The element of each output row: the list's own, then nulls up to the longest list beside it.
fn element_column(list: &Elements, lengths: &[usize]) -> Result<ArrayRef, OperatorError> {
    let mut indices: Vec<Option<u32>> = Vec::new();
    for (row, length) in list.rows.iter().zip(lengths) {
        let (first, count) = row.unwrap_or((0, 0));
        indices.extend((0..*length).map(|i| (i < count).then_some((first + i) as u32)));
    }
    if list.values.is_empty() {
        return Ok(new_null_array(list.values.data_type(), indices.len()));
    }
    take(&list.values, &UInt32Array::from(indices), None).map_err(failed)
}

fn elements(column: &ArrayRef) -> Result<Elements, OperatorError> {
    fn rows(column: &ArrayRef, at: impl Fn(usize) -> (usize, usize)) -> Vec<Option<(usize, usize)>> {
        (0..column.len()).map(|row| column.is_valid(row).then(|| at(row))).collect()
    }
    Ok(match column.data_type() {
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            let at = |row: usize| (offsets[row] as usize, (offsets[row + 1] - offsets[row]) as usize);
            Elements { values: list.values().clone(), rows: rows(column, at) }
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            let offsets = list.value_offsets();
            let at = |row: usize| (offsets[row] as usize, (offsets[row + 1] - offsets[row]) as usize);
            Elements { values: list.values().clone(), rows: rows(column, at) }
        }
        DataType::FixedSizeList(_, size) => {
            let list = column.as_fixed_size_list();
            let size = usize::try_from(*size).unwrap_or(0);
            Elements { values: list.values().clone(), rows: rows(column, |row| (row * size, size)) }
        }
        other => return Err(OperatorError::plan(format!("{other} is no list"))),
    })
}

fn field(column: &ArrayRef, number: usize) -> Result<ArrayRef, OperatorError> {
    let fields = column.as_struct_opt().ok_or_else(|| OperatorError::plan("a value is no struct"))?;
    let field = fields.columns().get(number).ok_or_else(|| OperatorError::plan("a struct has no such field"))?;
    // A null struct has null fields.
    match fields.nulls() {
        None => Ok(field.clone()),
        Some(nulls) => {
            let rows = UInt32Array::from_iter((0..field.len() as u32).map(|r| nulls.is_valid(r as usize).then_some(r)));
            take(field, &rows, None).map_err(failed)
        }
    }
}

fn failed(source: arrow::error::ArrowError) -> OperatorError {
    OperatorError::arrow("unnest rows", source)
}

impl Operator for Unnest {
    fn name(&self) -> &str {
        "unnest"
    }

    fn on_batch(&mut self, _input: usize, batch: RecordBatch, out: &mut dyn Output) -> Result<(), OperatorError> {
        out.emit(RecordBatch::try_new(self.schema.full().clone(), self.columns(&batch)?).map_err(failed)?)
    }
}
