//! Scalar, aggregate and window functions, which DataFusion knows how to call.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    Accumulator, ColumnarValue, PartitionEvaluator, ScalarUDF, Volatility, create_udaf, create_udf, create_udwf,
};
use headwater_sql::{FunctionError, Functions};

use super::{agree, refused};

fn scalar(name: &str) -> ScalarUDF {
    let twice = |arguments: &[ColumnarValue]| {
        let columns = ColumnarValue::values_to_arrays(arguments)?;
        Ok(ColumnarValue::Array(arrow::compute::kernels::numeric::add(&columns[0], &columns[0])?))
    };
    create_udf(name, vec![DataType::Int64], DataType::Int64, Volatility::Immutable, Arc::new(twice))
}

/// The exclusive or of all values.
#[derive(Debug, Default)]
struct Parity(i64);

impl Accumulator for Parity {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0 = values[0].as_primitive::<Int64Type>().iter().flatten().fold(self.0, |all, one| all ^ one);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::from(self.0)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::from(self.0))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum of a row's value and those before and behind it.
#[derive(Debug)]
struct Neighbours;

impl PartitionEvaluator for Neighbours {
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let values = values[0].as_primitive::<Int64Type>();
        Ok(ScalarValue::from(range.clone().map(|row| values.value(row)).sum::<i64>()))
    }

    fn uses_window_frame(&self) -> bool {
        true
    }
}

fn functions() -> Functions {
    let (int, kind) = (DataType::Int64, Volatility::Immutable);
    let mut functions = Functions::default();
    functions.add_scalar(scalar("twice")).unwrap();
    let parity = create_udaf(
        "parity",
        vec![int.clone()],
        Arc::new(int.clone()),
        kind,
        Arc::new(|_| Ok(Box::new(Parity::default()))),
        Arc::new(vec![int.clone()]),
    );
    functions.add_aggregate(parity).unwrap();
    let neighbours = create_udwf("neighbours", int.clone(), Arc::new(int), kind, Arc::new(|| Ok(Box::new(Neighbours))));
    functions.add_window(neighbours).unwrap();
    functions
}

#[tokio::test]
async fn queries_that_call_them_agree_with_batch() {
    let query = "
        CREATE VIEW sums AS
            SELECT tumble(interval '1 minute') AS window, n % 7 AS k, parity(twice(n)) AS p FROM numbers
            GROUP BY window, n % 7;
        INSERT INTO answers SELECT window.end AS at, k, p,
            neighbours(p) OVER (PARTITION BY window ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around
        FROM sums;
        SELECT n % 5 AS k, parity(n) AS p FROM numbers GROUP BY n % 5;";
    let agreement = agree(query, functions()).await.unwrap();
    assert_eq!(agreement.rows(), 50 * 7 + 5);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut functions = functions();
    let own = ["twice", "parity", "neighbours"];
    for name in own.into_iter().chain(["abs", "count", "row_number", "tumble", "as_of", "json_get", "array_length"]) {
        assert_eq!(functions.add_scalar(scalar(name)), Err(FunctionError::Taken(name.to_owned())));
    }
    for name in ["Twice", "2x", "", "a b"] {
        assert_eq!(functions.add_scalar(scalar(name)), Err(FunctionError::Name(name.to_owned())));
    }
    let taken = functions.add_scalar(scalar("abs")).unwrap_err().to_string();
    assert_eq!(taken, "there is a function abs() already: give yours another name");
}

#[test]
fn what_was_not_added_is_not_there_and_hints_know_what_was() {
    let error = refused("SELECT twise(n) FROM numbers;", &functions());
    assert_eq!(error.hint.as_deref(), Some("did you mean twice()?"));
    let error = refused("SELECT twice(n) FROM numbers;", &Functions::default());
    assert_eq!(error.message, "there is no function twice()");
}
