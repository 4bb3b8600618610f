//! What the names of tables stand for, as the statements of a file make them one after another.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource};
use headwater_core::lookup::LookupFactoryRef;
use headwater_plan::SinkSpec;
use headwater_plan::options::nearest;

use crate::diagnostic::Diagnostic;
use crate::functions::Functions;
use crate::planner::Stream;
use crate::script::{TableInfo, TableKind};
use crate::statement::{Column, Name, OptionEntry};

/// The tables of a file in the order of their creation, and the functions that its queries may call.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    tables: Vec<Table>,
    functions: Arc<Functions>,
}

/// A table, a view or a named query.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What others learn of it.
    pub(crate) info: TableInfo,
    /// What it was declared as, so that errors can show the place.
    pub(crate) declaration: Arc<Declaration>,
    /// What comes out when it is read.
    pub(crate) read: Read,
    /// What can be put in.
    pub(crate) write: Write,
    /// The query that it stands for, without views in it; `None` for a connector's table.
    pub(crate) query: Option<Arc<LogicalPlan>>,
}

/// The parts of a declaration that errors point at.
#[derive(Debug, Default)]
pub(crate) struct Declaration {
    /// Its name.
    pub(crate) name: Option<Name>,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// Its options.
    pub(crate) options: Vec<OptionEntry>,
}

/// What comes out of a table.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// A stream of the graph.
    Stream(Stream),
    /// Nothing: it can only be written.
    Never,
    /// The rows of keys, in a join.
    Lookup(Arc<LookupTable>),
    /// Nothing yet: a memory table that no INSERT has filled.
    Unfilled,
}

/// A table that is looked up by its key.
#[derive(Debug)]
pub(crate) struct LookupTable {
    /// Its name.
    pub(crate) name: String,
    /// Opens it.
    pub(crate) factory: LookupFactoryRef,
    /// Its columns.
    pub(crate) columns: SchemaRef,
    /// Which of them is the key.
    pub(crate) key: usize,
}

impl LookupTable {
    /// What the key is called.
    pub(crate) fn key_name(&self) -> &str {
        self.columns.field(self.key).name()
    }
}

/// What can be put into a table.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Rows for a connector. The columns are `None` where the first query decides them.
    Sink {
        /// Learns the columns and makes the sink.
        spec: Arc<dyn SinkSpec>,
        /// The columns that are written, by position.
        columns: Option<SchemaRef>,
    },
    /// The rows of one INSERT, for readers in the same file.
    Memory,
    /// Nothing: it can only be read.
    Never,
}

impl Catalog {
    /// A catalog without tables.
    pub(crate) fn new(functions: Arc<Functions>) -> Self {
        Catalog { tables: Vec::new(), functions }
    }

    /// The functions that queries may call.
    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The tables in the order of their creation.
    pub(crate) fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The table of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.info.name == name)
    }

    /// The table of this name, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.info.name == name)
    }

    /// The table of this name, or an error that names the nearest one.
    pub(crate) fn expect(&self, name: &str) -> Result<&Table, Diagnostic> {
        self.get(name).ok_or_else(|| {
            let names: Vec<_> = self.tables.iter().map(|table| table.info.name.as_str()).collect();
            let error = Diagnostic::new(format!("there is no table '{name}'"));
            match nearest(name, names.iter().copied()) {
                Some(near) => error.hint(format!("did you mean '{near}'?")),
                None if names.is_empty() => error.hint("create it first: CREATE TABLE … WITH (connector = '…')"),
                None => error.hint(format!("tables so far: {}", names.join(", "))),
            }
        })
    }

    /// The query with what views and memory tables stand for in their place.
    pub(crate) fn without_views(&self, query: &LogicalPlan) -> Result<Arc<LogicalPlan>, DataFusionError> {
        let replaced = query.clone().transform_up_with_subqueries(|part| {
            let LogicalPlan::TableScan(scan) = &part else { return Ok(Transformed::no(part)) };
            let Some(view) = self.get(scan.table_name.table()).and_then(|table| table.query.clone()) else {
                return Ok(Transformed::no(part));
            };
            let view = LogicalPlanBuilder::new_from_arc(view).alias(scan.table_name.clone())?;
            view.build().map(Transformed::yes)
        })?;
        Ok(Arc::new(replaced.data))
    }

    /// Adds a table.
    ///
    /// # Errors
    /// When there is one of that name.
    pub(crate) fn add(&mut self, table: Table) -> Result<(), Diagnostic> {
        if self.get(&table.info.name).is_some() {
            let span = table.declaration.name.as_ref().and_then(|name| name.span);
            return Err(Diagnostic::new(format!("there is a table '{}' already", table.info.name)).at(span));
        }
        self.tables.push(table);
        Ok(())
    }

    /// A table to be read, or why it cannot be.
    pub(crate) fn readable(&self, name: &str) -> Result<&Table, Diagnostic> {
        let table = self.expect(name)?;
        match table.read {
            Read::Stream(_) | Read::Lookup(_) => Ok(table),
            Read::Never => Err(Diagnostic::new(format!("table '{name}' can only be written"))
                .hint("a table that is read has a connector that reads, and no type = 'sink'")),
            Read::Unfilled => {
                Err(Diagnostic::new(format!("table '{name}' is read before anything is inserted into it"))
                    .hint(format!("put its INSERT INTO {name} before this statement")))
            }
        }
    }
}

impl Table {
    /// A view, or another named query.
    pub(crate) fn view(name: &Name, kind: TableKind, stream: Stream, query: Arc<LogicalPlan>) -> Self {
        let info = TableInfo {
            name: name.text.clone(),
            connector: None,
            options: Vec::new(),
            columns: stream.schema.visible(),
            kind,
        };
        let declaration = Arc::new(Declaration { name: Some(name.clone()), ..Declaration::default() });
        Table { info, declaration, read: Read::Stream(stream), write: Write::Never, query: Some(query) }
    }
}

/// What DataFusion's binder sees of a table: its columns.
pub(crate) struct TableColumns {
    /// The table's name in the catalog.
    pub(crate) name: String,
    /// Its visible columns.
    pub(crate) schema: SchemaRef,
}

impl TableSource for TableColumns {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
