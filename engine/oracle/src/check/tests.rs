//! Jobs whose memory or disk is too small: they end with a reason, and another start goes on from their checkpoint to
//! the right answer.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, TimestampNanosecondArray};
use headwater_core::spill::MemorySpill;
use headwater_runtime::{Job, JobEnd, JobError, JobSettings, SpillSettings, error_chain};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;

use super::*;
use crate::feed::OPEN;
use crate::order::Order;
use crate::random::MadeUp;
use crate::stream::Course;

const ROWS: i64 = 20_000;
const GROUPS: &str = "SELECT k, count(*) AS n, sum(x) AS total FROM a GROUP BY k;";
const PAIRS: &str = "SELECT a.k, a.x, b.x AS y FROM a LEFT JOIN b ON a.k = b.k AND a.x < b.x;";
const PATIENCE: Duration = Duration::from_secs(60);

/// A query, its rows in the feeds, its answer and its checkpoints.
struct Case {
    bench: Bench,
    graph: Graph,
    outputs: Vec<OutputInfo>,
    tables: BTreeMap<String, Table>,
    phase: Phase,
    checkpoints: CheckpointStore,
}

/// Rows a millisecond apart.
fn rows(keys: i64) -> RecordBatch {
    rows_at((0..ROWS).map(|row| (row * 1_000_000, row * 7919 % keys)))
}

/// Rows with these times and keys.
fn rows_at(rows: impl Iterator<Item = (i64, i64)>) -> RecordBatch {
    let (times, keys): (Vec<i64>, Vec<i64>) = rows.unzip();
    let columns: [(&str, ArrayRef); 3] = [
        ("ts", Arc::new(TimestampNanosecondArray::from(times.clone()))),
        ("k", Arc::new(Int64Array::from(keys))),
        ("x", Arc::new(Int64Array::from_iter_values((0..times.len() as i64).map(|row| row % 100)))),
    ];
    let nullable = |(name, column)| (name, column, true);
    RecordBatch::try_from_iter_with_nullable(columns.map(nullable)).unwrap()
}

impl Case {
    async fn new(query: &str) -> Case {
        Case::over(query, rows(ROWS / 2), rows(ROWS / 3)).await
    }

    async fn over(query: &str, a: RecordBatch, b: RecordBatch) -> Case {
        let bench = Bench::new(Arc::new(MadeUp));
        let declare = |table| {
            format!(
                "CREATE TABLE {table} (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts) \
                 WITH (connector = 'single_file', path = '{table}.json', type = 'source');\n"
            )
        };
        let sql = declare("a") + &declare("b") + query;
        let script = plan(&sql, &bench, 1).unwrap();
        let graph = script.graph.unwrap();
        let mut inputs = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let tables = tables(&graph, &bench, &mut inputs).await.unwrap();
        let phase =
            Phase { order: Order::Given, partitions: 1, course: Course::Whole { parallelism: 1 }, spilled: false };
        deal(&tables, &bench, &phase, &mut Rng::new(1)).unwrap();
        let checkpoints = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
        Case { bench, graph, outputs: script.outputs, tables, phase, checkpoints }
    }

    async fn start(&self, settings: JobSettings) -> Job {
        Job::start("test", self.graph.clone(), settings, Some(self.checkpoints.clone())).await.unwrap()
    }

    fn set_gates(&self, gate: usize) {
        self.bench.feeds().iter().for_each(|feed| feed.set_gate(gate));
    }

    async fn at_gates(&self) {
        for feed in self.bench.feeds() {
            tokio::time::timeout(PATIENCE, feed.at_gate()).await.unwrap();
        }
    }

    /// Waits for a checkpoint of all that has been read.
    async fn committed_anew(&self) {
        for ledger in self.bench.ledgers().values() {
            tokio::time::timeout(PATIENCE, ledger.committed_anew()).await.unwrap();
        }
    }

    /// Another start goes on from the checkpoint, and with the rest of the rows the answer is right.
    async fn ends_well(&self, settings: JobSettings) {
        let rows = self.bench.ledgers().values().map(|ledger| ledger.rows().len()).sum::<usize>();
        assert!(rows > 0 && self.checkpoints.latest("test").await.unwrap().is_some(), "there is no checkpoint");
        self.set_gates(OPEN);
        let job = self.start(settings).await;
        assert_eq!(ended(&job).await.unwrap(), JobEnd::Finished);
        let answers = answers(&self.outputs, &standing(&self.tables)).await.unwrap();
        compare_outputs(&answers, &self.bench, &self.phase).unwrap();
    }
}

async fn ended(job: &Job) -> Result<JobEnd, JobError> {
    tokio::time::timeout(PATIENCE, job.ended()).await.unwrap()
}

