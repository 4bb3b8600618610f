//! The same frames through the whole engine: planned, run as a job, crashed and gone on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_runtime::{Job, JobEnd, JobSettings, Stop};
use headwater_sql::{PlanSettings, Script};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;

use super::oracle;

/// Short, so that crashes come between checkpoints of a job that only takes a moment.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(1);

/// Plans a file, or fails with its message.
pub(crate) fn plan(text: &str, path: &Path, parallelism: usize) -> Script {
    let connectors = ConnectorSet::new(ConnectorSettings {
        base_dir: ".".into(),
        bootstrap_servers: Some("localhost:9092".into()),
        log_id: None,
    });
    // Materialized views are the server's; here they only have to be planned.
    let text = text.replace("CREATE MATERIALIZED VIEW", "CREATE VIEW");
    let text = ["1 hour", "10 minutes"]
        .iter()
        .fold(text, |text, retention| text.replace(&format!(" WITH (retention = interval '{retention}') AS"), " AS"));
    match headwater_sql::plan(&text, &connectors, &PlanSettings { parallelism }) {
        Ok(script) => script,
        Err(diagnostic) => panic!("{}", diagnostic.render(&path.display().to_string(), &text)),
    }
}

async fn start(frames: &Path, answer: &Path, select: &str, parallelism: usize, store: &CheckpointStore) -> Job {
    let text = format!(
        "CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
             WITH (connector = 'single_file', path = '{}', type = 'source');
         CREATE TABLE answer WITH (connector = 'single_file', path = '{}');
         INSERT INTO answer {select};",
        frames.display(),
        answer.display()
    );
    let graph = plan(&text, answer, parallelism).graph.unwrap();
    let settings =
        JobSettings { parallelism, checkpoint_interval: Some(CHECKPOINT_INTERVAL), ..JobSettings::default() };
    Job::start("case", graph, settings, Some(store.clone())).await.unwrap()
}

fn checkpoints() -> CheckpointStore {
    CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints")
}

/// The answer of an uninterrupted run.
pub(crate) async fn whole(folder: &Path, frames: &Path, select: &str, parallelism: usize) -> Vec<String> {
    let answer = folder.join(format!("whole-{parallelism}.json"));
    let job = start(frames, &answer, select, parallelism, &checkpoints()).await;
    assert_eq!(job.ended().await.unwrap(), JobEnd::Finished);
    assert_eq!(job.status().late_rows, 0);
    oracle::sorted(&std::fs::read_to_string(answer).unwrap())
}

/// The answer of a job that is ended in the middle again and again and goes on at another parallelism, and how often
/// that was.
pub(crate) async fn with_crashes(
    folder: &Path,
    frames: &Path,
    select: &str,
    parallelisms: &[usize],
) -> (Vec<String>, usize) {
    let answer = folder.join("crashed.json");
    let store = checkpoints();
    let mut crashes = 0;
    for parallelism in parallelisms.iter().cycle().take(12) {
        let job = start(frames, &answer, select, *parallelism, &store).await;
        let before = store.latest("case").await.unwrap().map_or(0, |manifest| manifest.epoch);
        let ended = job.ended();
        tokio::pin!(ended);
        let finished = tokio::select! {
            end = &mut ended => end.unwrap() == JobEnd::Finished,
            // Rows that came after the checkpoint are lost with the crash, and have to come again.
            () = progressed(&job, before + 1) => false,
        };
        if finished {
            break;
        }
        job.stop(Stop::Now);
        match ended.await.unwrap() {
            JobEnd::Stopped => crashes += 1,
            JobEnd::Finished => break,
        }
    }
    let job = start(frames, &answer, select, 2, &store).await;
    assert_eq!(job.ended().await.unwrap(), JobEnd::Finished);
    (oracle::sorted(&std::fs::read_to_string(answer).unwrap()), crashes)
}

/// Waits until the job has completed an epoch.
async fn progressed(job: &Job, epoch: u64) {
    while job.status().epoch.unwrap_or(0) < epoch {
        tokio::task::yield_now().await;
    }
}
