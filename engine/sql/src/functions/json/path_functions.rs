//! `extract_json`, `extract_json_string`, `get_first_json_object`: what a [`Path`] leads to.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::is_text;
use super::path::Path;
use crate::diagnostic::Diagnostic;
use crate::types::sql_name;

/// Which of the values that the path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// All of them, as a list of JSON.
    All,
    /// The first, as JSON.
    First,
    /// The first, as text.
    FirstText,
}

/// A function of a JSON text and a path.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PathFunction {
    name: &'static str,
    wanted: Wanted,
    signature: Signature,
}

impl PathFunction {
    pub(super) fn new(name: &'static str, wanted: Wanted) -> Self {
        PathFunction { name, wanted, signature: Signature::any(2, Volatility::Immutable) }
    }

    fn result_type(&self) -> DataType {
        match self.wanted {
            Wanted::All => DataType::new_list(DataType::Utf8, true),
            Wanted::First | Wanted::FirstText => DataType::Utf8,
        }
    }

    /// The path of a call, which has to stand in the query.
    fn path(&self, argument: Option<&ScalarValue>) -> Result<Path> {
        let text = argument.and_then(|value| value.try_as_str().flatten());
        let wrong = match text.map(|text| (text, Path::parse(text))) {
            Some((_, Ok(path))) => return Ok(path),
            Some((text, Err(reason))) => Diagnostic::new(format!("the path '{text}' cannot be read: {reason}"))
                .hint("paths are like '$.a', '$[''a b'']', '$.a[0]' and '$.a[*].b'"),
            None => Diagnostic::new(format!("the path of '{}' is a text in the query, and no column", self.name))
                .hint(format!("write {}(value, '$.a')", self.name)),
        };
        Err(DataFusionError::External(Box::new(wrong)))
    }

    fn of(&self, texts: &StringArray, path: &Path) -> ArrayRef {
        let values = texts.iter();
        match self.wanted {
            Wanted::All => {
                let mut lists = ListBuilder::with_capacity(StringBuilder::new(), texts.len());
                for found in values.map(|text| path.all(text?)) {
                    lists.append_option(found.map(|found| found.into_iter().map(|value| Some(value.text))));
                }
                Arc::new(lists.finish())
            }
            Wanted::First => {
                let found = values.map(|text| path.first(text?).map(|value| value.text));
                Arc::new(found.collect::<StringArray>())
            }
            Wanted::FirstText => {
                let found = values.map(|text| path.first(text?)?.as_text());
                Arc::new(found.collect::<StringArray>())
            }
        }
    }
}

impl ScalarUDFImpl for PathFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.result_type())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.path(arguments.scalar_arguments.get(1).copied().flatten())?;
        let given = arguments.arg_fields.first().map(|field| field.data_type());
        if let Some(given) = given.filter(|given| !is_text(given)) {
            let (name, given) = (self.name, sql_name(given));
            let error = Diagnostic::new(format!("'{name}' looks into JSON or TEXT, not {given}"));
            return Err(DataFusionError::External(Box::new(error)));
        }
        Ok(Arc::new(Field::new(self.name, self.result_type(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [json, ColumnarValue::Scalar(path)] = arguments.args.as_slice() else {
            return internal_err!("{} of other arguments than were planned", self.name);
        };
        let path = self.path(Some(path))?;
        let texts = cast(&json.to_array(arguments.number_rows)?, &DataType::Utf8)?;
        Ok(ColumnarValue::Array(self.of(texts.as_string(), &path)))
    }
}
