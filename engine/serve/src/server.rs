//! The server: reads and plans the query files, runs a job for each, and serves gRPC and REST over them.
//!
//! It starts whole or not at all: every file is planned and every port is bound before a job begins. It ends in one
//! way: jobs drain and checkpoint, then the servers answer what they had begun and stop.

mod scripts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use headwater_plan::{ByteSize, Connectors};
use headwater_runtime::{Job, JobError, JobSettings, SpillFolder, Stop};
use headwater_sql::Functions;
use headwater_state::CheckpointStore;
use object_store::local::LocalFileSystem;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{ServeError, chain};
use crate::rest::FrameInjector;
use crate::service::{QueryService, ServiceSettings};
use crate::views::{ViewConnectors, ViewRegistry};
use crate::{grpc, rest};

pub use scripts::history_of;

/// How long jobs may drain before they are stopped where they are; what they had not read is read at the next start.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// How long requests that were begun may take to end.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often the counters are noted from which rates are made.
const RATE_EVERY: Duration = Duration::from_secs(1);

/// How the server runs.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where gRPC listens; port 0 takes a free one.
    pub grpc_listen: SocketAddr,
    /// Where REST, metrics and the page listen; port 0 takes a free one.
    pub http_listen: SocketAddr,
    /// The folder of query files, `*.sql`.
    pub queries_dir: PathBuf,
    /// Checkpoints stand below it, in `checkpoints`, spilled state in `spill`, and tables with relative paths.
    pub data_dir: PathBuf,
    /// How many instances share the work of a node that several can share.
    pub parallelism: usize,
    /// How often a checkpoint is taken.
    pub checkpoint_interval: Duration,
    /// Memory that all ad-hoc queries together may take before they spill to disk, in bytes.
    pub query_memory_bytes: usize,
    /// Memory that the state of each query may take whose file does not say.
    pub state_memory_max: ByteSize,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    service: Arc<QueryService>,
    grpc_address: SocketAddr,
    http_address: SocketAddr,
    /// Asked for from outside.
    shutdown: CancellationToken,
    /// Ends the servers, once the jobs have ended.
    stop_serving: CancellationToken,
    /// gRPC, REST and the rates.
    serving: JoinSet<Result<(), ServeError>>,
    /// One for each job, to log how it ended.
    watching: JoinSet<()>,
}

impl Server {
    /// Starts everything. `connectors` make the tables of the query files, `injector` sends what `POST /data` gets,
    /// and `shutdown` ends the server.
    ///
    /// # Errors
    /// The first thing that is wrong: a query file, a port, a folder, a job. Nothing is left running then.
    pub async fn start(
        settings: ServerSettings,
        connectors: Arc<dyn Connectors>,
        injector: Arc<dyn FrameInjector>,
        shutdown: CancellationToken,
    ) -> Result<Server, ServeError> {
        Server::start_with(settings, connectors, Functions::default(), injector, shutdown).await
    }

