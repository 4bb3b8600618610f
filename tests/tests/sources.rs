//! Sources in whole jobs, over real files: what cannot be read goes to its table once whatever happens, a folder is
//! watched over a crash, and partitions that hold each other come to the end with the rows that they would give alone.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_runtime::{Job, JobEnd, JobSettings, JobStatus, Stop};
use headwater_sql::{PlanSettings, plan};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(base: &Path, sql: &str, parallelism: usize, store: &CheckpointStore) -> Job {
    let connectors = ConnectorSet::new(ConnectorSettings { base_dir: base.to_owned(), ..ConnectorSettings::default() });
    let script = plan(sql, &connectors, &PlanSettings { parallelism });
    let script = script.unwrap_or_else(|error| panic!("{}", error.render("query.sql", sql)));
    let checkpoint_interval = Some(Duration::from_millis(20));
    let settings = JobSettings { parallelism, checkpoint_interval, ..JobSettings::default() };
    Job::start("test", script.graph.unwrap(), settings, Some(store.clone())).await.unwrap()
}

/// Waits until a job is so far. What it says of itself are counters, so they are looked at now and then.
async fn until(job: &Job, what: &str, reached: impl Fn(&JobStatus) -> bool) {
    let began = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    while !reached(&job.status()) {
        looks.tick().await;
        assert!(began.elapsed() < PATIENCE, "{what}: {:?}", job.status());
    }
}

fn put(base: &Path, name: &str, content: &str) {
    std::fs::create_dir_all(base.join("in")).unwrap();
    std::fs::write(base.join(name), content).unwrap();
    std::fs::rename(base.join(name), base.join("in").join(name)).unwrap();
}

/// Every row of a table of JSON files, as objects in order.
fn rows(base: &Path, table: &str) -> Vec<serde_json::Value> {
    let mut folders = vec![base.join(table)];
    let mut rows = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read_to_string(path).unwrap();
                rows.extend(content.lines().map(|line| serde_json::from_str(line).unwrap()));
            }
        }
    }
    rows.sort_by_key(ToString::to_string);
    rows
}

/// Lines of which every fifth is bad.
fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|n| if n % 5 == 2 { format!("no. {n}\n") } else { format!("{{\"n\": {n}}}\n") }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_of_a_watched_folder_are_there_once_after_crashes() {
    const SQL: &str = "
        CREATE TABLE numbers (n BIGINT) WITH (
            connector = 'filesystem', path = 'in', format = 'json', watch = interval '5 milliseconds',
            bad_data = 'dead_letter', dead_letter = 'unread'
        );
        CREATE TABLE unread WITH (connector = 'filesystem', path = 'unread', format = 'json', 'rolling.file_size' = 100);
        CREATE TABLE kept WITH (connector = 'filesystem', path = 'kept', format = 'json', 'rolling.file_size' = 100);
        INSERT INTO kept SELECT n FROM numbers;";
    const FILE_ROWS: u64 = 30_000;
    let base = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
    for (round, parallelism) in [2, 1, 3, 2].into_iter().enumerate() {
        let first = round as u64 * FILE_ROWS;
        let job = start(base.path(), SQL, parallelism, &store).await;
        put(base.path(), &format!("{round}.json"), &lines(first..first + FILE_ROWS));
        // A job that is stopped before it has begun to read reads nothing.
        until(&job, "something is read", |status| status.sources[0].rows > 0).await;
        if round < 3 {
            // It crashes somewhere in the new file, or behind it.
            drop(job);
        } else {
            job.stop(Stop::Drain);
            assert_eq!(job.ended().await.unwrap(), JobEnd::Stopped);
        }
    }
    let all = 4 * FILE_ROWS;
    let numbers: Vec<u64> = rows(base.path(), "kept").iter().map(|row| row["n"].as_u64().unwrap()).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert!(sorted == (0..all).filter(|n| n % 5 != 2).collect::<Vec<_>>(), "{} rows", numbers.len());
    let letters = rows(base.path(), "unread");
    let place = |row: &serde_json::Value| {
        let file = Path::new(row["topic"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap().parse::<u64>();
        file.unwrap() * FILE_ROWS + row["offset"].as_u64().unwrap() - 1
    };
    let mut places: Vec<u64> = letters.iter().map(place).collect();
    places.sort_unstable();
    assert!(places == (0..all).filter(|n| n % 5 == 2).collect::<Vec<_>>(), "{} bad records", places.len());
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for letter in &letters {
        assert_eq!(letter["bytes"], hex(&format!("no. {}", place(letter))));
        assert!(!letter["reason"].as_str().unwrap().is_empty());
    }
}

/// Partitions that are far apart, over instances that hold each other: nothing stands still, nothing is late.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_wait_for_each_other_give_what_they_would_give_alone() {
    let base = tempfile::tempdir().unwrap();
    let time = |second: u64| format!("2023-09-18T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    // Files of other lengths and densities, one of them with a gap of hours.
    for (file, seconds) in [
        (0..20_000).collect::<Vec<u64>>(),
        (0..40_000).step_by(2).collect(),
        (0..100).chain(60_000..70_000).collect(),
        (5_000..5_010).collect(),
        (0..9_000).collect(),
    ]
    .into_iter()
    .enumerate()
    {
        let lines: String = seconds.iter().map(|second| format!("{{\"ts\": \"{}\"}}\n", time(*second))).collect();
        put(base.path(), &format!("{file}.json"), &lines);
        for second in seconds {
            *expected.entry(time(second / 60 * 60)).or_default() += 1;
        }
    }
    for parallelism in [1, 2, 3] {
        let sql = format!(
            "CREATE TABLE events (ts TIMESTAMP NOT NULL, WATERMARK FOR ts) WITH (
                connector = 'filesystem', path = 'in', format = 'json', 'watermark.max_drift' = interval '10 minutes'
            );
            CREATE TABLE counts WITH (connector = 'filesystem', path = 'counts-{parallelism}', format = 'json');
            INSERT INTO counts SELECT window.start AS start, events FROM (
                SELECT tumble(interval '1 minute') AS window, count(*) AS events FROM events GROUP BY window
            );"
        );
        let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
        let job = start(base.path(), &sql, parallelism, &store).await;
        let ended = tokio::time::timeout(PATIENCE, job.ended()).await;
        assert_eq!(ended.unwrap_or_else(|_| panic!("{:?}", job.status())).unwrap(), JobEnd::Finished);
        assert_eq!(job.status().late_rows, 0);
        let counts = rows(base.path(), &format!("counts-{parallelism}"));
        let pair =
            |row: &serde_json::Value| (row["start"].as_str().unwrap().to_owned(), row["events"].as_u64().unwrap());
        let found: BTreeMap<String, u64> = counts.iter().map(pair).collect();
        assert_eq!(found.len(), counts.len(), "a window came twice");
        assert!(found == expected, "by {parallelism} instances, {} windows, not {}", found.len(), expected.len());
    }
}
