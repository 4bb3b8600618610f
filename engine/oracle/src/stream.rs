//! The streaming answer: the query as a job over feeds and ledgers, whole or with interruptions.

use std::sync::Arc;
use std::time::Duration;

use headwater_core::spill::MemorySpill;
use headwater_plan::Graph;
use headwater_runtime::{Job, JobEnd, JobSettings, SpillSettings, Stop};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;

use crate::bench::Bench;
use crate::error::Failure;
use crate::feed::OPEN;
use crate::order::Order;
use crate::rng::Rng;

/// How often a job that is about to crash takes a checkpoint.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(1);
/// A job over rows in memory that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// One run of the query.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// How rows arrive.
    pub(crate) order: Order,
    /// Over how many partitions a table is dealt out.
    pub(crate) partitions: usize,
    /// What happens on the way.
    pub(crate) course: Course,
    /// Whether memory has no room for any row that can be spilled.
    pub(crate) spilled: bool,
}

/// What happens on the way from the first row to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Course {
    /// Nothing.
    Whole {
        /// How many instances there are.
        parallelism: usize,
    },
    /// A crash, from which it goes on at another parallelism; a stop, from which it goes on at a third.
    Interrupted {
        /// How many instances there are before the crash, before the stop, and to the end.
        parallelism: [usize; 3],
        /// Where the gate is: at the first checkpoint, at the crash and at the stop, in thousandths of the rows.
        gates: [usize; 3],
    },
}

impl Phase {
    /// What is run: one instance as the rows come, several with rows out of order, and one that is interrupted.
    pub(crate) fn all(rng: &mut Rng) -> Vec<Phase> {
        let whole = |order, partitions, parallelism, spilled| {
            let course = Course::Whole { parallelism };
            Phase { order, partitions, course, spilled }
        };
        let mut parallelism = *rng.pick(&[[2, 3, 1], [3, 1, 2], [1, 2, 3], [2, 1, 3], [3, 2, 2]]);
        if rng.chance(10) {
            parallelism = [1, 1, 1];
        }
        let first = rng.below(700);
        let crash = first + rng.below(OPEN - first);
        let gates = [first, crash, rng.below(OPEN)];
        let course = Course::Interrupted { parallelism, gates };
        let (whole_partitions, whole_parallelism, partitions) = (1 + rng.below(4), 2 + rng.below(2), 1 + rng.below(4));
        let spilled = rng.chance(50);
        vec![
            whole(Order::Given, 1, 1, false),
            whole(Order::Shuffled, whole_partitions, whole_parallelism, !spilled),
            Phase { order: Order::Shuffled, partitions, course, spilled },
        ]
    }

    /// The phase in words.
    pub(crate) fn describe(&self) -> String {
        let order = match self.order {
            Order::Given => "rows in their own order",
            Order::Shuffled => "rows out of order",
        };
        let spilled = if self.spilled { ", state spilled" } else { "" };
        match self.course {
            Course::Whole { parallelism } => format!("{order}, parallelism {parallelism}{spilled}"),
            Course::Interrupted { parallelism: [a, b, c], .. } => {
                format!("{order}, crashed at parallelism {a}, stopped at {b}, ended at {c}{spilled}")
            }
        }
    }
}

/// The dataflow of a query, for one instance and for several.
#[derive(Debug)]
pub(crate) struct Graphs {
    pub(crate) single: Graph,
    pub(crate) parallel: Graph,
    /// How many instances there have to be, where the query says so.
    pub(crate) parallelism: Option<usize>,
}

impl Graphs {
    fn of(&self, parallelism: usize) -> (Graph, usize) {
        let parallelism = self.parallelism.unwrap_or(parallelism);
        (if parallelism == 1 { self.single.clone() } else { self.parallel.clone() }, parallelism)
    }
}

/// Runs the query once, with the feeds loaded. What it gave is in the ledgers.
///
/// # Errors
/// When a job fails, hangs, or calls a row late.
pub(crate) async fn run(graphs: &Graphs, bench: &Bench, phase: &Phase) -> Result<(), Failure> {
    bench.ledgers().values().for_each(|ledger| ledger.clear());
    let name = phase.describe();
    let run = Run { graphs, bench, name: &name, spill: phase.spilled.then(Arc::default) };
    let course = async {
        match phase.course {
            Course::Whole { parallelism } => run.to_end(parallelism, None).await,
            Course::Interrupted { parallelism, gates } => run.interrupted(parallelism, gates).await,
        }
    };
    match tokio::time::timeout(PATIENCE, course).await {
        Ok(ended) => ended.and_then(|()| run.nothing_spilled()),
        Err(_) => Err(run.broke(format!("the job has not ended after {} s", PATIENCE.as_secs()))),
    }
}

