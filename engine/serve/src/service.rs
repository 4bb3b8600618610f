//! The one service under all adapters: SQL over history and now, the running jobs and how they do, cameras and
//! devices. gRPC, REST, metrics and the page only translate.
//!
//! | file | what |
//! |---|---|
//! | `query` | one statement that reads, as a stream of batches |
//! | `report` | what a job is doing, with rates |
//! | `rates` | rates from counters; pure |
//! | `cameras` | the newest frame of each camera, people over time |
//! | `devices` | who has been heard of |
//!
//! Not here: starting and stopping jobs, which is [`crate::server`].

mod cameras;
mod devices;
mod query;
mod rates;
mod report;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use headwater_plan::options::nearest;
use headwater_runtime::{Job, JobStatus};
use headwater_sql::Functions;

pub use cameras::{CameraSeries, LatestFrame};
pub use devices::{Acknowledgement, CameraHealth, CameraOfDevice, DeviceReport};
pub use query::RowStream;
pub(crate) use report::known_time;
pub use report::{JobReport, ReadyReport};

use crate::catalog::Catalog;
use crate::error::{QueryError, ServeError};
use crate::views::{Subscription, ViewRegistry};
use rates::Rates;

/// The limits of ad-hoc queries.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSettings {
    /// Memory that all queries together may take before they spill to disk, in bytes.
    pub query_memory_bytes: usize,
    /// How many tasks share the work of one query.
    pub query_parallelism: usize,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        ServiceSettings { query_memory_bytes: 1 << 30, query_parallelism: 2 }
    }
}

/// Answers queries, and knows what runs.
#[derive(Debug)]
pub struct QueryService {
    settings: ServiceSettings,
    functions: Functions,
    catalog: Arc<Catalog>,
    runtime: Arc<RuntimeEnv>,
    jobs: RwLock<Vec<Arc<Job>>>,
    rates: Mutex<Rates>,
}

impl QueryService {
    /// A service over these views, with no jobs and no history yet.
    ///
    /// # Errors
    /// [`ServeError::Engine`] when DataFusion refuses its settings (no temporary folder, say).
    pub fn new(settings: ServiceSettings, views: ViewRegistry) -> Result<Self, ServeError> {
        // A cached listing would hide the files that came after it.
        let caches = CacheManagerConfig::default().with_list_files_cache_limit(0);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(settings.query_memory_bytes, 1.0)
            .with_cache_manager(caches)
            .build_arc()
            .map_err(|source| ServeError::Engine { source })?;
        let catalog = Arc::new(Catalog::new(views));
        Ok(QueryService {
            settings,
            functions: Functions::default(),
            catalog,
            runtime,
            jobs: RwLock::default(),
            rates: Mutex::default(),
        })
    }

    /// The same for queries that may call these functions.
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// The tables.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Follows a materialized view.
    ///
    /// # Errors
    /// [`QueryError::NoView`].
    pub fn subscribe(&self, view: &str) -> Result<Subscription, QueryError> {
        let views = self.catalog.views();
        match views.get(view) {
            Some(view) => Ok(view.subscribe()),
            None => Err(QueryError::NoView { name: view.to_owned(), hint: names_hint(view, "views", &views.names()) }),
        }
    }

    /// Takes a running job in, to report on it.
    pub fn add_job(&self, job: Arc<Job>) {
        self.jobs.write().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    /// The jobs, in the order in which they were started.
    pub fn jobs(&self) -> Vec<Arc<Job>> {
        self.jobs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the counters of every job; rates are over the notes of the last ten seconds.
    pub fn sample_rates(&self, at: Instant) {
        let statuses = self.statuses();
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).sample(at, &statuses);
    }

    /// What each job is doing.
    pub fn job_reports(&self) -> Vec<JobReport> {
        let now = now();
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        self.statuses().into_iter().map(|status| JobReport::new(status, &rates, now)).collect()
    }

    /// What one job is doing.
    ///
    /// # Errors
    /// [`QueryError::NoQuery`].
    pub fn job_report(&self, name: &str) -> Result<JobReport, QueryError> {
        let reports = self.job_reports();
        let names: Vec<_> = reports.iter().map(|report| report.status.name.clone()).collect();
        let found = reports.into_iter().find(|report| report.status.name == name);
        found.ok_or_else(|| QueryError::NoQuery { name: name.to_owned(), hint: names_hint(name, "queries", &names) })
    }

    /// Whether every job runs.
    pub fn readiness(&self) -> ReadyReport {
        ReadyReport::of(&self.statuses())
    }

    fn statuses(&self) -> Vec<JobStatus> {
        self.jobs().iter().map(|job| self.with_views(job.status())).collect()
    }

    /// A view's rows are state of the job that writes it, but kept here.
    fn with_views(&self, mut status: JobStatus) -> JobStatus {
        let views = status.sinks.iter().filter_map(|sink| self.catalog.views().get(&sink.table));
        status.state_bytes += views.map(|view| view.bytes()).sum::<usize>();
        status
    }
}

/// The wall clock: for lags that people read and for frames injected without a time, never for a result.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Which name was meant, or which there are.
fn names_hint(name: &str, what: &str, known: &[String]) -> Option<String> {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => Some(format!("did you mean {near}?")),
        None if known.is_empty() => None,
        None => Some(format!("known {what}: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests;
