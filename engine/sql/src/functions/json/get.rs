//! `json_get`: the value at a path, as the text of its JSON.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion_functions_json::udfs::json_get_json_udf;

/// The function, by which a cast knows that it may ask for a type instead.
pub(super) static JSON_GET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(JsonGet::new().into()));

/// `json_get_json` under the name that casts look for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonGet {
    signature: Signature,
}

impl JsonGet {
    fn new() -> Self {
        JsonGet { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for JsonGet {
    fn name(&self) -> &str {
        "json_get"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        json_get_json_udf().return_type(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        json_get_json_udf().invoke_with_args(arguments)
    }
}