struct Run<'a> {
    graphs: &'a Graphs,
    bench: &'a Bench,
    name: &'a str,
    spill: Option<Arc<MemorySpill>>,
}

impl Run<'_> {
    async fn interrupted(&self, parallelism: [usize; 3], gates: [usize; 3]) -> Result<(), Failure> {
        let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
        self.set_gates(gates[0]);
        let job = self.start(parallelism[0], Some(CHECKPOINT_INTERVAL), Some(&store)).await?;
        let to_crash = async {
            self.at_gates().await;
            // The first checkpoint may be anywhere; that there is one is what matters.
            if let Some(ledger) = self.bench.ledgers().values().next() {
                ledger.committed().await;
            }
            self.set_gates(gates[1]);
            self.at_gates().await;
        };
        if self.or_ended(&job, to_crash).await? {
            return Ok(());
        }
        self.stop(&job, Stop::Now).await?;
        self.bench.feeds().iter().for_each(|feed| feed.forget_progress());
        self.set_gates(gates[2]);
        let job = self.start(parallelism[1], None, Some(&store)).await?;
        if self.or_ended(&job, self.at_gates()).await? {
            return Ok(());
        }
        self.stop(&job, Stop::Drain).await?;
        self.set_gates(OPEN);
        self.to_end(parallelism[2], Some(&store)).await
    }

    async fn to_end(&self, parallelism: usize, store: Option<&CheckpointStore>) -> Result<(), Failure> {
        let job = self.start(parallelism, None, store).await?;
        match job.ended().await.map_err(|error| Failure::broke(self.name, &error))? {
            JobEnd::Finished => self.none_late(&job),
            JobEnd::Stopped => Err(self.broke("the job stopped by itself")),
        }
    }

    async fn start(
        &self,
        parallelism: usize,
        checkpoint_interval: Option<Duration>,
        store: Option<&CheckpointStore>,
    ) -> Result<Job, Failure> {
        let spill = self.spill.clone().map(|store| SpillSettings { store, memory_max: 0 });
        let (graph, parallelism) = self.graphs.of(parallelism);
        let settings = JobSettings { parallelism, checkpoint_interval, spill, ..JobSettings::default() };
        let started = Job::start("test", graph, settings, store.cloned()).await;
        started.map_err(|error| Failure::broke(self.name, &error))
    }

    /// Does something beside the job. True when the job has finished before.
    async fn or_ended(&self, job: &Job, work: impl Future<Output = ()>) -> Result<bool, Failure> {
        tokio::select! {
            end = job.ended() => match end.map_err(|error| Failure::broke(self.name, &error))? {
                JobEnd::Finished => Ok(true),
                JobEnd::Stopped => Err(self.broke("the job stopped by itself")),
            },
            () = work => Ok(false),
        }
    }

    async fn stop(&self, job: &Job, how: Stop) -> Result<(), Failure> {
        job.stop(how);
        job.ended().await.map_err(|error| Failure::broke(self.name, &error))?;
        self.none_late(job)
    }

    /// Feeds make no row late, so an operator that calls one late has lost it.
    fn none_late(&self, job: &Job) -> Result<(), Failure> {
        match job.status().late_rows {
            0 => Ok(()),
            late => Err(self.broke(format!("{late} rows were dropped as late, and none was"))),
        }
    }

    /// Whatever was spilled goes with the job that it is of.
    fn nothing_spilled(&self) -> Result<(), Failure> {
        match self.spill.as_ref().map_or(0, |store| store.batches()) {
            0 => Ok(()),
            left => Err(self.broke(format!("{left} spilled batches are left of jobs that have ended"))),
        }
    }

    fn set_gates(&self, gate: usize) {
        self.bench.feeds().iter().for_each(|feed| feed.set_gate(gate));
    }

    async fn at_gates(&self) {
        for feed in self.bench.feeds() {
            feed.at_gate().await;
        }
    }

    fn broke(&self, reason: impl Into<String>) -> Failure {
        Failure::Broke { phase: self.name.to_owned(), reason: reason.into() }
    }
}
