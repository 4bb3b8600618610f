//! Nodes whose answers come from elsewhere: calls of functions that wait, and rows of tables that are looked up.
//!
//! No operator can wait, so a task awaits them at its edge. Rows go through in order, and so do watermarks and barriers:
//! such a node keeps nothing.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use headwater_core::AsyncFunction;
use headwater_core::lookup::LookupFactoryRef;

use crate::node::MapNode;

/// Calls functions. Output: the visible columns of the input, then the value of each call.
#[derive(Clone, Debug)]
pub struct CallNode {
    /// What is called for every row.
    pub calls: Vec<Call>,
}

/// A call of a function that waits.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: Arc<dyn AsyncFunction>,
    /// Its arguments, over the input.
    pub arguments: Vec<Arc<dyn PhysicalExpr>>,
}

/// Joins rows with those of a table that is looked up by its key. Output: the visible columns of the input, then those
/// of the looked-up row; nulls where there is none and the join is outer.
#[derive(Clone, Debug)]
pub struct LookupNode {
    /// The table's name in SQL.
    pub table: String,
    /// Opens the table.
    pub factory: LookupFactoryRef,
    /// The key to look up, over the input, in the type of the table's key; null finds nothing.
    pub key: Arc<dyn PhysicalExpr>,
    /// What becomes of a looked-up row before it is joined, one after another; the first is over the table's columns, and
    /// the last gives the columns of the output.
    pub steps: Vec<MapNode>,
    /// Whether rows without a match stay.
    pub outer: bool,
    /// What else must be true of a match, over the output.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}
