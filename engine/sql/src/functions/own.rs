//! Functions of whoever embeds the engine: they are put beside the built-in ones, and never in their place.

use std::sync::Arc;

use datafusion::logical_expr::async_udf::AsyncScalarUDF;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use headwater_core::AsyncFunction;

use super::Functions;
use super::awaited::Awaited;

/// A function that cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// There is one of this name.
    #[error("there is a function {0}() already: give yours another name")]
    Taken(String),
    /// SQL cannot call it by this name.
    #[error(
        "a function cannot be called '{0}': its name is lower-case letters, digits and _, and begins with no digit"
    )]
    Name(String),
}

impl Functions {
    /// Adds a function of a row's values.
    ///
    /// # Errors
    /// When its name, or an alias, is taken or is none that SQL can write without quotes.
    pub fn add_scalar(&mut self, function: ScalarUDF) -> Result<(), FunctionError> {
        let names = self.free_names(function.name(), function.aliases())?;
        let function = Arc::new(function);
        self.scalar.extend(names.into_iter().map(|name| (name, function.clone())));
        Ok(())
    }

    /// Adds a function of the rows of a group.
    ///
    /// # Errors
    /// As [`Functions::add_scalar`].
    pub fn add_aggregate(&mut self, function: AggregateUDF) -> Result<(), FunctionError> {
        let names = self.free_names(function.name(), function.aliases())?;
        let function = Arc::new(function);
        self.aggregate.extend(names.into_iter().map(|name| (name, function.clone())));
        Ok(())
    }

    /// Adds a function of the rows of a partition, for `OVER (…)`.
    ///
    /// # Errors
    /// As [`Functions::add_scalar`].
    pub fn add_window(&mut self, function: WindowUDF) -> Result<(), FunctionError> {
        let names = self.free_names(function.name(), function.aliases())?;
        let function = Arc::new(function);
        self.window.extend(names.into_iter().map(|name| (name, function.clone())));
        Ok(())
    }

    /// Adds a function of a row's values that waits for its answer. It stands in SELECT and WHERE.
    ///
    /// # Errors
    /// As [`Functions::add_scalar`].
    pub fn add_async(&mut self, function: Arc<dyn AsyncFunction>) -> Result<(), FunctionError> {
        self.add_scalar(AsyncScalarUDF::new(Arc::new(Awaited::new(function.clone()))).into_scalar_udf())?;
        self.awaited.insert(function.name().to_owned(), function);
        Ok(())
    }

    /// The names of a function, if all of them are free.
    fn free_names(&self, name: &str, aliases: &[String]) -> Result<Vec<String>, FunctionError> {
        let names: Vec<String> = aliases.iter().cloned().chain([name.to_owned()]).collect();
        for name in &names {
            let begins = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
            let goes_on = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !(begins && goes_on) {
                return Err(FunctionError::Name(name.clone()));
            }
            let taken = self.scalar.contains_key(name)
                || self.higher_order.contains_key(name)
                || self.aggregate.contains_key(name)
                || self.window.contains_key(name);
            if taken {
                return Err(FunctionError::Taken(name.clone()));
            }
        }
        Ok(names)
    }
}
