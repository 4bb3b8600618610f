//! An [`AsyncFunction`] as a function of DataFusion's, so that queries that call it can be bound, and answered in batch.
//! The planner takes such calls out of the expressions of a streaming query, and the runtime awaits them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use headwater_core::AsyncFunction;
use headwater_core::function::call;

/// Wraps the function.
#[derive(Debug)]
pub(super) struct Awaited {
    function: Arc<dyn AsyncFunction>,
    signature: Signature,
}

impl Awaited {
    pub(super) fn new(function: Arc<dyn AsyncFunction>) -> Self {
        // Volatile even where it is deterministic: no rule may compute it while planning, or twice for one row.
        let signature = match function.arguments() {
            arguments if arguments.is_empty() => Signature::nullary(Volatility::Volatile),
            arguments => Signature::exact(arguments, Volatility::Volatile),
        };
        Awaited { function, signature }
    }
}

impl PartialEq for Awaited {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.function, &other.function)
    }
}

impl Eq for Awaited {}

impl Hash for Awaited {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
    }
}

impl ScalarUDFImpl for Awaited {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.function.returns())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is awaited, not evaluated", self.function.name())
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Awaited {
    async fn invoke_async_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let columns =
            arguments.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let answer = call(self.function.as_ref(), &columns, rows).await;
        answer.map(ColumnarValue::Array).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

/// Whether a call is one that waits.
pub(crate) fn waits(call: &ScalarFunction) -> bool {
    call.func.inner().is::<AsyncScalarUDF>()
}
