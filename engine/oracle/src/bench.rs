//! The connectors of a check: every table that is read is a feed and every output a ledger, behind the declarations of
//! the real connectors.
//!
//! A declaration still goes to the real connector first, so that its columns, options and refusals are those of the
//! query as it would run; only its source and its sink are put aside.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headwater_core::StreamSchema;
use headwater_core::lookup::LookupFactoryRef;
use headwater_core::sink::SinkFactoryRef;
use headwater_core::source::SourceFactoryRef;
use headwater_plan::{
    ColumnDeclaration, ConnectorTable, Connectors, OptionValue, Options, SinkSpec, TableDeclaration, TableError,
};
use headwater_sql::Functions;

use crate::feed::{Feed, FeedFactory};
use crate::ledger::{Ledger, LedgerFactory};

/// Sinks that statements name by themselves; the bench answers for them.
const BUILT_IN: [&str; 2] = ["materialized_view", "preview"];

/// Replaces a table's connector by one that reads a file.
#[derive(Clone, Debug)]
pub(crate) struct Replacement {
    pub(crate) connector: String,
    pub(crate) options: Vec<(String, String)>,
}

impl Replacement {
    /// The file as a table of these columns, all of which are in it.
    fn declaration(
        &self,
        name: String,
        mut columns: Vec<ColumnDeclaration>,
        primary_key: Vec<String>,
    ) -> TableDeclaration {
        columns.iter_mut().for_each(|column| column.metadata = None);
        let text = |(key, value): &(String, String)| (key.clone(), OptionValue::Text(value.clone()));
        let options = Options::new(self.options.iter().map(text));
        TableDeclaration { name, connector: self.connector.clone(), columns, primary_key, options }
    }

    /// The same file as a sample of changes.
    fn of_changes(&self) -> Result<Replacement, TableError> {
        let mut replacement = self.clone();
        for (key, value) in &mut replacement.options {
            if key.as_str() != "format" {
                continue;
            }
            if value.as_str() != "json" {
                let error = TableError::new(format!("a sample of changes cannot be {value}"));
                return Err(error.with_hint("give JSON lines with before, after and op"));
            }
            *value = "debezium_json".to_owned();
        }
        Ok(replacement)
    }
}

/// The connectors that a query is checked with.
#[derive(Debug)]
pub struct Bench {
    inner: Arc<dyn Connectors>,
    replacements: BTreeMap<String, Replacement>,
    functions: Functions,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    sources: BTreeMap<String, (Arc<Feed>, SourceFactoryRef)>,
    ledgers: BTreeMap<String, Arc<Ledger>>,
    /// The names of tables that are looked up: in the run as in the query, for they are where their rows are.
    looked_up: Vec<String>,
}

impl Bench {
    /// A bench over the declarations of these connectors.
    pub fn new(inner: Arc<dyn Connectors>) -> Self {
        Bench { inner, replacements: BTreeMap::new(), functions: Functions::default(), tables: Mutex::default() }
    }

    /// The same for queries that may call these functions.
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    pub(crate) fn with_replacements(mut self, replacements: BTreeMap<String, Replacement>) -> Self {
        self.replacements = replacements;
        self
    }

    /// The feed of a table, and the source that the query names.
    pub(crate) fn source(&self, table: &str) -> Option<(Arc<Feed>, SourceFactoryRef)> {
        self.tables().sources.get(table).cloned()
    }

    /// Whether the query reads a table of this name, or looks it up.
    pub(crate) fn knows(&self, table: &str) -> bool {
        let tables = self.tables();
        tables.sources.contains_key(table) || tables.looked_up.iter().any(|name| name == table)
    }

    /// Every feed.
    pub(crate) fn feeds(&self) -> Vec<Arc<Feed>> {
        self.tables().sources.values().map(|(feed, _)| feed.clone()).collect()
    }

    /// Every ledger that is written, by the name of its output.
    pub(crate) fn ledgers(&self) -> BTreeMap<String, Arc<Ledger>> {
        let mut ledgers = self.tables().ledgers.clone();
        ledgers.retain(|_, ledger| ledger.written.load(Ordering::Relaxed));
        ledgers
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the real connector makes of a declaration, with its source read from a file where one was given.
    fn declared(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        let Some(replacement) = self.replacements.get(&declaration.name) else { return self.inner.table(declaration) };
        let (name, primary_key) = (declaration.name.clone(), declaration.primary_key.clone());
        let mut columns = declaration.columns.clone();
        let made = self.inner.table(declaration)?;
        if columns.is_empty() {
            let fields = made.columns.iter().flat_map(|schema| schema.fields().iter());
            columns = fields
                .map(|field| ColumnDeclaration {
                    name: field.name().clone(),
                    data_type: field.data_type().clone(),
                    nullable: field.is_nullable(),
                    metadata: None,
                })
                .collect();
        }
        let replacement = match made.source.as_ref().is_some_and(|source| source.updating()) {
            true => replacement.of_changes()?,
            false => replacement.clone(),
        };
        let file = self.inner.table(replacement.declaration(name, columns, primary_key))?;
        Ok(ConnectorTable { source: file.source, ..made })
    }
}

impl Connectors for Bench {
    fn names(&self) -> Vec<String> {
        self.inner.names()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        let name = declaration.name.clone();
        let built_in = BUILT_IN.contains(&declaration.connector.as_str());
        let mut table = if built_in {
            ConnectorTable { columns: None, event_time: None, idle_after: None, source: None, sink: None }
        } else {
            self.declared(declaration)?
        };
        if let Some(real) = table.source.take() {
            let mut tables = self.tables();
            let new = || (Arc::new(Feed::new(&name, real.schema(), real.updating())), real);
            let (feed, _) = tables.sources.entry(name.clone()).or_insert_with(new);
            table.source = Some(Arc::new(FeedFactory(feed.clone())));
            // A feed waits at its gate, and that is no reason to move time on.
            table.idle_after = Some(NEVER_IDLE);
        }
        if built_in || table.sink.is_some() {
            let ledger = self.tables().ledgers.entry(name).or_default().clone();
            table.sink = Some(Arc::new(LedgerSpec { ledger, real: table.sink.take() }));
        }
        Ok(table)
    }

    fn lookup(&self, declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
        self.tables().looked_up.push(declaration.name.clone());
        let Some(replacement) = self.replacements.get(&declaration.name) else { return self.inner.lookup(declaration) };
        let TableDeclaration { name, columns, primary_key, .. } = &declaration;
        let file = replacement.declaration(name.clone(), columns.clone(), primary_key.clone());
        self.inner.lookup(declaration)?;
        self.inner.lookup(file)
    }
}

/// Ten years, which a clock can still add to now.
const NEVER_IDLE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[derive(Debug)]
struct LedgerSpec {
    ledger: Arc<Ledger>,
    real: Option<Arc<dyn SinkSpec>>,
}

impl SinkSpec for LedgerSpec {
    fn bind(&self, schema: &StreamSchema) -> Result<SinkFactoryRef, TableError> {
        if let Some(real) = &self.real {
            real.bind(schema)?;
        }
        self.ledger.written.store(true, Ordering::Relaxed);
        Ok(Arc::new(LedgerFactory { ledger: self.ledger.clone(), schema: schema.clone() }))
    }
}
