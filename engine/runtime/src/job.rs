//! A job: a graph that runs until it ends or is stopped, and goes on from its last checkpoint when it fails.

use std::sync::Arc;
use std::time::Duration;

use headwater_core::SpillStore;
use headwater_plan::{Graph, NodeId};
use headwater_state::{CheckpointStore, Manifest};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::build::{Builder, fingerprints, restored_watermark};
use crate::coordinator::{Coordinator, JobEnd, Stop, commit};
use crate::error::{JobError, chain};
use crate::operators::{SpillSpace, Storage};
use crate::status::{JobBoard, JobPhase, JobStatus};

/// How a job runs.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// How many instances a node has at most.
    pub parallelism: usize,
    /// How often a checkpoint is taken; `None` takes one only when the job stops or ends. Where no checkpoints are kept,
    /// sinks are still told to commit every ten seconds.
    pub checkpoint_interval: Option<Duration>,
    /// How long changes are folded before they are sent on.
    pub flush_interval: Duration,
    /// How many bytes of memory the state may take: a job whose state is larger stops with a checkpoint and an error.
    pub state_memory_max: Option<usize>,
    /// Where rows by key go that memory has no room for; `None` keeps all of them in memory.
    pub spill: Option<SpillSettings>,
    /// What happens when it fails.
    pub restart: RestartPolicy,
}

impl JobSettings {
    /// Bounds the memory of the state. Half of it is for rows by key, which go to the store when it is used up; the other
    /// half is for what cannot be spilled, windows and indices.
    pub fn bounded(self, state_memory_max: usize, store: Arc<dyn SpillStore>) -> Self {
        let spill = SpillSettings { store, memory_max: state_memory_max / 2 };
        JobSettings { state_memory_max: Some(state_memory_max), spill: Some(spill), ..self }
    }
}

/// Where rows by key go that memory has no room for.
#[derive(Clone, Debug)]
pub struct SpillSettings {
    /// Takes them.
    pub store: Arc<dyn SpillStore>,
    /// How many bytes of memory rows by key and their indices may take in all the operators of a job together.
    pub memory_max: usize,
}

impl Default for JobSettings {
    fn default() -> Self {
        let restart = RestartPolicy::default();
        let (checkpoint_interval, flush_interval) = (Some(Duration::from_secs(10)), Duration::from_secs(1));
        JobSettings {
            parallelism: 1,
            checkpoint_interval,
            flush_interval,
            state_memory_max: None,
            spill: None,
            restart,
        }
    }
}

/// When a job that failed is started again. Only failures that may pass are tried again, and only where there are
/// checkpoints to go on from.
#[derive(Clone, Debug)]
pub struct RestartPolicy {
    /// The first pause; each further one is twice as long.
    pub first_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
    /// A job that has run for so long begins with the first pause again.
    pub settled_after: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        let (first_delay, max_delay) = (Duration::from_millis(500), Duration::from_secs(30));
        RestartPolicy { first_delay, max_delay, settled_after: Duration::from_secs(60) }
    }
}

/// A running job. Dropping the handle stops it at once.
#[derive(Debug)]
pub struct Job {
    name: String,
    board: Arc<JobBoard>,
    stop: watch::Sender<Option<Stop>>,
    ended: watch::Receiver<Option<Result<JobEnd, JobError>>>,
    _supervisor: JoinHandle<()>,
}

