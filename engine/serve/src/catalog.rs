//! One catalog over history and now: materialized views by their live snapshots, sink tables by their committed files.
//!
//! A query gets a catalog of its own ([`Catalog::for_one_query`]), in which a view that is named twice is one snapshot.
//!
//! Not here: parsing and running queries, which is [`crate::service`].

mod history;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use tokio::sync::Mutex;

pub use history::{HistoryFormat, HistoryTable};

use crate::views::ViewRegistry;

/// Every table that a query can read.
#[derive(Debug, Default)]
pub struct Catalog {
    views: ViewRegistry,
    history: RwLock<BTreeMap<String, HistoryTable>>,
}

impl Catalog {
    /// A catalog of these views and no history.
    pub fn new(views: ViewRegistry) -> Self {
        Catalog { views, history: RwLock::default() }
    }

    /// The views.
    pub fn views(&self) -> &ViewRegistry {
        &self.views
    }

    /// Adds a table of files; one of the same name is replaced.
    pub fn add_history(&self, name: &str, table: HistoryTable) {
        self.history.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), table);
    }

    /// The table of files of this name.
    pub fn history(&self, name: &str) -> Option<HistoryTable> {
        self.history.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names of all tables, sorted. A view hides a table of files of the same name.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.views.names();
        names.extend(self.history.read().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    /// The catalog as one query sees it.
    pub(crate) fn for_one_query(self: &Arc<Self>) -> Arc<dyn SchemaProvider> {
        Arc::new(QueryCatalog { catalog: Arc::clone(self), opened: Mutex::default() })
    }
}

/// The tables of one query. Each is opened once.
struct QueryCatalog {
    catalog: Arc<Catalog>,
    opened: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl fmt::Debug for QueryCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryCatalog").finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for QueryCatalog {
    fn table_names(&self) -> Vec<String> {
        self.catalog.names()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let mut opened = self.opened.lock().await;
        if let Some(table) = opened.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let table = match self.catalog.views.get(name) {
            Some(view) => live(&view)?,
            None => match self.catalog.history(name) {
                Some(history) => history.open().await?,
                None => return Ok(None),
            },
        };
        opened.insert(name.to_owned(), Arc::clone(&table));
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.views.get(name).is_some() || self.catalog.history(name).is_some()
    }
}

fn live(view: &crate::views::View) -> DataFusionResult<Arc<dyn TableProvider>> {
    let snapshot = view.snapshot().map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(Arc::new(MemTable::try_new(view.schema(), vec![snapshot.rows])?))
}
