//! Functions of an embedding program: found by the planner, held to batch where they only compute, and awaited where they
//! have to be, in order, through failures, and no longer than they said.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod awaited;
mod registered;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_core::AsyncFunction;
use headwater_oracle::{Agreement, Bench, CheckSettings, Failure, Question, check};
use headwater_plan::Connectors;
use headwater_runtime::{Job, JobEnd, JobError, JobSettings, RestartPolicy};
use headwater_sql::{Diagnostic, Functions, PlanSettings, plan_with};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;

/// Rows of the tables below.
const ROWS: usize = 30_000;

/// A table of rows in order, and one to write to.
const TABLES: &str = "
    CREATE TABLE numbers (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts)
        WITH (connector = 'single_file', path = 'numbers.json', type = 'source');
    CREATE TABLE answers WITH (connector = 'single_file', path = 'answers.json', type = 'sink');";

fn connectors(folder: &Path) -> ConnectorSet {
    ConnectorSet::new(ConnectorSettings { base_dir: folder.to_owned(), ..ConnectorSettings::default() })
}

/// A folder with the numbers in order, ten a second.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for n in 0..ROWS {
        let (minute, second) = (n / 600, n / 10 % 60);
        let hour = 8 + minute / 60;
        writeln!(lines, r#"{{"n":{n},"ts":"2026-03-01T{hour:02}:{:02}:{second:02}"}}"#, minute % 60).unwrap();
    }
    std::fs::write(folder.path().join("numbers.json"), lines).unwrap();
    folder
}

fn with_async(function: impl AsyncFunction + 'static) -> Functions {
    let mut functions = Functions::default();
    functions.add_async(Arc::new(function)).unwrap();
    functions
}

/// Holds a query over the numbers to batch.
async fn agree(query: &str, functions: Functions) -> Result<Agreement, Failure> {
    let folder = folder();
    let connectors: Arc<dyn Connectors> = Arc::new(connectors(folder.path()));
    let bench = Bench::new(connectors).with_functions(functions);
    let sql = format!("{TABLES} {query}");
    let question = Question { sql: &sql, bench: &bench, inputs: Default::default() };
    check(question, &CheckSettings { seed: 3, rounds: 1 }).await
}

fn refused(query: &str, functions: &Functions) -> Diagnostic {
    let sql = format!("{TABLES} {query}");
    plan_with(&sql, &connectors(Path::new(".")), functions, &PlanSettings { parallelism: 1 }).unwrap_err()
}

/// Runs a query over the numbers with checkpoints; gives the lines that it wrote, or why it failed.
async fn run(query: &str, functions: &Functions) -> Result<Vec<String>, JobError> {
    let folder = folder();
    let sql = format!("{TABLES} {query}");
    let script = plan_with(&sql, &connectors(folder.path()), functions, &PlanSettings { parallelism: 1 }).unwrap();
    let restart = RestartPolicy { first_delay: std::time::Duration::from_millis(1), ..RestartPolicy::default() };
    let settings = JobSettings { restart, ..JobSettings::default() };
    let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
    let job = Job::start("functions", script.graph.unwrap(), settings, Some(store)).await?;
    assert_eq!(job.ended().await?, JobEnd::Finished);
    let written = std::fs::read_to_string(folder.path().join("answers.json")).unwrap();
    Ok(written.lines().map(str::to_owned).collect())
}