impl Job {
    /// Starts a job. Returns once it is under way; what happens to it then, [`Job::status`] and [`Job::ended`] tell.
    ///
    /// # Errors
    /// When the graph cannot run at all.
    pub async fn start(
        name: &str,
        graph: Graph,
        settings: JobSettings,
        checkpoints: Option<CheckpointStore>,
    ) -> Result<Job, JobError> {
        graph.validate().map_err(|source| JobError::Graph { job: name.to_owned(), source })?;
        let board = Arc::new(JobBoard::new(name, &graph));
        let (stop, stop_receiver) = watch::channel(None);
        let (end_sender, ended) = watch::channel(None);
        let supervisor = Supervisor {
            name: name.to_owned(),
            graph,
            settings,
            checkpoints,
            board: board.clone(),
            stop: stop_receiver,
        };
        let task = tokio::spawn(async move {
            let end = supervisor.run().await;
            supervisor.board.set_phase(match &end {
                Ok(JobEnd::Finished) => JobPhase::Finished,
                Ok(JobEnd::Stopped) => JobPhase::Stopped,
                Err(error) => JobPhase::Failed { reason: chain(error) },
            });
            // Whoever waits for the end may rely on nothing being left, on disk or elsewhere.
            drop(supervisor);
            let _ = end_sender.send(Some(end));
        });
        Ok(Job { name: name.to_owned(), board, stop, ended, _supervisor: task })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is doing, from counters: cheap.
    pub fn status(&self) -> JobStatus {
        self.board.status()
    }

    /// Asks the job to stop. Asking again with [`Stop::Now`] ends a drain that takes too long.
    pub fn stop(&self, stop: Stop) {
        self.stop.send_modify(|asked| *asked = if *asked == Some(Stop::Now) { Some(Stop::Now) } else { Some(stop) });
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn ended(&self) -> Result<JobEnd, JobError> {
        let mut ended = self.ended.clone();
        let waited = ended.wait_for(Option::is_some).await;
        match waited.ok().and_then(|end| end.clone()) {
            Some(end) => end,
            None => Err(JobError::mistake(&self.name, "the job's supervisor is gone")),
        }
    }
}

/// Runs a job again and again until it ends.
struct Supervisor {
    name: String,
    graph: Graph,
    settings: JobSettings,
    checkpoints: Option<CheckpointStore>,
    board: Arc<JobBoard>,
    stop: watch::Receiver<Option<Stop>>,
}

impl Supervisor {
    async fn run(&self) -> Result<JobEnd, JobError> {
        let mut delay = self.settings.restart.first_delay;
        loop {
            let began = Instant::now();
            let error = match self.run_once().await {
                Ok(end) => return Ok(end),
                Err(error) if error.retryable() && self.checkpoints.is_some() => error,
                Err(error) => return Err(error),
            };
            if began.elapsed() >= self.settings.restart.settled_after {
                delay = self.settings.restart.first_delay;
            }
            let reason = chain(&error);
            tracing::warn!(job = self.name, reason, delay_ms = delay.as_millis() as u64, "job failed, starting again");
            self.board.set_phase(JobPhase::Restarting { reason });
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(delay) => {}
                _ = stop.wait_for(Option::is_some) => return Ok(JobEnd::Stopped),
            }
            delay = (delay * 2).min(self.settings.restart.max_delay);
        }
    }

    /// How long changes are folded: what the settings say, or less where a query wants to see them earlier.
    fn flush_interval(&self) -> Duration {
        let interval = self.settings.flush_interval;
        let interval = self.graph.flush_interval().map_or(interval, |said| said.min(interval));
        interval.max(Duration::from_millis(1))
    }

    async fn run_once(&self) -> Result<JobEnd, JobError> {
        let manifest = match &self.checkpoints {
            Some(store) => store.latest(&self.name).await.map_err(|error| JobError::store(&self.name, error))?,
            None => None,
        };
        let builder = Builder {
            job: &self.name,
            graph: &self.graph,
            parallelism: self.settings.parallelism,
            flush_interval: self.flush_interval(),
            fold_interval: self.settings.flush_interval,
            store: self.checkpoints.as_ref(),
            manifest: manifest.as_ref(),
            board: &self.board,
            storage: &self.storage(),
        };
        let fingerprints = fingerprints(&self.graph);
        if let Some(manifest) = &manifest {
            let watermark = restored_watermark(manifest).map(|time| time.to_string());
            tracing::info!(job = self.name, epoch = manifest.epoch, watermark, "going on from a checkpoint");
            let pending = self.pending_commits(manifest, &fingerprints);
            commit(&self.name, manifest.epoch, &pending, &builder.committers().await?).await?;
            self.board.set_checkpoint(manifest.epoch, None, None);
        }
        let mut stop = self.stop.clone();
        let built = tokio::select! {
            built = builder.build() => built?,
            _ = stop.wait_for(Option::is_some) => return Ok(JobEnd::Stopped),
        };
        let coordinator = Coordinator {
            job: &self.name,
            fingerprints: &fingerprints,
            store: self.checkpoints.as_ref(),
            previous: manifest,
            checkpoint_interval: self.settings.checkpoint_interval,
            state_memory_max: self.settings.state_memory_max,
            board: &self.board,
            stop: self.stop.clone(),
        };
        coordinator.run(built).await
    }

    /// How operators keep their state.
    fn storage(&self) -> Storage {
        let storage = Storage::new(self.checkpoints.is_some());
        match &self.settings.spill {
            Some(spill) => storage.with_spill(SpillSpace::new(spill.store.clone(), spill.memory_max)),
            None => storage,
        }
    }

    /// What the checkpoint's sinks staged and may not have committed, by the sinks' numbers in today's graph.
    fn pending_commits(&self, manifest: &Manifest, fingerprints: &[String]) -> Vec<(NodeId, Vec<serde_json::Value>)> {
        let mut pending = Vec::new();
        for (node, values) in manifest.commits() {
            let fingerprint = &manifest.nodes[node].fingerprint;
            let occurrence = manifest.nodes[..node].iter().filter(|n| n.fingerprint == *fingerprint).count();
            let today = fingerprints.iter().enumerate().filter(|(_, f)| *f == fingerprint).nth(occurrence);
            match today {
                Some((id, _)) => pending.push((id, values)),
                None => tracing::warn!(
                    job = self.name,
                    sink = fingerprint,
                    "query changed: staged output is not known to be visible"
                ),
            }
        }
        pending
    }
}