    /// Starts everything, with query files and ad-hoc queries that may call these functions.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(
        settings: ServerSettings,
        connectors: Arc<dyn Connectors>,
        functions: Functions,
        injector: Arc<dyn FrameInjector>,
        shutdown: CancellationToken,
    ) -> Result<Server, ServeError> {
        let views = ViewRegistry::new();
        let connectors = Arc::new(ViewConnectors { inner: connectors, views: views.clone() });
        let files = scripts::read(&settings.queries_dir).await?;
        let scripts = scripts::plan(files, connectors, &functions, settings.parallelism).await?;
        let history = scripts::history(&scripts, &settings.data_dir)?;

        let grpc_listener = listen(settings.grpc_listen, "gRPC", "--grpc-listen").await?;
        let http_listener = listen(settings.http_listen, "REST", "--http-listen").await?;
        let limits = ServiceSettings {
            query_memory_bytes: settings.query_memory_bytes,
            query_parallelism: settings.parallelism,
        };
        let service = Arc::new(QueryService::new(limits, views)?.with_functions(functions));
        for (name, table) in history {
            service.catalog().add_history(&name, table);
        }
        let checkpoints = checkpoint_store(&settings.data_dir)?;
        let mut server = Server {
            grpc_address: address(&grpc_listener, settings.grpc_listen, "gRPC", "--grpc-listen")?,
            http_address: address(&http_listener, settings.http_listen, "REST", "--http-listen")?,
            service,
            shutdown,
            stop_serving: CancellationToken::new(),
            serving: JoinSet::new(),
            watching: JoinSet::new(),
        };
        server.serve(grpc_listener, http_listener, injector);
        match server.start_jobs(scripts, &settings, &checkpoints).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.stop().await;
                Err(error)
            }
        }
    }

    /// The service under the adapters.
    pub fn service(&self) -> &Arc<QueryService> {
        &self.service
    }

    /// Where gRPC listens.
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where REST, metrics and the page listen.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Waits until the server is told to end, or one of its listeners fails; then stops the jobs with a checkpoint, and
    /// the servers after them.
    ///
    /// # Errors
    /// [`ServeError::Server`] when it ended because of a failure.
    pub async fn ended(mut self) -> Result<(), ServeError> {
        let outcome = tokio::select! {
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.serving.join_next() => flatten(ended),
        };
        self.stop().await;
        outcome
    }

    fn serve(&mut self, grpc_listener: TcpListener, http_listener: TcpListener, injector: Arc<dyn FrameInjector>) {
        let (service, stop) = (|| Arc::clone(&self.service), || self.stop_serving.clone());
        self.serving.spawn(grpc::serve(grpc_listener, service(), stop()));
        self.serving.spawn(rest::serve(http_listener, service(), injector, stop()));
        self.serving.spawn(note_rates(service(), stop()));
    }

    async fn start_jobs(
        &mut self,
        scripts: Vec<scripts::PlannedScript>,
        settings: &ServerSettings,
        checkpoints: &CheckpointStore,
    ) -> Result<(), ServeError> {
        for planned in scripts {
            let Some(graph) = planned.script.graph else { continue };
            let failed = |source| ServeError::Job { query: planned.name.clone(), source: Box::new(source) };
            let spill = SpillFolder::open(settings.data_dir.join("spill").join(&planned.name));
            let spill = spill.map_err(|error| failed(JobError::operator(&planned.name, error)))?;
            let (set, usual) = (planned.script.settings, JobSettings::default());
            let job_settings = JobSettings {
                parallelism: set.parallelism.unwrap_or(settings.parallelism),
                checkpoint_interval: Some(settings.checkpoint_interval),
                flush_interval: set.flush_interval.unwrap_or(usual.flush_interval),
                ..usual
            };
            let state_memory_max = set.state_memory_max.unwrap_or(settings.state_memory_max);
            let job_settings = job_settings.bounded(state_memory_max.0, Arc::new(spill));
            let started = Job::start(&planned.name, graph, job_settings, Some(checkpoints.clone())).await;
            let job = Arc::new(started.map_err(failed)?);
            self.service.add_job(Arc::clone(&job));
            self.watching.spawn(watch(job));
        }
        Ok(())
    }

    /// The one way to end.
    async fn stop(&mut self) {
        let jobs = self.service.jobs();
        jobs.iter().for_each(|job| job.stop(Stop::Drain));
        let drained = join_all(jobs.iter().map(|job| job.ended()));
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::warn!(seconds = DRAIN_MAX.as_secs(), "jobs did not drain in time, stopping them where they are");
            jobs.iter().for_each(|job| job.stop(Stop::Now));
        }
        while self.watching.join_next().await.is_some() {}
        self.stop_serving.cancel();
        let answered = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(ANSWER_MAX, answered).await.is_err() {
            self.serving.shutdown().await;
        }
    }
}

async fn listen(address: SocketAddr, service: &'static str, flag: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, service, flag, source })
}

fn address(
    listener: &TcpListener,
    address: SocketAddr,
    service: &'static str,
    flag: &'static str,
) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen { address, service, flag, source })
}

fn checkpoint_store(data_dir: &std::path::Path) -> Result<CheckpointStore, ServeError> {
    let path = data_dir.join("checkpoints");
    let failed = |source: headwater_core::error::BoxError| ServeError::CheckpointDir { path: path.clone(), source };
    std::fs::create_dir_all(&path).map_err(|error| failed(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| failed(error.into()))?;
    Ok(CheckpointStore::new(Arc::new(store), ""))
}

/// Notes counters until the server ends.
async fn note_rates(service: Arc<QueryService>, stop: CancellationToken) -> Result<(), ServeError> {
    let mut tick = tokio::time::interval(RATE_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        service.sample_rates(Instant::now());
    }
    Ok(())
}

async fn watch(job: Arc<Job>) {
    match job.ended().await {
        Ok(end) => tracing::info!(query = job.name(), ?end, "query ended"),
        Err(error) => tracing::error!(query = job.name(), error = chain(&error), "query failed"),
    }
}

fn flatten(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), ServeError> {
    ended.unwrap_or_else(|source| Err(ServeError::Server { service: "gRPC or REST", source: Box::new(source) }))
}

#[cfg(test)]
mod tests;
