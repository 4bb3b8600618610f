//! Window functions over sorted partitions: DataFusion's own, a partition at a time; ranks for all partitions at once,
//! as they only depend on where partitions and peers begin.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt64Array};
use arrow::compute::concat;
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::window::WindowExpr;
use headwater_core::OperatorError;
use headwater_plan::Rank;

use super::partitions::{PartitionOrder, Partitioned};

/// Functions with the same `PARTITION BY` and `ORDER BY`.
pub(in crate::operators) struct Functions {
    functions: Vec<Arc<dyn WindowExpr>>,
    ranks: Vec<Rank>,
    order: PartitionOrder,
}

impl Functions {
    /// `ranks` says what the functions are where all are ranks, and is empty otherwise.
    pub(in crate::operators) fn new(
        functions: Vec<Arc<dyn WindowExpr>>,
        ranks: Vec<Rank>,
        order: PartitionOrder,
    ) -> Self {
        Functions { functions, ranks, order }
    }

    /// The rows in the functions' order, and a column a function.
    pub(in crate::operators) fn evaluate(
        &self,
        batch: &RecordBatch,
    ) -> Result<(RecordBatch, Vec<ArrayRef>), OperatorError> {
        let sorted = self.order.partition(batch)?;
        let results = match self.ranks.len() == self.functions.len() {
            true => self.ranks.iter().map(|rank| Arc::new(number(*rank, &sorted)) as ArrayRef).collect(),
            false => self.functions.iter().map(|function| by_partition(function, &sorted)).collect::<Result<_, _>>()?,
        };
        Ok((sorted.rows, results))
    }
}

fn by_partition(function: &Arc<dyn WindowExpr>, sorted: &Partitioned) -> Result<ArrayRef, OperatorError> {
    let evaluate = |partition: &Range<usize>| {
        let rows = sorted.rows.slice(partition.start, partition.len());
        let step = || format!("compute {}", function.name());
        function.evaluate(&rows).map_err(|source| OperatorError::evaluate(step(), source))
    };
    let results = sorted.partitions.iter().map(evaluate).collect::<Result<Vec<_>, _>>()?;
    match results.as_slice() {
        [] => {
            let field = function.field().map_err(|e| OperatorError::evaluate("find a function's type", e))?;
            Ok(arrow::array::new_empty_array(field.data_type()))
        }
        [only] => Ok(only.clone()),
        several => {
            let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
            concat(&several).map_err(|source| OperatorError::arrow("join partitions", source))
        }
    }
}

fn number(rank: Rank, sorted: &Partitioned) -> UInt64Array {
    let mut numbers = Vec::with_capacity(sorted.rows.num_rows());
    for partition in &sorted.partitions {
        let (mut peers_at, mut groups) = (0, 0);
        for (position, row) in (1u64..).zip(partition.clone()) {
            if sorted.begins_peers[row] || position == 1 {
                peers_at = position;
                groups += 1;
            }
            numbers.push(match rank {
                Rank::RowNumber => position,
                Rank::Rank => peers_at,
                Rank::DenseRank => groups,
            });
        }
    }
    UInt64Array::from(numbers)
}