#[tokio::test]
async fn state_beyond_its_bound_stops_the_job_and_more_memory_lets_it_go_on() {
    for (query, largest) in [(GROUPS, "aggregate [count("), (PAIRS, "left join on [k@")] {
        let case = Case::new(query).await;
        case.set_gates(OPEN / 2);
        let flush_interval = Duration::from_millis(5);
        let settings = JobSettings {
            flush_interval,
            state_memory_max: Some(100_000),
            checkpoint_interval: None,
            ..JobSettings::default()
        };
        let job = case.start(settings.clone()).await;
        let error = ended(&job).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, JobError::StateMemory { state_bytes: 100_001.., .. }), "{text}");
        assert!(text.contains(largest) && text.contains("raise state_memory_max"), "{text}");
        assert!(job.status().largest_state().unwrap().description.contains(largest));
        case.ends_well(JobSettings { state_memory_max: Some(1 << 30), ..settings }).await;
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_job_and_leaves_its_checkpoint() {
    for query in [GROUPS, PAIRS] {
        let case = Case::new(query).await;
        case.set_gates(OPEN / 2);
        let store = Arc::new(MemorySpill::default());
        let spill = SpillSettings { store: store.clone(), memory_max: 0 };
        let settings = JobSettings {
            checkpoint_interval: Some(Duration::from_millis(20)),
            spill: Some(spill.clone()),
            ..JobSettings::default()
        };
        let job = case.start(settings.clone()).await;
        case.at_gates().await;
        case.committed_anew().await;
        assert!(store.batches() > 0, "nothing was spilled");
        store.fill();
        case.set_gates(OPEN);
        let text = error_chain(&ended(&job).await.unwrap_err());
        assert!(text.ends_with("could not spill state to memory: no space left on device"), "{text}");
        assert_eq!(store.batches(), 0, "what was spilled is of no use any more");
        let store = Arc::new(MemorySpill::default());
        case.ends_well(JobSettings { spill: Some(SpillSettings { store, ..spill }), ..settings }).await;
    }
}

/// How much is held, in memory and spilled, and how many rows the last checkpoint has for it.
async fn held(case: &Case, job: &Job) -> (usize, usize) {
    case.at_gates().await;
    case.committed_anew().await;
    let status = job.status();
    let manifest = case.checkpoints.latest("test").await.unwrap().unwrap();
    let instances = manifest.nodes.iter().flat_map(|node| &node.instances);
    let rows = instances.flat_map(|instance| &instance.chunks).map(|chunk| chunk.rows).sum();
    (status.state_bytes + status.spilled_bytes, rows)
}

/// The first half of the rows are a millisecond apart, the others a minute.
fn thinning(rows: i64, keys: i64) -> RecordBatch {
    let time = |row: i64| row.min(rows / 2) * 1_000_000 + (row - rows / 2).max(0) * 60_000_000_000;
    rows_at((0..rows).map(|row| (time(row), row % keys)))
}

/// Runs to the middle of the rows and to near their end, with a crash between; gives what was held at both. What came at
/// once before the last checkpoint is flushed with it, and let go when a later watermark comes.
async fn held_before_and_after(query: &str, keys: i64, spilled: bool) -> [(usize, usize); 2] {
    let case = Case::over(query, thinning(40_000, keys), thinning(40_000, keys)).await;
    let store = Arc::new(MemorySpill::default());
    let spill = spilled.then(|| SpillSettings { store, memory_max: 0 });
    let checkpoint_interval = Some(Duration::from_millis(50));
    let settings = JobSettings { checkpoint_interval, spill, ..JobSettings::default() };
    case.set_gates(OPEN / 2);
    let job = case.start(settings.clone()).await;
    let before = held(&case, &job).await;
    job.stop(headwater_runtime::Stop::Now);
    ended(&job).await.unwrap();
    case.bench.feeds().iter().for_each(|feed| feed.forget_progress());
    case.set_gates(OPEN - 20);
    let job = case.start(settings).await;
    held(&case, &job).await;
    case.set_gates(OPEN - 2);
    let after = held(&case, &job).await;
    assert_eq!(job.status().spilled_bytes > 0, spilled);
    [before, after]
}

#[tokio::test]
async fn state_that_has_not_changed_for_its_time_to_live_is_let_go() {
    let queries = [
        ("group", "SELECT k, count(*) AS n FROM a GROUP BY k;"),
        ("distinct", "SELECT DISTINCT k, x FROM a;"),
        ("inner join", "SELECT a.k, b.x FROM a JOIN b ON a.k = b.k;"),
        ("full join", "SELECT a.k, b.x FROM a FULL JOIN b ON a.k = b.k;"),
        ("anti join", "SELECT k FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.x > a.x);"),
        (
            "top-n",
            "SELECT * FROM (SELECT k, x, row_number() OVER (PARTITION BY k ORDER BY x) AS r FROM a) WHERE r <= 2;",
        ),
        ("group of groups", "SELECT k, max(n) AS m FROM (SELECT k, x, count(*) AS n FROM a GROUP BY k, x) GROUP BY k;"),
    ];
    for (name, query) in queries {
        for spilled in [false, true] {
            let kept = format!("SET updating_ttl = interval '1 hour'; {query}");
            let [before, after] = held_before_and_after(&kept, 40_000, spilled).await;
            assert!(before.1 >= 15_000, "{name} holds too little to say anything: {before:?}");
            assert!(after.0 * 8 < before.0, "{name}, spilled {spilled}: {before:?} and then {after:?} bytes and rows");
            assert!(after.1 * 2 < before.1, "{name}, spilled {spilled}: {before:?} and then {after:?} bytes and rows");
        }
    }
}

#[tokio::test]
async fn versions_that_nobody_can_see_any_more_are_let_go() {
    let query = "SELECT a.x, b.x AS y FROM a LEFT JOIN b FOR SYSTEM_TIME AS OF a.ts ON a.k = b.k;";
    for spilled in [false, true] {
        // As many versions of forty thousand keys, and as many of ten.
        let [_, many] = held_before_and_after(query, 40_000, spilled).await;
        let [before, few] = held_before_and_after(query, 10, spilled).await;
        assert!(many.1 > 39_000, "{many:?}");
        assert!(few.0 * 20 < many.0, "spilled {spilled}: {few:?}, and {many:?} for a version a key");
        assert!(before.1.max(few.1) < 10_000, "spilled {spilled}: {before:?} and then {few:?} rows");
    }
}
